import { expectApart, expectLength, expectThat } from './check.js';
import { type CompanionKernels, PoolField, type PoolOp } from './kernels.js';

type Axes = readonly [depth: number, height: number, width: number];

/**
 * A pooling over NDHWC maps; a 2-D one is one of depth 1. Output sizes are the caller's: windows may reach beyond the
 * map on either side, and what lies outside takes no part and is not counted.
 */
export interface PoolGeometry {
  /** 2 or 3: an average of no value at all is NaN in 2-D and 0 in 3-D, as TensorFlow.js has it. */
  readonly rank: 2 | 3;
  readonly batch: number;
  readonly channels: number;
  readonly input: Axes;
  readonly output: Axes;
  readonly window: Axes;
  readonly stride: Axes;
  readonly dilation: Axes;
  /** Places before the map. */
  readonly padding: Axes;
}

const block = new Int32Array(PoolField.count);
const AXES = ['input', 'output', 'window', 'stride', 'dilation', 'padding'] as const;

/** Fills the block; returns how many values the input and the output have. */
function fillBlock(geometry: PoolGeometry): { readonly input: number; readonly output: number } {
  const { batch, channels, rank } = geometry;
  block[PoolField.batch] = batch;
  block[PoolField.channels] = channels;
  block[PoolField.emptyIsZero] = rank === 3 ? 1 : 0;
  for (const name of AXES) {
    const least = name === 'window' || name === 'stride' || name === 'dilation' ? 1 : 0;
    for (let axis = 0; axis < 3; axis++) {
      const size = geometry[name][axis];
      expectThat(Number.isInteger(size) && size >= least, () => `integers of at least ${least}`, name, geometry[name]);
      block[PoolField[name] + axis] = size;
    }
  }
  const [inputDepth, inputHeight, inputWidth] = geometry.input;
  const [depth, height, width] = geometry.output;
  return {
    input: batch * channels * inputDepth * inputHeight * inputWidth,
    output: batch * channels * depth * height * width,
  };
}

/**
 * Maximum or average of each window: MaxPool, AvgPool, MaxPool3D, AvgPool3D.
 * @throws ConvolithError `ERR_SHAPE` for a size that is none, `ERR_BUFFER` where an array does not fit the geometry.
 */
export function pool(
  kernels: CompanionKernels,
  op: PoolOp,
  x: Float32Array,
  geometry: PoolGeometry,
  out: Float32Array,
): void {
  const count = fillBlock(geometry);
  expectLength(x, count.input, 'x');
  expectLength(out, count.output, 'out');
  expectApart(out, x, 'x');
  if (out.length > 0) kernels.pool(op, x, out, block);
}

/** Gradient of an average pooling: AvgPoolGrad, AvgPool3DGrad. `dx` is shaped as the input, `dy` as the output. */
export function avgPoolGrad(
  kernels: CompanionKernels,
  dy: Float32Array,
  geometry: PoolGeometry,
  dx: Float32Array,
): void {
  const count = fillBlock(geometry);
  expectLength(dy, count.output, 'dy');
  expectLength(dx, count.input, 'dx');
  expectApart(dx, dy, 'dy');
  if (dx.length > 0) kernels.avgPoolGrad(dy, dx, block);
}

/** Gradient of a maximum pooling: MaxPoolGrad, MaxPool3DGrad. `x` is what was pooled. */
export function maxPoolGrad(
  kernels: CompanionKernels,
  dy: Float32Array,
  x: Float32Array,
  geometry: PoolGeometry,
  dx: Float32Array,
): void {
  const count = fillBlock(geometry);
  expectLength(dy, count.output, 'dy');
  expectLength(x, count.input, 'x');
  expectLength(dx, count.input, 'dx');
  expectApart(dx, dy, 'dy');
  expectApart(dx, x, 'x');
  // Among equal values TensorFlow.js takes the first in 2-D and the last in 3-D.
  if (dx.length > 0) kernels.maxPoolGrad(dy, x, dx, block, geometry.rank === 3);
}
