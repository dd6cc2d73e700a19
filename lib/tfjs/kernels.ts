import { convKernels } from './conv.js';
import { convTransposeKernels } from './conv-transpose.js';
import type { Kernel } from './kernel.js';

/** Every kernel that is ours; TensorFlow.js's CPU backend has the rest. */
export const KERNELS: readonly Kernel[] = [...convKernels, ...convTransposeKernels];
