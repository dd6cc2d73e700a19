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
 * using smooth = new Conv1d({ weight: tensor(new Float32Array([0.25, 0.5, 0.25]), [1, 1, 3]), padding: 'same' });
 * const y = smooth.forward({ data: samples, shape: [1, 1, samples.length] });
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
 * using conv = new Conv2d({ weight, bias, stride: 2, padding: 1, activation: 'relu' }); // weight [64, 3, 3, 3]
 * const y = conv.forward({ data: pixels, shape: [1, 3, 224, 224] }); // [1, 64, 112, 112]
 */
export class Conv2d<const L extends Layout<2> = 'NCHW'> extends ConvLayer<2, L> {
  /** @throws ConvolithError where an option is wrong, and says which. */
  constructor(options: ConvOptions<2, L>) {
    super('standard', 2, options);
  }
}

/** 3-D convolution, standard or grouped. Input `[batch, inChannels, depth, height, width]` (`'NCDHW'`) or channels last (`'NDHWC'`). */
export class Conv3d<const L extends Layout<3> = 'NCDHW'> extends ConvLayer<3, L> {
  /** @throws ConvolithError where an option is wrong, and says which. */
  constructor(options: ConvOptions<3, L>) {
    super('standard', 3, options);
  }
}

/**
 * One filter (or `multiplier` of them) a channel, and no sum over channels: `groups` = input channels.
 * @example
 * using blur = new DepthwiseConv2d({ weight, inChannels: 3, kernelSize: 5, padding: 2, paddingMode: 'reflect' });
 */
export class DepthwiseConv2d<const L extends Layout<2> = 'NCHW'> extends ConvLayer<2, L> {
  /** @throws ConvolithError where an option is wrong, and says which. */
  constructor(options: DepthwiseConvOptions<2, L>) {
    super('depthwise', 2, options);
  }
}

/** 1×1 convolution: a matrix over the channels of each pixel. */
export class PointwiseConv2d<const L extends Layout<2> = 'NCHW'> extends ConvLayer<2, L> {
  /** @throws ConvolithError where an option is wrong, and says which. */
  constructor(options: PointwiseConvOptions<2, L>) {
    super('pointwise', 2, options);
  }
}

/** `Conv2d` (à trous) whose `dilation` must be given: d(K − 1) + 1 pixels wide at the price of K (Yu and Koltun 2016). */
export class DilatedConv2d<const L extends Layout<2> = 'NCHW'> extends ConvLayer<2, L> {
  /** @throws ConvolithError where an option is wrong, and says which. */
  constructor(options: DilatedConvOptions<2, L>) {
    const { dilation } = asOptions(options, 'options');
    if (dilation === undefined) throw expected('ERR_OPTION', 'an integer or one an axis', 'dilation', dilation);
    super('standard', 2, options);
  }
}
