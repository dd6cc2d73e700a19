import { expected } from '../errors.js';
import type {
  ConvOptions,
  DepthwiseConvOptions,
  DilatedConvOptions,
  Layout,
  PointwiseConvOptions,
} from '../options.js';
import { asOptions } from '../spec/check.js';
import { ConvLayer } from './conv-layer.js';

/**
 * 1-D convolution, standard or grouped. Input `[batch, inChannels, width]` (`'NCW'`) or `[batch, width, inChannels]` (`'NWC'`).
 * @example
 * const smooth = new Conv1d({ weight: tensor(Float32Array.of(0.25, 0.5, 0.25), [1, 1, 3]), padding: 'same' });
 * const y = smooth.forward(tensor(Float32Array.of(0, 4, 0, 0), [1, 1, 4]));
 * console.log(y.data); // → Float32Array(4) [ 1, 2, 1, 0 ]
 */
export class Conv1d<const L extends Layout<1> = 'NCW'> extends ConvLayer<1, L> {
  /** @throws ConvolithError where an option is wrong, and says which. */
  constructor(options: ConvOptions<1, L>) {
    super('standard', 1, options);
  }
}

/**
 * 2-D convolution, standard or grouped: `out[o] = Σ in[o · stride − padding + k · dilation] · weight[k]`.
 * Input `[batch, inChannels, height, width]` (`'NCHW'`) or `[batch, height, width, inChannels]` (`'NHWC'`).
 * @example
 * const weight = tensor(new Float32Array(64 * 3 * 3 * 3), [64, 3, 3, 3]); // [out, in, kH, kW]
 * const conv = new Conv2d({ weight, bias: new Float32Array(64), stride: 2, padding: 1, activation: 'relu' });
 * const y = conv.forward(tensor(new Float32Array(3 * 224 * 224), [1, 3, 224, 224]));
 * console.log(y.shape); // → [ 1, 64, 112, 112 ]
 */
export class Conv2d<const L extends Layout<2> = 'NCHW'> extends ConvLayer<2, L> {
  /** @throws ConvolithError where an option is wrong, and says which. */
  constructor(options: ConvOptions<2, L>) {
    super('standard', 2, options);
  }
}

/**
 * 3-D convolution, standard or grouped. Input `[batch, inChannels, depth, height, width]` (`'NCDHW'`) or channels last (`'NDHWC'`).
 * @example
 * const conv = new Conv3d({ weight: tensor(new Float32Array(8 * 27), [8, 1, 3, 3, 3]), padding: 1, layout: 'NDHWC' });
 * console.log(conv.outputShape([1, 16, 64, 64, 1])); // → [ 1, 16, 64, 64, 8 ]
 */
export class Conv3d<const L extends Layout<3> = 'NCDHW'> extends ConvLayer<3, L> {
  /** @throws ConvolithError where an option is wrong, and says which. */
  constructor(options: ConvOptions<3, L>) {
    super('standard', 3, options);
  }
}

/**
 * One filter (or `multiplier` of them) a channel, and no sum over channels: `groups` = input channels.
 * @example
 * const blur = new DepthwiseConv2d({
 *   weight: tensor(new Float32Array(3 * 25).fill(1 / 25), [3, 1, 5, 5]), // [channels, 1, kH, kW]
 *   padding: 2,
 *   paddingMode: 'reflect',
 * });
 * console.log(blur.outputShape([1, 3, 480, 640])); // → [ 1, 3, 480, 640 ]
 */
export class DepthwiseConv2d<const L extends Layout<2> = 'NCHW'> extends ConvLayer<2, L> {
  /** @throws ConvolithError where an option is wrong, and says which. */
  constructor(options: DepthwiseConvOptions<2, L>) {
    super('depthwise', 2, options);
  }
}

/**
 * 1×1 convolution: a matrix over the channels of each pixel.
 * @example
 * const grey = new PointwiseConv2d({ weight: tensor(Float32Array.of(0.25, 0.5, 0.25), [1, 3, 1, 1]), layout: 'NHWC' });
 * const pixel = grey.forward(tensor(Float32Array.of(0, 1, 0), [1, 1, 1, 3]));
 * console.log(pixel.data); // → Float32Array(1) [ 0.5 ]
 */
export class PointwiseConv2d<const L extends Layout<2> = 'NCHW'> extends ConvLayer<2, L> {
  /** @throws ConvolithError where an option is wrong, and says which. */
  constructor(options: PointwiseConvOptions<2, L>) {
    super('pointwise', 2, options);
  }
}

/**
 * `Conv2d` (à trous) whose `dilation` must be given: d(K − 1) + 1 pixels wide at the price of K (Yu and Koltun 2016).
 * @example
 * const wide = new DilatedConv2d({ weight: tensor(new Float32Array(9), [1, 1, 3, 3]), dilation: 4, padding: 4 });
 * console.log(wide.outputShape([1, 1, 33, 33])); // → [ 1, 1, 33, 33 ]
 */
export class DilatedConv2d<const L extends Layout<2> = 'NCHW'> extends ConvLayer<2, L> {
  /** @throws ConvolithError where an option is wrong, and says which. */
  constructor(options: DilatedConvOptions<2, L>) {
    const { dilation } = asOptions(options, 'options');
    if (dilation === undefined) throw expected('ERR_OPTION', 'an integer or one an axis', 'dilation', dilation);
    super('standard', 2, options);
  }
}
