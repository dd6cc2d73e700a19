import { ConvGrad } from './conv-grad.js';
import { selectEngine } from './engines.js';
import { ConvolithError, expected, show } from './errors.js';
import type { Weight } from './functional.js';
import type { ForwardOptions } from './layers/layer.js';
import type {
  ConvOptions,
  ConvTransposeOptions,
  DepthwiseConvOptions,
  EpilogueOptions,
  Layout,
  Rank,
  RankedShape,
  RankedTensor,
  Shape,
} from './options.js';
import { asOptions, checkKeys, oneOf, product } from './spec/check.js';
import { outputShapeOf, resolveGeometry } from './spec/geometry.js';
import { LAYOUTS } from './spec/layout.js';
import type { ResolvedSpec } from './spec/resolve.js';
import { KEYS, resolveSpec } from './spec/resolve.js';
import type { StageKind, StageRequest, WeightSizes } from './spec/weight.js';
import { readWeight, resolveWeightShape, weightLayoutOf } from './spec/weight.js';
import type { ConvGeometry } from './spec.js';
import type { Tensor, TensorLike } from './tensor.js';
import { allocate, checkData, checkShape, overlap, readTensor } from './tensor.js';

/**
 * Options of a gradient: those of the convolution it belongs to, but what its epilogue does. The loss's gradient that
 * comes in is that of the plain sums, so an activation's derivative and batch norm are the caller's to apply.
 */
export type GradOptions<T> = Omit<T, 'weight' | 'algorithm' | keyof EpilogueOptions> & Pick<ForwardOptions, 'out'>;

const NOT_OF_GRADIENTS: readonly string[] = ['weight', 'bias', 'activation', 'batchNorm', 'algorithm'];

/** A call being checked: what it is called, and what convolution it belongs to. */
interface Call<R extends Rank = Rank> {
  readonly name: string;
  readonly kind: StageKind;
  readonly rank: R;
}

/** Splits off `out` and refuses unknown options; the rest is as a layer's. */
function readOptions(
  { name, kind, rank }: Call,
  given: unknown,
): { readonly out: unknown; readonly request: StageRequest } {
  const { out, ...options } = asOptions(given, 'options');
  checkKeys(
    options,
    KEYS[kind].filter((key) => !NOT_OF_GRADIENTS.includes(key)),
    name,
  );
  return { out, request: { kind, rank, options, path: '' } };
}

/** A tensor's data, where its shape is the one expected. */
function readShaped(value: unknown, shape: readonly number[], name: string, what: string): Float32Array {
  const read = readTensor(value, name);
  checkShape(read.shape, `${name}.shape`);
  if (read.shape.length !== shape.length || shape.some((size, axis) => size !== read.shape[axis])) {
    throw expected('ERR_SHAPE', `${what} ${show(shape)}`, `${name}.shape`, read.shape);
  }
  checkData(read.data, product(shape, `${name}.shape`), `${name}.data`, shape);
  return read.data;
}

/** `out` where that was given, else a new array, and the tensor to return. */
function readOut(
  out: unknown,
  shape: readonly number[],
  reads: readonly (readonly [name: string, data: Float32Array])[],
): { readonly data: Float32Array; readonly result: Tensor } {
  if (out === undefined) {
    const data = allocate(product(shape, 'the gradient'), 'the gradient');
    return { data, result: { data, shape: [...shape] } };
  }
  let data: Float32Array;
  if (ArrayBuffer.isView(out)) {
    checkData(out, product(shape, 'out'), 'out', shape);
    data = out;
  } else {
    data = readShaped(out, shape, 'out', "the gradient's shape");
  }
  for (const [name, other] of reads) {
    if (overlap(data, other)) {
      throw new ConvolithError(
        'ERR_BUFFER',
        `Expected memory apart from ${name} for out but received an overlapping part of the same buffer`,
      );
    }
  }
  const isTensor = !ArrayBuffer.isView(out) && 'shape' in (out as object);
  return { data, result: isTensor ? (out as Tensor) : { data, shape: [...shape] } };
}

/** Makes the gradients of the call's convolution, uses them once and frees them. */
function once(
  { spec, engine }: ResolvedSpec,
  geometry: ConvGeometry,
  request: StageRequest,
  use: (grad: ConvGrad) => void,
): void {
  const grad = new ConvGrad(selectEngine(engine), { spec, geometry }, weightLayoutOf(request));
  try {
    use(grad);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    // How V8 says that there is no room for the scratch of the TypeScript engine.
    throw new ConvolithError('ERR_MEMORY', 'Expected memory for the scratch of the gradient but there is none', {
      cause,
    });
  } finally {
    grad.dispose();
  }
}

