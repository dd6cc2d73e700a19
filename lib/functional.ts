import { ConvolithError, show } from './errors.js';
import { Conv1d, Conv2d, Conv3d, DepthwiseConv2d, PointwiseConv2d } from './layers/conv.js';
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from './layers/conv-transpose.js';
import type { ForwardOptions, Layer } from './layers/layer.js';
import { DepthwiseSeparableConv2d } from './layers/separable.js';
import type {
  ConvOptions,
  ConvTransposeOptions,
  DepthwiseConvOptions,
  EpilogueOptions,
  FunctionOptions,
  Layout,
  PointwiseConvOptions,
  Rank,
  RankedTensor,
  Shape,
} from './options.js';
import { asOptions, isObject } from './spec/check.js';
import type { Tensor, TensorLike } from './tensor.js';

/** A weight as the layers take it. */
export type Weight = Float32Array | TensorLike;

/** Options of a function: the layer's without `weight`, and the call's `out` and `residual`. */
export type CallOptions<T> = FunctionOptions<T> & ForwardOptions;

/** Splits off what belongs to the call, makes the layer, runs it once and frees it. */
function once<R extends Rank>(
  input: TensorLike,
  options: object,
  make: (options: object) => Layer<R>,
): Tensor<Shape<R>> {
  const { out, residual, ...rest } = asOptions(options, 'options') as ForwardOptions;
  const layer = make(rest);
  try {
    return layer.forward(input, { ...(out !== undefined && { out }), ...(residual !== undefined && { residual }) });
  } finally {
    layer.dispose();
  }
}

/**
 * One call of {@link Conv1d}; no packing is kept. Input `[batch, inChannels, width]`. Errors as the class's.
 * @example
 * const y = conv1d(tensor(Float32Array.of(1, 2, 3, 4), [1, 1, 4]), tensor(Float32Array.of(1, 1), [1, 1, 2]));
 * console.log(y.data); // → Float32Array(3) [ 3, 5, 7 ]
 */
export function conv1d<const L extends Layout<1> = 'NCW', const T extends TensorLike = TensorLike>(
  input: RankedTensor<T, 1>,
  weight: Weight,
  options: CallOptions<ConvOptions<1, L>> = {},
): Tensor<Shape<1>> {
  return once(input, options, (rest) => new Conv1d({ ...rest, weight }));
}

/**
 * One call of {@link Conv2d}; no packing is kept. Input `[batch, inChannels, height, width]`. Errors as the class's.
 * @example
 * const y = conv2d(tensor(new Float32Array(9).fill(1), [1, 1, 3, 3]), tensor(new Float32Array(9).fill(1), [1, 1, 3, 3]), {
 *   padding: 1,
 * });
 * console.log(y.data[0], y.data[4]); // → 4 9
 */
export function conv2d<const L extends Layout<2> = 'NCHW', const T extends TensorLike = TensorLike>(
  input: RankedTensor<T, 2>,
  weight: Weight,
  options: CallOptions<ConvOptions<2, L>> = {},
): Tensor<Shape<2>> {
  return once(input, options, (rest) => new Conv2d({ ...rest, weight }));
}

/**
 * One call of {@link Conv3d}; no packing is kept. Input `[batch, inChannels, depth, height, width]`. Errors as the class's.
 * @example
 * const ones = (shape: [number, number, number, number, number]) => tensor(new Float32Array(8).fill(1), shape);
 * console.log(conv3d(ones([1, 1, 2, 2, 2]), ones([1, 1, 2, 2, 2])).data); // → Float32Array(1) [ 8 ]
 */
export function conv3d<const L extends Layout<3> = 'NCDHW', const T extends TensorLike = TensorLike>(
  input: RankedTensor<T, 3>,
  weight: Weight,
  options: CallOptions<ConvOptions<3, L>> = {},
): Tensor<Shape<3>> {
  return once(input, options, (rest) => new Conv3d({ ...rest, weight }));
}

