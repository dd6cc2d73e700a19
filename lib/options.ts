import type { PaddingMode, WeightLayout } from './spec.js';
import type { TensorLike, Vector } from './tensor.js';

/** How many spatial axes a layer has. */
export type Rank = 1 | 2 | 3;

/** Order of a tensor's dimensions: batch, channels, then depth, height, width; or channels last. */
export type Layout<R extends Rank = Rank> = { 1: 'NCW' | 'NWC'; 2: 'NCHW' | 'NHWC'; 3: 'NCDHW' | 'NDHWC' }[R];

/** One value a spatial axis: `[w]`, `[h, w]` or `[d, h, w]`. */
export type Axes<R extends Rank = Rank, T = number> = {
  1: readonly [T];
  2: readonly [T, T];
  3: readonly [T, T, T];
}[R];

/** A tensor's whole shape: batch, channels and spatial sizes, in the layer's layout. */
export type Shape<R extends Rank = Rank> = {
  1: [number, number, number];
  2: [number, number, number, number];
  3: [number, number, number, number, number];
}[R];

/**
 * A shape as a layer of rank R takes it: any list of numbers whose length the compiler does not know, or one of
 * R + 2 entries. A shape of another length does not compile.
 */
export type RankedShape<S extends readonly number[], R extends Rank> = number extends S['length']
  ? S
  : S['length'] extends Shape<R>['length']
    ? S
    : Readonly<Shape<R>>;

/** A tensor as a layer of rank R takes it; see {@link RankedShape}. `Tensor<[number, number, number]>` does not fit a `Conv2d`. */
export type RankedTensor<T extends TensorLike, R extends Rank> =
  ShapeOf<T> extends { readonly length: infer N }
    ? number extends N
      ? T
      : N extends Shape<R>['length']
        ? T
        : TensorLike<Readonly<Shape<R>>>
    : T;

type ShapeOf<T> = T extends { readonly shape: infer S } ? S : T extends { readonly dims: infer S } ? S : never;

/** Layers of several ranks in one stack do not compile; layers whose rank the compiler does not know do. */
export type OneRank<R extends Rank> = Rank extends R
  ? unknown
  : true extends Covers<R, R>
    ? unknown
    : readonly 'layers of one rank'[];

/** Whether a member of `Part` is all of `Whole`. Distributes over `Part`. */
type Covers<Whole, Part> = Part extends unknown ? ([Whole] extends [Part] ? true : never) : never;

/** One number for every axis, or one an axis. */
export type PerAxis<R extends Rank = Rank> = number | Axes<R>;

/**
 * `number` for all sides; a number an axis; a `[before, after]` pair an axis; `'valid'`, none;
 * `'same'`, TensorFlow's: the output is `ceil(input / stride)` and the odd element of padding goes after.
 */
export type Padding<R extends Rank = Rank> =
  | 'same'
  | 'valid'
  | number
  | Axes<R>
  | Axes<R, readonly [before: number, after: number]>;

/** Activations by name, with their default parameters. */
export type ActivationName =
  | 'linear'
  | 'relu'
  | 'relu6'
  | 'clip'
  | 'leakyRelu'
  | 'elu'
  | 'sigmoid'
  | 'tanh'
  | 'hardSwish'
  | 'hardSigmoid'
  | 'silu'
  | 'gelu';

/**
 * What is applied to each output value after bias and residual.
 * - `linear`: x. `relu`: max(x, 0). `relu6`: min(max(x, 0), 6). `clip`: min(max(x, `min`), `max`).
 * - `leakyRelu`: x < 0 ? `alpha`·x : x. `prelu`: the same with `slope`, one number or one an output channel.
 * - `elu`: x < 0 ? `alpha`·(eˣ − 1) : x. `sigmoid`: 1 / (1 + e⁻ˣ). `silu`: x·sigmoid(x). `tanh`.
 * - `hardSigmoid`: relu6(x + 3) / 6. `hardSwish`: x·hardSigmoid(x).
 * - `gelu`: x·Φ(x), exact by the error function (not the tanh approximation).
 */
export type Activation =
  | ActivationName
  | { readonly type: Exclude<ActivationName, 'relu' | 'relu6' | 'clip' | 'leakyRelu' | 'elu'> }
  | {
      /** `min` defaults to 0 (`clip`: none), `max` to none (`relu6`: 6). */
      readonly type: 'relu' | 'relu6' | 'clip';
      /** The least value. */
      readonly min?: number;
      /** The largest value. */
      readonly max?: number;
    }
  | {
      /** `alpha` defaults to 0.01 (`leakyRelu`) or 1 (`elu`). */
      readonly type: 'leakyRelu' | 'elu';
      /** The slope below zero (`leakyRelu`), or minus the limit (`elu`). */
      readonly alpha?: number;
    }
  | { readonly type: 'prelu'; readonly slope: number | Vector };