function outputOf({ spec }: ResolvedSpec, geometry: ConvGeometry): number[] {
  return outputShapeOf(spec, geometry);
}

/** The gradient by the input; see {@link conv2dInputGrad}. */
function inputGrad<R extends Rank>(
  call: Call<R>,
  gradOutput: unknown,
  weight: Weight,
  inputShape: readonly number[],
  given: object,
): Tensor<Shape<R>> {
  const { out, request: bare } = readOptions(call, given);
  const request = { ...bare, options: { ...bare.options, weight } };
  const read = readWeight(request);
  const resolved = resolveSpec(request, read);
  checkShape(inputShape, 'inputShape');
  const shape = [...inputShape];
  const geometry = resolveGeometry(resolved.sizes, shape, 'inputShape');
  const data = readShaped(gradOutput, outputOf(resolved, geometry), 'gradOutput', "the output's shape");
  const filled = readOut(out, shape, [
    ['gradOutput', data],
    ['weight', read.data],
  ]);
  once(resolved, geometry, request, (grad) => grad.inputGrad(data, read.data, filled.data));
  return filled.result as Tensor<Shape<R>>;
}

/** The gradient by the weight; see {@link conv2dWeightGrad}. */
function weightGrad<R extends Rank>(
  call: Call<R>,
  input: unknown,
  gradOutput: unknown,
  weightShape: readonly number[],
  given: object,
): Tensor<Shape<R>> {
  const { out, request } = readOptions(call, given);
  const sizes: WeightSizes = resolveWeightShape(request, weightShape, 'weightShape');
  const shape = [...weightShape];
  const resolved = resolveSpec(request, sizes);
  const read = readTensor(input, 'input');
  checkShape(read.shape, 'input.shape');
  const geometry = resolveGeometry(resolved.sizes, read.shape);
  checkData(read.data, product(read.shape, 'input.shape'), 'input.data', read.shape);
  const { data } = read;
  const grad = readShaped(gradOutput, outputOf(resolved, geometry), 'gradOutput', "the output's shape");
  const filled = readOut(out, shape, [
    ['input', data],
    ['gradOutput', grad],
  ]);
  once(resolved, geometry, request, (gradients) => gradients.weightGrad(data, grad, filled.data));
  return filled.result as Tensor<Shape<R>>;
}

/**
 * The gradient of a loss by the input of {@link conv2d}, from its gradient by the output: each output's gradient goes
 * back by the weights to the inputs that it was summed from,
 * `gradInput[n, c, i] = Σ gradOutput[n, o, p] · weight[o, c, k]` over all o, p, k with `p · stride − padding + k · dilation = i`.
 * That is the transposed convolution of `gradOutput` with the same weight (Dumoulin and Visin 2016, section 4). Of a
 * padding mode other than zeros, what reached the padding is added to the entries that the padding repeats.
 * @param gradOutput - Shaped as the convolution's output, in `layout`.
 * @param weight - As the convolution's, in `weightLayout`.
 * @param inputShape - The input's whole shape, which stride leaves open, in `layout`.
 * @param options - The convolution's own, without bias, activation, batch norm and algorithm; `out` is filled and returned.
 * @returns A tensor of `inputShape`.
 * @throws ConvolithError `ERR_SHAPE` where the shapes do not belong together, `ERR_OPTION`, `ERR_DTYPE`, `ERR_BUFFER`,
 * `ERR_MEMORY`; nothing is written then.
 * @example
 * const [gradOutput, weight] = [tensor(Float32Array.of(1, 1, 1), [1, 1, 1, 3]), tensor(Float32Array.of(1, 10), [1, 1, 1, 2])];
 * console.log(conv2dInputGrad(gradOutput, weight, [1, 1, 1, 4]).data); // → Float32Array(4) [ 1, 11, 11, 10 ]
 */
export function conv2dInputGrad<
  const L extends Layout<2> = 'NCHW',
  const T extends TensorLike = TensorLike,
  const S extends readonly number[] = readonly number[],
>(
  gradOutput: RankedTensor<T, 2>,
  weight: Weight,
  inputShape: RankedShape<S, 2>,
  options: GradOptions<ConvOptions<2, L>> = {},
): Tensor<Shape<2>> {
  const call: Call<2> = { name: 'conv2dInputGrad', kind: 'standard', rank: 2 };
  return inputGrad(call, gradOutput, weight, inputShape, options);
}