/**
 * One call of {@link DepthwiseConv2d}; no packing is kept. Weight `[channels * multiplier, 1, kH, kW]`. Errors as the class's.
 * @example
 * const y = depthwiseConv2d(tensor(Float32Array.of(1, 2), [1, 2, 1, 1]), tensor(Float32Array.of(10, 100), [2, 1, 1, 1]));
 * console.log(y.data); // → Float32Array(2) [ 10, 200 ]
 */
export function depthwiseConv2d<const L extends Layout<2> = 'NCHW', const T extends TensorLike = TensorLike>(
  input: RankedTensor<T, 2>,
  weight: Weight,
  options: CallOptions<DepthwiseConvOptions<2, L>> = {},
): Tensor<Shape<2>> {
  return once(input, options, (rest) => new DepthwiseConv2d({ ...rest, weight }));
}

/**
 * One call of {@link PointwiseConv2d}; no packing is kept. Weight `[outChannels, inChannels / groups, 1, 1]`. Errors as the class's.
 * @example
 * const y = pointwiseConv2d(tensor(Float32Array.of(1, 2), [1, 2, 1, 1]), tensor(Float32Array.of(10, 100), [1, 2, 1, 1]));
 * console.log(y.data); // → Float32Array(1) [ 210 ]
 */
export function pointwiseConv2d<const L extends Layout<2> = 'NCHW', const T extends TensorLike = TensorLike>(
  input: RankedTensor<T, 2>,
  weight: Weight,
  options: CallOptions<PointwiseConvOptions<2, L>> = {},
): Tensor<Shape<2>> {
  return once(input, options, (rest) => new PointwiseConv2d({ ...rest, weight }));
}

/** The two weights of a separable convolution: `[channels * multiplier, 1, kH, kW]` and `[outChannels, channels * multiplier, 1, 1]`. */
export interface SeparableWeights {
  readonly depthwise: Weight;
  readonly pointwise: Weight;
}

/**
 * Options of `separableConv2d`, as TensorFlow's: the window is the depthwise stage's; bias, batch norm, activation and
 * residual belong to the result. The depthwise stage's own go into `depthwise`.
 */
export type SeparableCallOptions<L extends Layout<2> = Layout<2>> = CallOptions<
  Omit<DepthwiseConvOptions<2, L>, 'outChannels'>
> & {
  /** Needed only where the pointwise weight is a bare array. @defaultValue what the weight's shape says */
  readonly outChannels?: number;
  /** Bias, batch norm and activation between the two stages. @defaultValue none */
  readonly depthwise?: EpilogueOptions;
};

/**
 * One call of {@link DepthwiseSeparableConv2d}; the weights as two arguments, as in TensorFlow, or as one object. Errors as the class's.
 * @example
 * const input = tensor(Float32Array.of(1, 2), [1, 2, 1, 1]);
 * const depthwise = tensor(Float32Array.of(10, 100), [2, 1, 1, 1]);
 * const pointwise = tensor(Float32Array.of(1, 1), [1, 2, 1, 1]);
 * console.log(separableConv2d(input, depthwise, pointwise).data); // → Float32Array(1) [ 210 ]
 */
