import { expectApart, expectLength, expectThat, type Sizes, sizeOf } from './check.js';
import type { CompanionKernels, ResizeTables } from './kernels.js';

/** How output places map to input places; both false is TensorFlow's first way, input = output * scale. */
export interface ResizeOptions {
  /** The corner pixels of both maps lie on each other. */
  readonly alignCorners: boolean;
  /** Pixels are areas: input + 0.5 = (output + 0.5) * scale. */
  readonly halfPixelCenters: boolean;
}

const block = new Int32Array(6);

/** Fills the block; refuses what does not fit. */
function prepare(x: Float32Array, xShape: Sizes, size: Sizes, out: Float32Array): void {
  expectThat(xShape.length === 4, '4 axes', 'xShape', xShape);
  const isSize = size.length === 2 && size.every((side) => Number.isInteger(side) && side >= 0);
  expectThat(isSize, 'height and width', 'size', size);
  const [batch, height, width, channels] = xShape;
  expectLength(x, sizeOf(xShape), 'x');
  expectLength(out, batch * size[0] * size[1] * channels, 'out');
  expectApart(out, x, 'x');
  block.set([batch, height, width, size[0], size[1], channels]);
}

function scaleOf(input: number, output: number, { alignCorners }: ResizeOptions): number {
  return alignCorners && output > 1 ? (input - 1) / (output - 1) : input / output;
}

function fillBilinear(tables: ResizeTables, from: number, input: number, output: number, options: ResizeOptions): void {
  const scale = scaleOf(input, output, options);
  for (let i = 0; i < output; i++) {
    const place = options.halfPixelCenters ? scale * (i + 0.5) - 0.5 : scale * i;
    const low = Math.min(input - 1, Math.max(0, Math.floor(place)));
    tables.low[from + i] = low;
    tables.high[from + i] = Math.max(0, Math.min(input - 1, Math.ceil(place)));
    tables.fraction[from + i] = place - low;
  }
}

/**
 * TensorFlow's ResizeBilinear of an NHWC map to `size` [height, width].
 * @throws ConvolithError `ERR_SHAPE` and `ERR_BUFFER` where shapes and lengths do not fit.
 */
export function resizeBilinear(
  kernels: CompanionKernels,
  x: Float32Array,
  xShape: Sizes,
  size: Sizes,
  options: ResizeOptions,
  out: Float32Array,
): void {
  prepare(x, xShape, size, out);
  if (out.length === 0) return;
  expectThat(x.length > 0, 'a map with pixels', 'xShape', xShape);
  const [height, width] = size;
  const count = height + width;
  const tables = { low: new Int32Array(count), high: new Int32Array(count), fraction: new Float32Array(count) };
  fillBilinear(tables, 0, xShape[1], height, options);
  fillBilinear(tables, height, xShape[2], width, options);
  kernels.resizeBilinear(x, out, tables, block);
}

function fillNearest(places: Int32Array, from: number, input: number, output: number, options: ResizeOptions): void {
  const scale = scaleOf(input, output, options);
  for (let i = 0; i < output; i++) {
    const place = options.halfPixelCenters ? scale * (i + 0.5) : scale * i;
    const nearest = options.alignCorners ? Math.round(place) : Math.floor(place);
    places[from + i] = Math.max(0, Math.min(input - 1, nearest));
  }
}

/**
 * TensorFlow's ResizeNearestNeighbor of an NHWC map to `size` [height, width].
 * @throws ConvolithError `ERR_SHAPE` and `ERR_BUFFER` where shapes and lengths do not fit.
 */
export function resizeNearestNeighbor(
  kernels: CompanionKernels,
  x: Float32Array,
  xShape: Sizes,
  size: Sizes,
  options: ResizeOptions,
  out: Float32Array,
): void {
  prepare(x, xShape, size, out);
  if (out.length === 0) return;
  expectThat(x.length > 0, 'a map with pixels', 'xShape', xShape);
  const [height, width] = size;
  const places = new Int32Array(height + width);
  fillNearest(places, 0, xShape[1], height, options);
  fillNearest(places, height, xShape[2], width, options);
  kernels.resizeNearest(x, out, places, block);
}
