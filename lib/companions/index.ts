export type { Sizes } from './check.js';
export * from './elementwise.js';
export * from './kernels.js';
export * from './matmul.js';
export * from './movement.js';
export * from './reduce.js';
export * from './resize.js';
export * from './space.js';
export * from './window.js';