export function separableConv2d<const L extends Layout<2> = 'NCHW', const T extends TensorLike = TensorLike>(
  input: RankedTensor<T, 2>,
  depthwiseWeight: Weight,
  pointwiseWeight: Weight,
  options?: SeparableCallOptions<L>,
): Tensor<Shape<2>>;
export function separableConv2d<const L extends Layout<2> = 'NCHW', const T extends TensorLike = TensorLike>(
  input: RankedTensor<T, 2>,
  weights: SeparableWeights,
  options?: SeparableCallOptions<L>,
): Tensor<Shape<2>>;
export function separableConv2d(
  input: TensorLike,
  first: Weight | SeparableWeights,
  second?: Weight | SeparableCallOptions,
  third?: SeparableCallOptions,
): Tensor<Shape<2>> {
  const weights = isObject(first) && 'depthwise' in first ? (first as unknown as SeparableWeights) : null;
  if (weights === null && !isObject(second)) {
    throw new ConvolithError(
      'ERR_OPTION',
      `Expected a Float32Array or a tensor for pointwiseWeight but received ${show(second)}`,
    );
  }
  const [depthwise, pointwise] = weights === null ? [first, second] : [weights.depthwise, weights.pointwise];
  const options = (weights === null ? third : second) ?? {};
  return once(input, options, (rest) => makeSeparable(depthwise as Weight, pointwise as Weight, rest));
}

function makeSeparable(depthwiseWeight: Weight, pointwiseWeight: Weight, options: SeparableCallOptions): Layer<2> {
  const {
    layout,
    weightLayout,
    algorithm,
    math,
    engine,
    bias,
    activation,
    batchNorm,
    outChannels,
    depthwise,
    ...window
  } = options;
  return new DepthwiseSeparableConv2d({
    ...defined({ layout, weightLayout, algorithm, math, engine }),
    depthwise: { ...window, ...depthwise, weight: depthwiseWeight },
    pointwise: { ...defined({ bias, activation, batchNorm, outChannels }), weight: pointwiseWeight },
  });
}

function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

/**
 * One call of {@link ConvTranspose1d}; no packing is kept. Weight `[inChannels, outChannels / groups, kW]`. Errors as the class's.
 * @example
 * const y = convTranspose1d(tensor(Float32Array.of(3, 5), [1, 1, 2]), tensor(Float32Array.of(1, 1), [1, 1, 2]), { stride: 2 });
 * console.log(y.data); // → Float32Array(4) [ 3, 3, 5, 5 ]
 */
export function convTranspose1d<const L extends Layout<1> = 'NCW', const T extends TensorLike = TensorLike>(
  input: RankedTensor<T, 1>,
  weight: Weight,
  options: CallOptions<ConvTransposeOptions<1, L>> = {},
): Tensor<Shape<1>> {
  return once(input, options, (rest) => new ConvTranspose1d({ ...rest, weight }));
}

/**
 * One call of {@link ConvTranspose2d}; no packing is kept. Weight `[inChannels, outChannels / groups, kH, kW]`. Errors as the class's.
 * @example
 * const y = convTranspose2d(tensor(Float32Array.of(7), [1, 1, 1, 1]), tensor(new Float32Array(4).fill(1), [1, 1, 2, 2]));
 * console.log(y.data); // → Float32Array(4) [ 7, 7, 7, 7 ]
 */
export function convTranspose2d<const L extends Layout<2> = 'NCHW', const T extends TensorLike = TensorLike>(
  input: RankedTensor<T, 2>,
  weight: Weight,
  options: CallOptions<ConvTransposeOptions<2, L>> = {},
): Tensor<Shape<2>> {
  return once(input, options, (rest) => new ConvTranspose2d({ ...rest, weight }));
}

/**
 * One call of {@link ConvTranspose3d}; no packing is kept. Weight `[inChannels, outChannels / groups, kD, kH, kW]`. Errors as the class's.
 * @example
 * const y = convTranspose3d(tensor(Float32Array.of(7), [1, 1, 1, 1, 1]), tensor(new Float32Array(8), [1, 1, 2, 2, 2]));
 * console.log(y.shape); // → [ 1, 1, 2, 2, 2 ]
 */
export function convTranspose3d<const L extends Layout<3> = 'NCDHW', const T extends TensorLike = TensorLike>(
  input: RankedTensor<T, 3>,
  weight: Weight,
  options: CallOptions<ConvTransposeOptions<3, L>> = {},
): Tensor<Shape<3>> {
  return once(input, options, (rest) => new ConvTranspose3d({ ...rest, weight }));
}