/**
 * Batch normalisation, folded in float64 into weight and bias when the layer is made:
 * `y = (x − mean) · scale / √(variance + epsilon) + offset` (Ioffe and Szegedy 2015, used at inference). Each `[outChannels]`.
 */
export interface BatchNorm {
  /** The running mean. */
  readonly mean: Vector;
  /** The running variance, not its root. */
  readonly variance: Vector;
  /** γ. @defaultValue ones */
  readonly scale?: Vector;
  /** β. @defaultValue zeros */
  readonly offset?: Vector;
  /** Added to the variance before its root. @defaultValue 1e-5 */
  readonly epsilon?: number;
}

/** Options of every layer: how it is computed. */
export interface EngineOptions<R extends Rank, L extends Layout<R> = Layout<R>> {
  /** Order of input, output and residual dimensions. @defaultValue channels first: `'NCW'`, `'NCHW'`, `'NCDHW'` */
  readonly layout?: L;
  /** Order of the weight's dimensions, whatever the rank and the layout. @defaultValue `'OIHW'` */
  readonly weightLayout?: WeightLayout;
  /** `'auto'`, or the name of the algorithm that must serve (see `explain()`); one that cannot is `ERR_UNSUPPORTED`. @defaultValue `'auto'` */
  readonly algorithm?: string;
  /** `'strict'` leaves out algorithms (Winograd's, Strassen's) that change the rounding beyond the order of summation. @defaultValue `'fast'` */
  readonly math?: 'fast' | 'strict';
  /**
   * `'auto'` is the native engine, or the TypeScript one (with one warning) where the addon cannot load;
   * `CONVOLITH_ENGINE` settles what `'auto'` means. @defaultValue `'auto'`
   */
  readonly engine?: 'auto' | 'native' | 'reference';
}

/** Options of layers of one stage. */
export interface TuneOptions {
  /**
   * Whether `algorithm: 'auto'` times its candidates on this machine when an input shape first comes, instead of taking
   * them by its rules: some 20 ms each, before the first run. A string names a file where choices are kept for later
   * processes, by instruction set, threads and sizes. Results may then differ by rounding from machine to machine.
   * In a `Sequential` such layers keep their own layout. @defaultValue `false`
   */
  readonly tune?: boolean | string;
}

/** What is applied to the sum before it is stored, in this order: batch norm (folded), bias, residual (of the call), activation. */
export interface EpilogueOptions {
  /** Added to each output channel: `[outChannels]`. @defaultValue none */
  readonly bias?: Vector;
  /** Applied last, after bias and residual: a name, or `{ type, … }` with its parameters. @defaultValue `'linear'` */
  readonly activation?: Activation;
  /** The statistics of a trained batch normalisation behind the layer, folded into weight and bias. @defaultValue none */
  readonly batchNorm?: BatchNorm;
}

interface WeightOptions<R extends Rank> {
  /** Copied when the layer is made. A tensor, or a bare array beside `inChannels`, `outChannels` and `kernelSize`. */
  readonly weight: Float32Array | TensorLike;
  /** Needed only where `weight` is a bare array; otherwise it must agree with the weight's shape. @defaultValue what the weight's shape says */
  readonly inChannels?: number;
  /** Needed only where `weight` is a bare array; otherwise it must agree with the weight's shape. @defaultValue what the weight's shape says */
  readonly outChannels?: number;
  /** Needed only where `weight` is a bare array; otherwise it must agree with the weight's shape. @defaultValue what the weight's shape says */
  readonly kernelSize?: PerAxis<R>;
}

interface WindowOptions<R extends Rank> {
  /** Step of the window. @defaultValue 1 */
  readonly stride?: PerAxis<R>;
  /** Distance between the kernel's taps. @defaultValue 1 */
  readonly dilation?: PerAxis<R>;
  /** Elements added around the input. @defaultValue 0 */
  readonly padding?: Padding<R>;
  /**
   * What lies in the padding. `'reflect'` mirrors without repeating the edge and needs padding < input size;
   * `'circular'` needs padding ≤ input size. @defaultValue `'zeros'`
   */
  readonly paddingMode?: PaddingMode;
}

