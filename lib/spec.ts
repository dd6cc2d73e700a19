/** A number an axis, always depth, height, width. Lower ranks carry leading 1s (0s for paddings). */
export type Triple = readonly [depth: number, height: number, width: number];

/** Order of a weight's dimensions: PyTorch's (`[out, in / groups, …kernel]`) or TensorFlow's (`[…kernel, in / groups, out]`). */
export type WeightLayout = 'OIHW' | 'HWIO';

export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';

/**
 * What the engines compute in the epilogue. `linear`, `relu` and `relu6` are `clip` with their bounds,
 * so an engine has one operation for the four. A NaN passes through `clip`.
 */
export interface EngineActivation {
  readonly op:
    | 'clip'
    | 'leakyRelu'
    | 'prelu'
    | 'elu'
    | 'sigmoid'
    | 'tanh'
    | 'hardSwish'
    | 'hardSigmoid'
    | 'silu'
    | 'gelu';
  /** Bounds of `clip`; ±Infinity where there is none. */
  readonly min: number;
  readonly max: number;
  /** Negative slope of `leakyRelu`, scale of `elu`. */
  readonly alpha: number;
  /** Negative slopes of `prelu`, `[outChannels]`. */
  readonly slope: Float32Array | null;
}

/** A layer with every default settled. Frozen; what both engines are given. */
export interface ConvSpec {
  readonly transposed: boolean;
  readonly rank: 1 | 2 | 3;
  readonly channelsLast: boolean;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  readonly kernel: Triple;
  readonly stride: Triple;
  readonly dilation: Triple;
  readonly paddingMode: PaddingMode;
  readonly activation: EngineActivation;
  /** `'auto'` or the name of an algorithm that must serve. */
  readonly algorithm: string;
  /** `'strict'` leaves out algorithms that change the rounding beyond the order of summation. */
  readonly math: 'fast' | 'strict';
}

/**
 * A spec's sizes for one input. For a standard convolution
 * `out[o] = Σ_k in[o * stride - padBefore + k * dilation] * w[k]`, for a transposed one every
 * `in[i] * w[k]` is added to `out[i * stride - padBefore + k * dilation]` where that lies inside.
 */
export interface ConvGeometry {
  readonly batch: number;
  readonly input: Triple;
  readonly output: Triple;
  readonly padBefore: Triple;
  readonly padAfter: Triple;
}