/**
 * The gradient of a loss by the weight of {@link conv2d}: each weight's is the correlation of its input channel with its
 * output channel's gradient, summed over the batch,
 * `gradWeight[o, c, k] = Σ_n Σ_p gradOutput[n, o, p] · input[n, c, p · stride − padding + k · dilation]`.
 * @param input - The convolution's input, in `layout`.
 * @param gradOutput - Shaped as the convolution's output, in `layout`.
 * @param weightShape - `[outChannels, inChannels / groups, kH, kW]`, or `[kH, kW, inChannels / groups, outChannels]` with
 * `weightLayout: 'HWIO'`.
 * @param options - The convolution's own, without bias, activation, batch norm and algorithm; `out` is filled and returned.
 * @returns A tensor of `weightShape`.
 * @throws ConvolithError as {@link conv2dInputGrad}.
 * @example
 * const [input, gradOutput] = [tensor(Float32Array.of(1, 2, 3, 4), [1, 1, 1, 4]), tensor(Float32Array.of(1, 1, 1), [1, 1, 1, 3])];
 * console.log(conv2dWeightGrad(input, gradOutput, [1, 1, 1, 2]).data); // → Float32Array(2) [ 6, 9 ]
 */
export function conv2dWeightGrad<
  const L extends Layout<2> = 'NCHW',
  const T extends TensorLike = TensorLike,
  const G extends TensorLike = TensorLike,
  const S extends readonly number[] = readonly number[],
>(
  input: RankedTensor<T, 2>,
  gradOutput: RankedTensor<G, 2>,
  weightShape: RankedShape<S, 2>,
  options: GradOptions<ConvOptions<2, L>> = {},
): Tensor<Shape<2>> {
  return weightGrad({ name: 'conv2dWeightGrad', kind: 'standard', rank: 2 }, input, gradOutput, weightShape, options);
}

/**
 * {@link conv2dInputGrad} of {@link conv1d}.
 * @example
 * const [gradOutput, weight] = [tensor(Float32Array.of(1, 1, 1), [1, 1, 3]), tensor(Float32Array.of(1, 10), [1, 1, 2])];
 * console.log(conv1dInputGrad(gradOutput, weight, [1, 1, 4]).data); // → Float32Array(4) [ 1, 11, 11, 10 ]
 */
export function conv1dInputGrad<
  const L extends Layout<1> = 'NCW',
  const T extends TensorLike = TensorLike,
  const S extends readonly number[] = readonly number[],
>(
  gradOutput: RankedTensor<T, 1>,
  weight: Weight,
  inputShape: RankedShape<S, 1>,
  options: GradOptions<ConvOptions<1, L>> = {},
): Tensor<Shape<1>> {
  const call: Call<1> = { name: 'conv1dInputGrad', kind: 'standard', rank: 1 };
  return inputGrad(call, gradOutput, weight, inputShape, options);
}

/**
 * {@link conv2dWeightGrad} of {@link conv1d}.
 * @example
 * const [input, gradOutput] = [tensor(Float32Array.of(1, 2, 3, 4), [1, 1, 4]), tensor(Float32Array.of(1, 1, 1), [1, 1, 3])];
 * console.log(conv1dWeightGrad(input, gradOutput, [1, 1, 2]).data); // → Float32Array(2) [ 6, 9 ]
 */
export function conv1dWeightGrad<
  const L extends Layout<1> = 'NCW',
  const T extends TensorLike = TensorLike,
  const G extends TensorLike = TensorLike,
  const S extends readonly number[] = readonly number[],
>(
  input: RankedTensor<T, 1>,
  gradOutput: RankedTensor<G, 1>,
  weightShape: RankedShape<S, 1>,
  options: GradOptions<ConvOptions<1, L>> = {},
): Tensor<Shape<1>> {
  return weightGrad({ name: 'conv1dWeightGrad', kind: 'standard', rank: 1 }, input, gradOutput, weightShape, options);
}

/**
 * {@link conv2dInputGrad} of {@link conv3d}.
 * @example
 * const [gradOutput, weight] = [tensor(Float32Array.of(1, 1, 1), [1, 1, 1, 1, 3]), tensor(Float32Array.of(1, 10), [1, 1, 1, 1, 2])];
 * console.log(conv3dInputGrad(gradOutput, weight, [1, 1, 1, 1, 4]).data); // → Float32Array(4) [ 1, 11, 11, 10 ]
 */
