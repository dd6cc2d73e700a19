import type { ConvTransposeOptions, Layout } from '../options.js';
import { ConvLayer } from './conv-layer.js';

/**
 * 1-D transposed convolution. Input `[batch, inChannels, width]` (`'NCW'`) or `[batch, width, inChannels]` (`'NWC'`).
 * @example
 * const up = new ConvTranspose1d({ weight: tensor(Float32Array.of(1, 1), [1, 1, 2]), stride: 2 });
 * const y = up.forward(tensor(Float32Array.of(3, 5), [1, 1, 2]));
 * console.log(y.data); // → Float32Array(4) [ 3, 3, 5, 5 ]
 */
export class ConvTranspose1d<const L extends Layout<1> = 'NCW'> extends ConvLayer<1, L> {
  /** @throws ConvolithError where an option is wrong, and says which. */
  constructor(options: ConvTransposeOptions<1, L>) {
    super('transposed', 1, options);
  }
}

/**
 * 2-D transposed convolution: every `in[i] · weight[k]` is added to `out[i · stride − padding + k · dilation]`, so that the
 * output is `(in − 1) · stride − 2 · padding + dilation · (K − 1) + outputPadding + 1` high and wide.
 * @example
 * const weight = tensor(new Float32Array(64 * 32 * 4 * 4), [64, 32, 4, 4]); // [in, out, kH, kW]
 * const up = new ConvTranspose2d({ weight, stride: 2, padding: 1 });
 * console.log(up.outputShape([1, 64, 28, 28])); // → [ 1, 32, 56, 56 ]
 */
export class ConvTranspose2d<const L extends Layout<2> = 'NCHW'> extends ConvLayer<2, L> {
  /** @throws ConvolithError where an option is wrong, and says which. */
  constructor(options: ConvTransposeOptions<2, L>) {
    super('transposed', 2, options);
  }
}

/**
 * 3-D transposed convolution. Input `[batch, inChannels, depth, height, width]` (`'NCDHW'`) or channels last (`'NDHWC'`).
 * @example
 * const up = new ConvTranspose3d({ weight: tensor(new Float32Array(8), [1, 1, 2, 2, 2]), stride: 2 });
 * console.log(up.outputShape([1, 1, 4, 8, 8])); // → [ 1, 1, 8, 16, 16 ]
 */
export class ConvTranspose3d<const L extends Layout<3> = 'NCDHW'> extends ConvLayer<3, L> {
  /** @throws ConvolithError where an option is wrong, and says which. */
  constructor(options: ConvTransposeOptions<3, L>) {
    super('transposed', 3, options);
  }
}
