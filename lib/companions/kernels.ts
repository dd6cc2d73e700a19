/**
 * What a network needs around its convolutions, as both engines serve it: the layer under the functions of this
 * folder, which check shapes, work out geometry and call these. One call is one pass over memory.
 *
 * Everywhere: arrays are dense and row-major and may be views at any byte offset; `out` is given by the caller and never
 * overlaps what is read, but where in-place is named; float32 unless another kind is named. Numbers come in flat
 * Int32Array blocks, whose layout each method states, because reading properties of objects costs more than a small
 * kernel. A block may be longer than what is read of it and is not kept.
 * Results are those of TensorFlow.js 4.22's CPU backend, NaN and infinities included, up to the rounding of float32 sums
 * (theirs are float64) and 2 units in the last place of exponentials.
 * The functions of this folder have checked what they pass on; the native engine checks it all again, since a wrong
 * offset would be a crash there: `ERR_BUFFER` where an array is too short for its block, detached, shared, or `out`
 * overlaps, `ERR_DTYPE` for another kind of array, `ERR_SHAPE` for a negative size.
 */
export interface CompanionKernels {
  /** The instruction set in use; `'js'` for the TypeScript twin. */
  readonly isa: string;

  /** `out[i] = op(x[i])` for `out.length` values. In place where `out` is `x`. `first` and `second` as {@link UnaryOp} says. */
  unary(op: UnaryOp, x: Float32Array, out: Float32Array, first: number, second: number): void;

  /**
   * `out = op(a, b)` over a broadcast shape. Block: `[rank, sizes…, strides of a…, strides of b…]` with `rank` of each
   * (1 to {@link MAX_RANK}), strides in elements, 0 where broadcast. `out` is dense. In place on `a` or `b` where that
   * one is dense and of the same length.
   */
  binary(op: BinaryOp, a: Float32Array, b: Float32Array, out: Float32Array, block: Int32Array): void;

  /**
   * Normalisation over the last axis: `out[i][c] = (x[i][c] - mean[c]) * scale[c] + offset[c]`, c below `mean.length`.
   * In place where `out` is `x`.
   */
  normalize(x: Float32Array, mean: Float32Array, scale: Float32Array, offset: Float32Array, out: Float32Array): void;

  /**
   * Strided copies, all of them in one call. Block: `[count, regions…]`, a region
   * `[source, source offset, out offset, rank, (size, source stride, out stride)…]`, in elements, rank 0 to
   * {@link MAX_RANK}, outermost axis first; strides may be 0 (fills) or negative (mirrors). Regions of one call must not
   * write the same place. All arrays are of one kind.
   */
  copy<T extends Movable>(sources: readonly T[], out: T, block: Int32Array): void;

  /**
   * Pooling over NDHWC. Block ({@link PoolField}): batch, channels, then depth, height, width each of input, output,
   * window, stride, dilation and padding before. Values outside of the map take no part and are not counted. Taps that
   * are NaN lose against any number in a maximum, which is -Infinity where no number is. An average of no value at all
   * is NaN, or 0 where the last field is 1.
   */
  pool(op: PoolOp, x: Float32Array, out: Float32Array, block: Int32Array): void;

  /**
   * Gradient of an average: `dx` gets Σ dy / (taps of the whole window, padding included), as TensorFlow.js has it.
   * Block as that of `pool`.
   */
  avgPoolGrad(dy: Float32Array, dx: Float32Array, block: Int32Array): void;

  /**
   * Gradient of a maximum: each `dy` goes to the place of the largest value of its window, the first of equals where
   * `last` is false, the last where it is true. Block as that of `pool`.
   */
  maxPoolGrad(dy: Float32Array, x: Float32Array, dx: Float32Array, block: Int32Array, last: boolean): void;

  /** `out[o][i]` from `x[o][r][i]` over r; a maximum is NaN where any value is. */
  reduce(op: ReduceOp, x: Float32Array, out: Float32Array, outer: number, size: number, inner: number): void;

  /** The first place of the largest value in `x[o][·][i]`, as TensorFlow.js finds it: NaN is never larger. */
  argMax(x: Float32Array, out: Int32Array, outer: number, size: number, inner: number): void;

  /** Softmax of each row of `columns`. In place where `out` is `x`. */
  softmax(x: Float32Array, out: Float32Array, rows: number, columns: number): void;