export function conv3dInputGrad<
  const L extends Layout<3> = 'NCDHW',
  const T extends TensorLike = TensorLike,
  const S extends readonly number[] = readonly number[],
>(
  gradOutput: RankedTensor<T, 3>,
  weight: Weight,
  inputShape: RankedShape<S, 3>,
  options: GradOptions<ConvOptions<3, L>> = {},
): Tensor<Shape<3>> {
  const call: Call<3> = { name: 'conv3dInputGrad', kind: 'standard', rank: 3 };
  return inputGrad(call, gradOutput, weight, inputShape, options);
}

/**
 * {@link conv2dWeightGrad} of {@link conv3d}.
 * @example
 * const [input, gradOutput] = [tensor(Float32Array.of(1, 2, 3, 4), [1, 1, 1, 1, 4]), tensor(Float32Array.of(1, 1, 1), [1, 1, 1, 1, 3])];
 * console.log(conv3dWeightGrad(input, gradOutput, [1, 1, 1, 1, 2]).data); // → Float32Array(2) [ 6, 9 ]
 */
export function conv3dWeightGrad<
  const L extends Layout<3> = 'NCDHW',
  const T extends TensorLike = TensorLike,
  const G extends TensorLike = TensorLike,
  const S extends readonly number[] = readonly number[],
>(
  input: RankedTensor<T, 3>,
  gradOutput: RankedTensor<G, 3>,
  weightShape: RankedShape<S, 3>,
  options: GradOptions<ConvOptions<3, L>> = {},
): Tensor<Shape<3>> {
  return weightGrad({ name: 'conv3dWeightGrad', kind: 'standard', rank: 3 }, input, gradOutput, weightShape, options);
}

/**
 * {@link conv2dInputGrad} of {@link depthwiseConv2d}. Weight `[channels * multiplier, 1, kH, kW]`.
 * @example
 * const [gradOutput, weight] = [tensor(Float32Array.of(1, 1, 1), [1, 1, 1, 3]), tensor(Float32Array.of(1, 10), [1, 1, 1, 2])];
 * console.log(depthwiseConv2dInputGrad(gradOutput, weight, [1, 1, 1, 4]).data); // → Float32Array(4) [ 1, 11, 11, 10 ]
 */
export function depthwiseConv2dInputGrad<
  const L extends Layout<2> = 'NCHW',
  const T extends TensorLike = TensorLike,
  const S extends readonly number[] = readonly number[],
>(
  gradOutput: RankedTensor<T, 2>,
  weight: Weight,
  inputShape: RankedShape<S, 2>,
  options: GradOptions<DepthwiseConvOptions<2, L>> = {},
): Tensor<Shape<2>> {
  const call: Call<2> = { name: 'depthwiseConv2dInputGrad', kind: 'depthwise', rank: 2 };
  return inputGrad(call, gradOutput, weight, inputShape, options);
}

/**
 * {@link conv2dWeightGrad} of {@link depthwiseConv2d}. `weightShape` is `[channels * multiplier, 1, kH, kW]`, or
 * `[kH, kW, channels, multiplier]` with `weightLayout: 'HWIO'`; in the former a multiplier other than 1 must be named.
 * @example
 * const [input, gradOutput] = [tensor(Float32Array.of(1, 2, 3, 4), [1, 1, 1, 4]), tensor(Float32Array.of(1, 1, 1), [1, 1, 1, 3])];
 * console.log(depthwiseConv2dWeightGrad(input, gradOutput, [1, 1, 1, 2]).data); // → Float32Array(2) [ 6, 9 ]
 */
export function depthwiseConv2dWeightGrad<
  const L extends Layout<2> = 'NCHW',
  const T extends TensorLike = TensorLike,
  const G extends TensorLike = TensorLike,
  const S extends readonly number[] = readonly number[],
>(
  input: RankedTensor<T, 2>,
  gradOutput: RankedTensor<G, 2>,
  weightShape: RankedShape<S, 2>,
  options: GradOptions<DepthwiseConvOptions<2, L>> = {},
): Tensor<Shape<2>> {
  const call: Call<2> = { name: 'depthwiseConv2dWeightGrad', kind: 'depthwise', rank: 2 };
  return weightGrad(call, input, gradOutput, weightShape, options);
}

/**
 * {@link convTranspose2dInputGrad} of {@link convTranspose1d}.
 * @example
 * const [gradOutput, weight] = [tensor(Float32Array.of(1, 2, 3, 4), [1, 1, 4]), tensor(Float32Array.of(1, 10), [1, 1, 2])];
 * console.log(convTranspose1dInputGrad(gradOutput, weight, [1, 1, 3]).data); // → Float32Array(3) [ 21, 32, 43 ]
 */