/** Options of `Conv1d`, `Conv2d`, `Conv3d`. `weight` is `[outChannels, inChannels / groups, …kernel]`, in HWIO `[…kernel, inChannels / groups, outChannels]`. */
export interface ConvOptions<R extends Rank, L extends Layout<R> = Layout<R>>
  extends WeightOptions<R>,
    WindowOptions<R>,
    EpilogueOptions,
    EngineOptions<R, L>,
    TuneOptions {
  /** Input and output channels are split into so many groups that do not mix. Must divide both. @defaultValue 1 */
  readonly groups?: number;
}

/** Options of `DilatedConv2d`: those of `Conv2d`, `dilation` required. */
export interface DilatedConvOptions<R extends Rank, L extends Layout<R> = Layout<R>> extends ConvOptions<R, L> {
  /** Distance between the kernel's taps. Required: it is what the class is for. */
  readonly dilation: PerAxis<R>;
}

/** Options of `DepthwiseConv2d`. `weight` is `[channels * multiplier, 1, kH, kW]`, in HWIO `[kH, kW, channels, multiplier]`. */
export interface DepthwiseConvOptions<R extends Rank, L extends Layout<R> = Layout<R>>
  extends WeightOptions<R>,
    WindowOptions<R>,
    EpilogueOptions,
    EngineOptions<R, L>,
    TuneOptions {
  /** Filters a channel: output channel `c * multiplier + q` comes from input channel `c`. @defaultValue 1 */
  readonly multiplier?: number;
}

/** Options of `PointwiseConv2d`. `weight` is `[outChannels, inChannels / groups, 1, 1]`. */
export interface PointwiseConvOptions<R extends Rank, L extends Layout<R> = Layout<R>>
  extends Omit<WeightOptions<R>, 'kernelSize'>,
    Omit<WindowOptions<R>, 'dilation'>,
    EpilogueOptions,
    EngineOptions<R, L>,
    TuneOptions {
  /** Must divide input and output channels. @defaultValue 1 */
  readonly groups?: number;
}

/** The pointwise stage of a separable layer: 1×1, stride 1, no padding. `weight` is `[outChannels, channels * multiplier, 1, 1]`. */
export interface SeparablePointwiseOptions<R extends Rank, L extends Layout<R> = Layout<R>>
  extends Omit<WeightOptions<R>, 'kernelSize'>,
    EpilogueOptions,
    EngineOptions<R, L> {}

/**
 * Options of `DepthwiseSeparableConv2d`. `layout`, `weightLayout`, `algorithm`, `math` and `engine` beside the
 * two stages hold for both; written inside a stage as well, they must agree.
 */
export interface SeparableConvOptions<R extends Rank, L extends Layout<R> = Layout<R>> extends EngineOptions<R, L> {
  /** The first stage: one filter a channel, or several. */
  readonly depthwise: DepthwiseConvOptions<R, L>;
  /** The second stage: its input channels are the first's output channels. */
  readonly pointwise: SeparablePointwiseOptions<R, L>;
}

/** Options of `ConvTranspose1d`, `ConvTranspose2d`, `ConvTranspose3d`. `weight` is `[inChannels, outChannels / groups, …kernel]`, in HWIO `[…kernel, outChannels / groups, inChannels]`. */
export interface ConvTransposeOptions<R extends Rank, L extends Layout<R> = Layout<R>>
  extends WeightOptions<R>,
    Omit<WindowOptions<R>, 'paddingMode' | 'padding'>,
    EpilogueOptions,
    EngineOptions<R, L>,
    TuneOptions {
  /** Must divide input and output channels. @defaultValue 1 */
  readonly groups?: number;
  /** Elements taken off the output's edges, as PyTorch's `padding`; `'same'` gives `input * stride`, as TensorFlow's. @defaultValue 0 */
  readonly padding?: Padding<R>;
  /** Only `'zeros'`. @defaultValue `'zeros'` */
  readonly paddingMode?: 'zeros';
  /** Elements added at the output's end; smaller than the larger of stride and dilation. @defaultValue 0 */
  readonly outputPadding?: PerAxis<R>;
  /** The output's spatial sizes, or its whole shape, where stride leaves several possible. Instead of `outputPadding`. @defaultValue what `outputPadding` says */
  readonly outputShape?: Axes<R> | Readonly<Shape<R>>;
}

/** The bare array's place is taken by the call's own arguments. */
export type FunctionOptions<T> = Omit<T, 'weight'>;
