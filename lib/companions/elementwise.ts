import { expectApart, expectApartOrSame, expectLength, expectRank, expectThat, type Sizes, sizeOf } from './check.js';
import { type BinaryOp, type CompanionKernels, MAX_RANK, type UnaryOp } from './kernels.js';

/**
 * `out[i] = op(x[i])`. `first` and `second` are the parameters that {@link UnaryOp} names. `out` may be `x` itself.
 * @throws ConvolithError `ERR_BUFFER` where the lengths differ or `out` overlaps `x` otherwise.
 */
export function unary(
  kernels: CompanionKernels,
  op: UnaryOp,
  x: Float32Array,
  out: Float32Array,
  first = 0,
  second = 0,
): void {
  expectLength(out, x.length, 'out');
  expectApartOrSame(out, x, 'x');
  kernels.unary(op, x, out, first, second);
}

/**
 * The shape that two shapes broadcast to: aligned at the last axis, sizes equal or one of them 1.
 * @throws ConvolithError `ERR_SHAPE` where they do not.
 */
export function broadcastShape(aShape: Sizes, bShape: Sizes): number[] {
  const rank = Math.max(aShape.length, bShape.length);
  const [aSkip, bSkip] = [rank - aShape.length, rank - bShape.length];
  const shape: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const a = axis < aSkip ? 1 : aShape[axis - aSkip];
    const b = axis < bSkip ? 1 : bShape[axis - bSkip];
    expectThat(a === b || a === 1 || b === 1, () => `a shape that broadcasts with [${aShape}]`, 'b', bShape);
    shape.push(a === 1 ? b : a);
  }
  return shape;
}

const block = new Int32Array(1 + 3 * MAX_RANK);
// Innermost axis first, while the block is being worked out.
const sizes = new Int32Array(MAX_RANK);
const aStrides = new Int32Array(MAX_RANK);
const bStrides = new Int32Array(MAX_RANK);

/** Fills the block of `CompanionKernels.binary`, axes that step alike joined. Returns the size of the output. */
function fillBlock(aShape: Sizes, bShape: Sizes): number {
  let total = 1;
  let rank = 0;
  let aStep = 1;
  let bStep = 1;
  for (let back = 1; back <= aShape.length || back <= bShape.length; back++) {
    const a = back <= aShape.length ? aShape[aShape.length - back] : 1;
    const b = back <= bShape.length ? bShape[bShape.length - back] : 1;
    expectThat(a === b || a === 1 || b === 1, () => `a shape that broadcasts with [${aShape}]`, 'b', bShape);
    const size = a === 1 ? b : a;
    total *= size;
    if (size === 1) continue;
    const aStride = a === 1 ? 0 : aStep;
    const bStride = b === 1 ? 0 : bStep;
    aStep *= a;
    bStep *= b;
    const inner = rank - 1;
    if (
      rank > 0 &&
      aStride === aStrides[inner] * sizes[inner] &&
      bStride === bStrides[inner] * sizes[inner] &&
      total > 0
    ) {
      sizes[inner] *= size;
      continue;
    }
    expectRank(rank + 1, 'the broadcast of a and b');
    sizes[rank] = size;
    aStrides[rank] = aStride;
    bStrides[rank++] = bStride;
  }
  if (rank === 0) {
    rank = 1;
    sizes[0] = aStrides[0] = bStrides[0] = 1;
  }
  block[0] = rank;
  for (let axis = 0; axis < rank; axis++) {
    const from = rank - 1 - axis;
    block[1 + axis] = sizes[from];
    block[1 + rank + axis] = aStrides[from];
    block[1 + 2 * rank + axis] = bStrides[from];
  }
  return total;
}

/**
 * `out = op(a, b)`, `out` of the shape that both broadcast to. `out` may be `a` or `b` itself where that one has its
 * whole shape.
 * @throws ConvolithError `ERR_SHAPE` where the shapes do not broadcast, `ERR_BUFFER` where a length does not fit its
 * shape or `out` overlaps otherwise, `ERR_UNSUPPORTED` beyond {@link MAX_RANK} axes that cannot be joined.
 */
export function binary(
  kernels: CompanionKernels,
  op: BinaryOp,
  a: Float32Array,
  aShape: Sizes,
  b: Float32Array,
  bShape: Sizes,
  out: Float32Array,
): void {
  expectLength(a, sizeOf(aShape), 'a');
  expectLength(b, sizeOf(bShape), 'b');
  const total = fillBlock(aShape, bShape);
  expectLength(out, total, 'out');
  expectApartOrSame(out, a, 'a');
  expectApartOrSame(out, b, 'b');
  if (total > 0) kernels.binary(op, a, b, out, block);
}

/**
 * The sum of one or more arrays of equal length, added in their order. `out` lies apart from all of them.
 * @throws ConvolithError `ERR_SHAPE` for no input, `ERR_BUFFER` where the lengths differ or `out` overlaps.
 */
export function addN(kernels: CompanionKernels, inputs: readonly Float32Array[], out: Float32Array): void {
  expectThat(inputs.length > 0, 'at least one array', 'inputs', inputs.length);
  for (const input of inputs) {
    expectLength(input, out.length, 'each of inputs');
    expectApart(out, input, 'inputs');
  }
  if (inputs.length === 1) out.set(inputs[0]);
  const shape = [out.length];
  for (let i = 1; i < inputs.length; i++) {
    binary(kernels, 'add', i === 1 ? inputs[0] : out, shape, inputs[i], shape, out);
  }
}

/** The vectors of a batch norm: one value a channel, or one for all. */
export interface BatchNormVectors {
  readonly mean: Float32Array;
  readonly variance: Float32Array;
  /** 0 where left out. */
  readonly offset?: Float32Array | null;
  /** 1 where left out. */
  readonly scale?: Float32Array | null;
  readonly epsilon: number;
}

/**
 * `out = (x - mean) * scale / sqrt(variance + epsilon) + offset` over the last axis (Ioffe and Szegedy 2015). `out` may
 * be `x` itself.
 * @throws ConvolithError `ERR_SHAPE` where the vectors' lengths are neither 1 nor that of the longest, or do not divide
 * the length of `x`.
 */
export function batchNorm(
  kernels: CompanionKernels,
  x: Float32Array,
  vectors: BatchNormVectors,
  out: Float32Array,
): void {
  const { mean, variance, offset, scale, epsilon } = vectors;
  const channels = Math.max(mean.length, variance.length, offset?.length ?? 1, scale?.length ?? 1);
  for (const vector of [mean, variance, offset, scale]) {
    const length = vector?.length ?? 1;
    expectThat(length === 1 || length === channels, () => `1 or ${channels} values`, 'each batch norm vector', length);
  }
  expectThat(channels > 0 && x.length % channels === 0, () => `a multiple of ${channels} values`, 'x', x.length);
  expectLength(out, x.length, 'out');
  expectApartOrSame(out, x, 'x');
  if (x.length === 0) return;
  const factors = new Float32Array(channels);
  for (let c = 0; c < channels; c++) {
    factors[c] = (scale ? at(scale, c) : 1) / Math.sqrt(at(variance, c) + epsilon);
  }
  const means = mean.length === channels ? mean : new Float32Array(channels).fill(mean[0]);
  const offsets =
    offset?.length === channels ? offset : new Float32Array(channels).fill(offset?.length === 1 ? offset[0] : 0);
  kernels.normalize(x, means, factors, offsets, out);
}

function at(vector: Float32Array, c: number): number {
  return vector[vector.length === 1 ? 0 : c];
}