export function convTranspose1dInputGrad<
  const L extends Layout<1> = 'NCW',
  const T extends TensorLike = TensorLike,
  const S extends readonly number[] = readonly number[],
>(
  gradOutput: RankedTensor<T, 1>,
  weight: Weight,
  inputShape: RankedShape<S, 1>,
  options: GradOptions<ConvTransposeOptions<1, L>> = {},
): Tensor<Shape<1>> {
  const call: Call<1> = { name: 'convTranspose1dInputGrad', kind: 'transposed', rank: 1 };
  return inputGrad(call, gradOutput, weight, inputShape, options);
}

/**
 * {@link convTranspose2dWeightGrad} of {@link convTranspose1d}.
 * @example
 * const [input, gradOutput] = [tensor(Float32Array.of(1, 1, 1), [1, 1, 3]), tensor(Float32Array.of(1, 2, 3, 4), [1, 1, 4])];
 * console.log(convTranspose1dWeightGrad(input, gradOutput, [1, 1, 2]).data); // → Float32Array(2) [ 6, 9 ]
 */
export function convTranspose1dWeightGrad<
  const L extends Layout<1> = 'NCW',
  const T extends TensorLike = TensorLike,
  const G extends TensorLike = TensorLike,
  const S extends readonly number[] = readonly number[],
>(
  input: RankedTensor<T, 1>,
  gradOutput: RankedTensor<G, 1>,
  weightShape: RankedShape<S, 1>,
  options: GradOptions<ConvTransposeOptions<1, L>> = {},
): Tensor<Shape<1>> {
  const call: Call<1> = { name: 'convTranspose1dWeightGrad', kind: 'transposed', rank: 1 };
  return weightGrad(call, input, gradOutput, weightShape, options);
}

/**
 * The gradient of a loss by the input of {@link convTranspose2d}, which is the ordinary convolution of `gradOutput` with
 * the same weight: `gradInput[n, c, i] = Σ gradOutput[n, o, i · stride − padding + k · dilation] · weight[c, o, k]`.
 * Parameters, result and errors as those of {@link conv2dInputGrad}.
 * @example
 * const [gradOutput, weight] = [tensor(Float32Array.of(1, 2, 3, 4), [1, 1, 1, 4]), tensor(Float32Array.of(1, 10), [1, 1, 1, 2])];
 * console.log(convTranspose2dInputGrad(gradOutput, weight, [1, 1, 1, 3]).data); // → Float32Array(3) [ 21, 32, 43 ]
 */
export function convTranspose2dInputGrad<
  const L extends Layout<2> = 'NCHW',
  const T extends TensorLike = TensorLike,
  const S extends readonly number[] = readonly number[],
>(
  gradOutput: RankedTensor<T, 2>,
  weight: Weight,
  inputShape: RankedShape<S, 2>,
  options: GradOptions<ConvTransposeOptions<2, L>> = {},
): Tensor<Shape<2>> {
  const call: Call<2> = { name: 'convTranspose2dInputGrad', kind: 'transposed', rank: 2 };
  return inputGrad(call, gradOutput, weight, inputShape, options);
}

/**
 * The gradient of a loss by the weight of {@link convTranspose2d}:
 * `gradWeight[c, o, k] = Σ_n Σ_i input[n, c, i] · gradOutput[n, o, i · stride − padding + k · dilation]`.
 * `weightShape` is `[inChannels, outChannels / groups, kH, kW]`, or `[kH, kW, outChannels / groups, inChannels]` with
 * `weightLayout: 'HWIO'`. The rest as of {@link conv2dWeightGrad}.
 * @example
 * const [input, gradOutput] = [tensor(Float32Array.of(1, 1, 1), [1, 1, 1, 3]), tensor(Float32Array.of(1, 2, 3, 4), [1, 1, 1, 4])];
 * console.log(convTranspose2dWeightGrad(input, gradOutput, [1, 1, 1, 2]).data); // → Float32Array(2) [ 6, 9 ]
 */
export function convTranspose2dWeightGrad<
  const L extends Layout<2> = 'NCHW',
  const T extends TensorLike = TensorLike,
  const G extends TensorLike = TensorLike,
  const S extends readonly number[] = readonly number[],