  /** The `k` largest of each row, largest first, the lower index first among equals. Rows hold no NaN. */
  topK(x: Float32Array, values: Float32Array, indices: Int32Array, rows: number, columns: number, k: number): void;

  /**
   * `out[n][y][x][c]` from the rows `low[y]`, `high[y]` and the columns `low[H + x]`, `high[H + x]` of an NHWC map,
   * interpolated by `fraction` (same indices), as {@link ResizeTables} holds them. Block: `[batch, input height, input
   * width, output height H, output width, channels]`.
   */
  resizeBilinear(x: Float32Array, out: Float32Array, tables: ResizeTables, block: Int32Array): void;

  /** `out[n][y][x][c] = x[n][places[y]][places[H + x]][c]`. Block as that of `resizeBilinear`. */
  resizeNearest(x: Float32Array, out: Float32Array, places: Int32Array, block: Int32Array): void;

  /**
   * `out[n] = activation(op(a[n % batchA]) · op(b[n % batchB]) + bias)`, op a transposition where asked for.
   * Block ({@link MatMulField}): batch, batchA, batchB, m, n, k, transposeA, transposeB (0 or 1).
   */
  matMul(a: Float32Array, b: Float32Array, out: Float32Array, block: Int32Array, epilogue: MatMulEpilogue): void;
}

/** Axes that a block of sizes and strides may have, after neighbouring axes that step alike have been joined. */
export const MAX_RANK = 8;

/** The kinds of array that movement serves. A bool tensor is a Uint8Array. */
export type Movable = Float32Array | Int32Array | Uint8Array;

export const UNARY_OPS = [
  /** max(x, 0) */
  'relu',
  /** min(max(x, 0), 6) */
  'relu6',
  /** x < 0 ? first * x : x */
  'leakyRelu',
  /** x < 0 ? e^x - 1 : x */
  'elu',
  /** 1 / (1 + e^-x) */
  'sigmoid',
  'tanh',
  /** Between `first` and `second`, first <= second. */
  'clip',
  'abs',
  'neg',
  'exp',
  'sqrt',
  /** 1 / sqrt(x) */
  'rsqrt',
  /** x * x */
  'square',
  /** first * x * relu6(x + second) */
  'hardSwish',
] as const;
export type UnaryOp = (typeof UNARY_OPS)[number];

export const BINARY_OPS = [
  'add',
  'sub',
  'mul',
  'div',
  /** NaN where either is. */
  'maximum',
  'minimum',
  /** (a - b)² */
  'squaredDifference',
  /** a < 0 ? b * a : a */
  'prelu',
] as const;
export type BinaryOp = (typeof BINARY_OPS)[number];

export const POOL_OPS = ['max', 'avg'] as const;
export type PoolOp = (typeof POOL_OPS)[number];

export const REDUCE_OPS = ['sum', 'mean', 'max'] as const;
export type ReduceOp = (typeof REDUCE_OPS)[number];

/** Places in the block of a pooling. Depth, height and width follow each other from those that name the depth. */
export const PoolField = {
  batch: 0,
  channels: 1,
  input: 2,
  output: 5,
  window: 8,
  stride: 11,
  dilation: 14,
  padding: 17,
  emptyIsZero: 20,
  count: 21,
} as const;

/** Places in the block of a matrix product. */
export const MatMulField = {
  batch: 0,
  batchA: 1,
  batchB: 2,
  m: 3,
  n: 4,
  k: 5,
  transposeA: 6,
  transposeB: 7,
  count: 8,
} as const;

/** Where each output row and then each output column of a resized map looks. */
export interface ResizeTables {
  readonly low: Int32Array;
  readonly high: Int32Array;
  /** Share of `high`. */
  readonly fraction: Float32Array;
}

export const MATMUL_ACTIVATIONS = ['linear', 'relu', 'relu6', 'leakyRelu', 'elu', 'sigmoid', 'prelu'] as const;
export type MatMulActivation = (typeof MATMUL_ACTIVATIONS)[number];

/** What is done to the sums of a matrix product on their way to memory. */
export interface MatMulEpilogue {
  /** One a column, `[n]`. */
  readonly bias: Float32Array | null;
  readonly activation: MatMulActivation;
  /** Of `leakyRelu`. */
  readonly alpha: number;
  /** Of `prelu`, one a column, `[n]`. */
  readonly slope: Float32Array | null;
}
