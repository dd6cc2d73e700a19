import type { CompanionKernels } from '../../companions/kernels.js';
import { copy } from './copy.js';
import { binary, normalize, unary } from './elementwise.js';
import { matMul } from './matmul.js';
import { argMax, reduce, softmax, topK } from './reduce.js';
import { resizeBilinear, resizeNearest } from './resize.js';
import { avgPoolGrad, maxPoolGrad, pool } from './window.js';

/** The companions in pure TypeScript, on one thread; sums are float64 and rounded once, by the store. */
export const referenceCompanions: CompanionKernels = Object.freeze({
  isa: 'js',
  unary,
  binary,
  normalize,
  copy,
  pool,
  avgPoolGrad,
  maxPoolGrad,
  reduce,
  argMax,
  softmax,
  topK,
  resizeBilinear,
  resizeNearest,
  matMul,
});