>(
  input: RankedTensor<T, 2>,
  gradOutput: RankedTensor<G, 2>,
  weightShape: RankedShape<S, 2>,
  options: GradOptions<ConvTransposeOptions<2, L>> = {},
): Tensor<Shape<2>> {
  const call: Call<2> = { name: 'convTranspose2dWeightGrad', kind: 'transposed', rank: 2 };
  return weightGrad(call, input, gradOutput, weightShape, options);
}

/**
 * {@link convTranspose2dInputGrad} of {@link convTranspose3d}.
 * @example
 * const [gradOutput, weight] = [tensor(Float32Array.of(1, 2, 3, 4), [1, 1, 1, 1, 4]), tensor(Float32Array.of(1, 10), [1, 1, 1, 1, 2])];
 * console.log(convTranspose3dInputGrad(gradOutput, weight, [1, 1, 1, 1, 3]).data); // → Float32Array(3) [ 21, 32, 43 ]
 */
export function convTranspose3dInputGrad<
  const L extends Layout<3> = 'NCDHW',
  const T extends TensorLike = TensorLike,
  const S extends readonly number[] = readonly number[],
>(
  gradOutput: RankedTensor<T, 3>,
  weight: Weight,
  inputShape: RankedShape<S, 3>,
  options: GradOptions<ConvTransposeOptions<3, L>> = {},
): Tensor<Shape<3>> {
  const call: Call<3> = { name: 'convTranspose3dInputGrad', kind: 'transposed', rank: 3 };
  return inputGrad(call, gradOutput, weight, inputShape, options);
}

/**
 * {@link convTranspose2dWeightGrad} of {@link convTranspose3d}.
 * @example
 * const [input, gradOutput] = [tensor(Float32Array.of(1, 1, 1), [1, 1, 1, 1, 3]), tensor(Float32Array.of(1, 2, 3, 4), [1, 1, 1, 1, 4])];
 * console.log(convTranspose3dWeightGrad(input, gradOutput, [1, 1, 1, 1, 2]).data); // → Float32Array(2) [ 6, 9 ]
 */
export function convTranspose3dWeightGrad<
  const L extends Layout<3> = 'NCDHW',
  const T extends TensorLike = TensorLike,
  const G extends TensorLike = TensorLike,
  const S extends readonly number[] = readonly number[],
>(
  input: RankedTensor<T, 3>,
  gradOutput: RankedTensor<G, 3>,
  weightShape: RankedShape<S, 3>,
  options: GradOptions<ConvTransposeOptions<3, L>> = {},
): Tensor<Shape<3>> {
  const call: Call<3> = { name: 'convTranspose3dWeightGrad', kind: 'transposed', rank: 3 };
  return weightGrad(call, input, gradOutput, weightShape, options);
}

/**
 * The gradient of a loss by the bias of any convolution: `gradBias[o] = Σ_n Σ_p gradOutput[n, o, p]`, summed in float64.
 * @param gradOutput - The gradient by the output, of one, two or three spatial axes.
 * @param options - `layout`, by default channels first.
 * @returns A tensor `[outChannels]`.
 * @example
 * console.log(convBiasGrad(tensor(Float32Array.of(1, 2, 3, 4), [1, 2, 2])).data); // → Float32Array(2) [ 3, 7 ]
 */
export function convBiasGrad(gradOutput: TensorLike, options: { readonly layout?: Layout } = {}): Tensor<[number]> {
  const { layout, ...rest } = asOptions(options, 'options');
  checkKeys(rest, ['layout'], 'convBiasGrad');
  const { data, shape } = readTensor(gradOutput, 'gradOutput');
  checkShape(shape, 'gradOutput.shape');
  const rank = shape.length - 2;
  if (rank !== 1 && rank !== 2 && rank !== 3) {
    throw expected('ERR_SHAPE', 'a batch, channels and one to three spatial sizes', 'gradOutput.shape', shape);
  }
  const [first, last] = LAYOUTS[rank];
  const channelsLast = oneOf<Layout>(layout, [first, last], first, 'layout') === last;
  checkData(data, product(shape, 'gradOutput.shape'), 'gradOutput.data', shape);
  const channels = shape[channelsLast ? shape.length - 1 : 1];
  const plane = channelsLast ? 1 : product(shape.slice(2), 'gradOutput.shape');
  const sums = new Float64Array(channels);
  for (let at = 0, channel = 0; at < data.length; channel = channel + 1 === channels ? 0 : channel + 1) {
    let sum = 0;
    for (const end = at + plane; at < end; at++) sum += data[at];
    sums[channel] += sum;
  }
  return { data: Float32Array.from(sums), shape: [channels] };
}
