import { convKernels } from './conv.js';
import { convGradientKernels } from './conv-gradients.js';
import { convTransposeKernels } from './conv-transpose.js';
import { elementwiseKernels } from './elementwise.js';
import { gatherKernels } from './gather.js';
import type { Kernel } from './kernel.js';
import { matMulKernels } from './matmul.js';
import { movementKernels } from './movement.js';
import { plainKernels } from './plain.js';
import { poolingKernels } from './pooling.js';
import { reductionKernels } from './reduction.js';
import { resizeKernels } from './resize.js';
import { slicingKernels } from './slicing.js';

/** Every kernel that is ours; TensorFlow.js's CPU backend has the rest. */
export const KERNELS: readonly Kernel[] = [
  ...convKernels,
  ...convTransposeKernels,
  ...convGradientKernels,
  ...matMulKernels,
  ...elementwiseKernels,
  ...movementKernels,
  ...slicingKernels,
  ...poolingKernels,
  ...reductionKernels,
  ...resizeKernels,
  ...plainKernels,
  ...gatherKernels,
];
