import type { ConvStage } from './engine.js';
import { ConvolithError, expected, show } from './errors.js';
import type { Bag } from './spec/check.js';
import { asOptions, checkKeys, integer, oneOf, perAxis, product, triple } from './spec/check.js';
import type { AxisSizes } from './spec/geometry.js';
import { convAxis, convTransposeAxis, outputShapeOf, resolveGeometry } from './spec/geometry.js';
import { channelsOf, LAYOUTS } from './spec/layout.js';
import { resolvePadding } from './spec/padding.js';
import type { ConvGeometry, ConvSpec, Triple } from './spec.js';

/**
 * What one run costs. With batch N, kernel volume K (= k² for k×k), groups g:
 * - standard: `macs = N · K · Cin/g · Cout · Oh · Ow`; depthwise (g = Cin): `N · K · Cout · Oh · Ow`; pointwise: `N · Cin · Cout · Oh · Ow`;
 * - separable: depthwise + pointwise, which is `1/Cout + 1/K` of the standard one (Howard et al. 2017, MobileNets, §3.1);
 * - transposed: each input meets each weight once, `N · K · Cin · Cout/g · Ih · Iw`.
 * Taps that meet padding count, as is the field's custom.
 */
export interface Cost {
  /** Multiply-accumulates. */
  readonly macs: number;
  /** `2 · macs`. */
  readonly flops: number;
  /** Weights and biases: `K · Cin/g · Cout (+ Cout)`. */
  readonly params: number;
  /** `4 · input elements`. */
  readonly inputBytes: number;
  /** `4 · output elements`. */
  readonly outputBytes: number;
  /** `4 · params`. */
  readonly weightBytes: number;
}

const FLOAT_BYTES = 4;

/** The cost of one stage for one input. */
export function stageCost(spec: ConvSpec, geometry: ConvGeometry, params: number): Cost {
  const positions = volume(spec.transposed ? geometry.input : geometry.output);
  const macs = geometry.batch * positions * ((volume(spec.kernel) * spec.inChannels * spec.outChannels) / spec.groups);
  return costOf(macs, params, {
    input: geometry.batch * spec.inChannels * volume(geometry.input),
    output: geometry.batch * spec.outChannels * volume(geometry.output),
  });
}

export function paramCount({ weight, bias }: Pick<ConvStage, 'weight' | 'bias'>): number {
  return weight.length + (bias === null ? 0 : bias.length);
}

/** The cost of stages after one another: work and parameters add up; bytes in are the first's, bytes out the last's. */
export function totalCost(costs: readonly Cost[]): Cost {
  const sum = (pick: (cost: Cost) => number): number => costs.reduce((all, cost) => all + pick(cost), 0);
  const [first, last] = [costs[0], costs[costs.length - 1]];
  return costOf(
    sum((cost) => cost.macs),
    sum((cost) => cost.params),
    { input: first.inputBytes / FLOAT_BYTES, output: last.outputBytes / FLOAT_BYTES },
  );
}

function costOf(macs: number, params: number, elements: { readonly input: number; readonly output: number }): Cost {
  return {
    macs,
    flops: 2 * macs,
    params,
    inputBytes: FLOAT_BYTES * elements.input,
    outputBytes: FLOAT_BYTES * elements.output,
    weightBytes: FLOAT_BYTES * params,
  };
}

function volume([depth, height, width]: Triple): number {
  return depth * height * width;
}

/** One axis, or several at once: `input: 224` gives a number, `input: [224, 320]` an array. */
export interface OutputSizeOptions<I extends number | readonly number[] = number | readonly number[]> {
  /** The input's size; one an axis where it is an array. */
  readonly input: I;
  /** The kernel's size; a number serves every axis. */
  readonly kernel: number | readonly number[];
  /** Step of the window. @defaultValue 1 */
  readonly stride?: number | readonly number[];
  /** As the layers'. For a single axis `[before, after]` will do. @defaultValue 0 */
  readonly padding?: 'same' | 'valid' | number | readonly number[] | readonly (readonly [number, number])[];
  /** Distance between the kernel's taps. @defaultValue 1 */
  readonly dilation?: number | readonly number[];
}

/** As {@link OutputSizeOptions}, for a transposed convolution. */
export interface TransposeOutputSizeOptions<I extends number | readonly number[] = number | readonly number[]>
  extends OutputSizeOptions<I> {
  /** Elements added at the output's end. @defaultValue 0 */
  readonly outputPadding?: number | readonly number[];
}

/** The result's form follows the input's: a number, or an array of one an axis. */
export type OutputSize<I> = I extends number ? number : number[];

/**
 * `O = ⌊(I + before + after − d(K − 1) − 1) / s⌋ + 1` (Dumoulin and Visin 2016, relationship 15); with d = 1 and the same
 * padding p on both sides `⌊(I + 2p − K) / s⌋ + 1`. `'same'`: `⌈I / s⌉`.
 * @throws ConvolithError `ERR_OPTION`, or `ERR_SHAPE` where the output would be empty.
 * @example
 * console.log(convOutputSize({ input: 224, kernel: 7, stride: 2, padding: 3 })); // → 112
 */
export function convOutputSize<const I extends number | readonly number[]>(
  options: OutputSizeOptions<I>,
): OutputSize<I> {
  checkKeys(asOptions(options, 'options'), ['input', 'kernel', 'stride', 'padding', 'dilation'], 'convOutputSize');
  return outputSizes(options, (input, window, pads) => convAxis(input, window, pads)) as OutputSize<I>;
}

/**
 * `O = (I − 1)s − before − after + d(K − 1) + outputPadding + 1` (PyTorch, ConvTranspose2d). `'same'`: `I · s`.
 * @throws ConvolithError `ERR_OPTION`, or `ERR_SHAPE` where the output would be empty.
 * @example
 * console.log(convTransposeOutputSize({ input: 8, kernel: 3, stride: 2, padding: 1, outputPadding: 1 })); // → 16
 */
export function convTransposeOutputSize<const I extends number | readonly number[]>(
  options: TransposeOutputSizeOptions<I>,
): OutputSize<I> {
  const known = ['input', 'kernel', 'stride', 'padding', 'dilation', 'outputPadding'];
  checkKeys(asOptions(options, 'options'), known, 'convTransposeOutputSize');
  const rank = typeof options.input === 'number' ? 1 : options.input.length;
  const extra = perAxis(options.outputPadding ?? 0, rank, 0, 'outputPadding');
  return outputSizes(options, (input, window, pads, axis) => {
    const limit = Math.max(window.stride, window.dilation);
    if (extra[axis] >= limit) {
      throw expected(
        'ERR_OPTION',
        `less than ${limit} (the larger of stride and dilation)`,
        'outputPadding',
        extra[axis],
      );
    }
    return convTransposeAxis(input, window, pads, extra[axis]);
  }) as OutputSize<I>;
}

type Pads = { readonly before: number; readonly after: number } | null;
type SizeOf = (
  input: number,
  window: { readonly kernel: number; readonly stride: number; readonly dilation: number },
  pads: Pads,
  axis: number,
) => AxisSizes;

function outputSizes(options: OutputSizeOptions, sizeOf: SizeOf): number | number[] {
  const single = typeof options.input === 'number';
  const input = single ? [options.input] : options.input;
  if (!Array.isArray(input) || input.length < 1 || input.length > 3) {
    throw expected('ERR_OPTION', 'an integer or 1 to 3 of them', 'input', options.input);
  }
  const rank = input.length;
  const isPair = single && Array.isArray(options.padding) && options.padding.length === 2;
  const padding = resolvePadding(isPair ? [options.padding] : options.padding, rank, 'padding');
  const kernel = perAxis(options.kernel, rank, 1, 'kernel');
  const stride = perAxis(options.stride ?? 1, rank, 1, 'stride');
  const dilation = perAxis(options.dilation ?? 1, rank, 1, 'dilation');
  const sizes = input.map((value: unknown, axis) => {
    const size = integer(value, 1, single ? 'input' : `input[${axis}]`);
    const at = 3 - rank + axis;
    const pads = padding.same ? null : { before: padding.before[at], after: padding.after[at] };
    const window = { kernel: kernel[axis], stride: stride[axis], dilation: dilation[axis] };
    const { output } = sizeOf(size, window, pads, axis);
    if (output >= 1) return output;
    throw new ConvolithError(
      'ERR_SHAPE',
      `Expected an output of at least 1 but input ${size} gives ${output} for ${show(options.kernel)}`,
    );
  });
  return single ? sizes[0] : sizes;
}

/** A layer as plain numbers. The rank follows from `inputShape`. */
export interface ConvCostSpec {
  /** What is computed. @defaultValue `'standard'`, which a `groups` makes grouped */
  readonly kind?: 'standard' | 'depthwise' | 'pointwise' | 'separable' | 'transposed';
  /** Batch, channels and spatial sizes in `layout`'s order. */
  readonly inputShape: readonly number[];
  /** Channels of the input; must agree with `inputShape`. @defaultValue what `inputShape` says */
  readonly inChannels?: number;
  /** Channels of the output. @defaultValue `depthwise`: inChannels * multiplier; the others need it */
  readonly outChannels?: number;
  /** Filters a channel, of `depthwise` and `separable`. @defaultValue 1 */
  readonly multiplier?: number;
  /** Groups of channels that do not mix. @defaultValue 1 */
  readonly groups?: number;
  /** One number, or one an axis. @defaultValue 1 for `pointwise`; the others need it */
  readonly kernelSize?: number | readonly number[];
  /** Step of the window. @defaultValue 1 */
  readonly stride?: number | readonly number[];
  /** Distance between the kernel's taps. @defaultValue 1 */
  readonly dilation?: number | readonly number[];
  /** As the layers'. @defaultValue 0 */
  readonly padding?: OutputSizeOptions['padding'];
  /** Elements added at the output's end, of `transposed`. @defaultValue 0 */
  readonly outputPadding?: number | readonly number[];
  /** Whether there is one; it counts one parameter an output channel (`separable`: of both stages). @defaultValue false */
  readonly bias?: boolean;
  /** Order of `inputShape`: any layout of its rank. @defaultValue channels first */
  readonly layout?: string;
}

/** A cost by plain numbers, with the output's shape; `separable` tells its share of the standard convolution's MACs too. */
export interface ConvCost extends Cost {
  /** Batch, channels and spatial sizes in `layout`'s order. */
  readonly outputShape: number[];
  /** `separable` only: its MACs ÷ those of the standard convolution it stands for; with multiplier 1 `1/Cout + 1/K`. */
  readonly ratio?: number;
}

const COST_KEYS = [
  ...['kind', 'inputShape', 'inChannels', 'outChannels', 'multiplier', 'groups', 'kernelSize'],
  ...['stride', 'dilation', 'padding', 'outputPadding', 'bias', 'layout'],
];

/**
 * MACs, FLOPs, parameters and bytes of a layer that need not exist; formulas at {@link Cost}.
 * @throws ConvolithError `ERR_OPTION`, `ERR_SHAPE` or `ERR_MEMORY`, as the layer's own construction would.
 * @example
 * const { macs, ratio } = convCost({ kind: 'separable', inputShape: [1, 128, 56, 56], outChannels: 128, kernelSize: 3, padding: 1 });
 * console.log(macs, ratio?.toFixed(4)); // → 54992896 0.1189
 */
export function convCost(spec: ConvCostSpec): ConvCost {
  const options = asOptions(spec, 'spec');
  checkKeys(options, COST_KEYS, 'convCost');
  const kinds = ['standard', 'depthwise', 'pointwise', 'separable', 'transposed'] as const;
  const kind = oneOf(options.kind, kinds, 'standard', 'kind');
  if (kind !== 'separable') return plainCost(options, kind);
  const depthwise = plainCost({ ...options, outChannels: undefined }, 'depthwise');
  const { layout, bias, outChannels } = options;
  const pointwise = plainCost({ layout, bias, outChannels, inputShape: depthwise.outputShape }, 'pointwise');
  const standard = plainCost({ ...options, multiplier: undefined }, 'standard');
  const total = totalCost([depthwise, pointwise]);
  return { ...total, outputShape: pointwise.outputShape, ratio: total.macs / standard.macs };
}

function plainCost(options: Bag, kind: 'standard' | 'depthwise' | 'pointwise' | 'transposed'): ConvCost {
  const { inputShape } = options;
  if (!Array.isArray(inputShape) || inputShape.length < 3 || inputShape.length > 5) {
    throw expected('ERR_SHAPE', '3 to 5 positive integers', 'inputShape', inputShape);
  }
  const shape = inputShape.map((size: unknown, axis) => integer(size, 1, `inputShape[${axis}]`, 'ERR_SHAPE'));
  const rank = shape.length === 3 ? 1 : shape.length === 4 ? 2 : 3;
  const layouts: readonly string[] = LAYOUTS[rank];
  const channelsLast = oneOf(options.layout, layouts, layouts[0], 'layout') === layouts[1];
  const inChannels = integer(options.inChannels ?? channelsOf(shape, channelsLast), 1, 'inChannels');
  const depthwise = kind === 'depthwise';
  const outChannels = depthwise
    ? inChannels * integer(options.multiplier ?? 1, 1, 'multiplier')
    : integer(options.outChannels, 1, 'outChannels');
  const groups = depthwise ? inChannels : integer(options.groups ?? 1, 1, 'groups');
  for (const [name, channels] of [
    ['inChannels', inChannels],
    ['outChannels', outChannels],
  ] as const) {
    if (channels % groups !== 0) throw expected('ERR_OPTION', `a divisor of ${name} ${channels}`, 'groups', groups);
  }
  const window = (key: string, fill: number | undefined, least: number, empty: number): Triple =>
    triple(perAxis(options[key] ?? fill, rank, least, key), empty);
  const conv = {
    transposed: kind === 'transposed',
    rank,
    channelsLast,
    inChannels,
    outChannels,
    groups,
    kernel: window('kernelSize', kind === 'pointwise' ? 1 : undefined, 1, 1),
    stride: window('stride', 1, 1, 1),
    dilation: window('dilation', 1, 1, 1),
    ...NEUTRAL,
  } as const;
  const outputPadding = window('outputPadding', 0, 0, 0);
  const padding = resolvePadding(options.padding, rank, 'padding');
  const sizes = { spec: conv, padding, outputPadding, outputShape: null, channelsFrom: 'inChannels' };
  const geometry = resolveGeometry(sizes, shape);
  const weights = product([volume(conv.kernel), inChannels / groups, outChannels], 'the weight');
  const cost = stageCost(conv, geometry, weights + (options.bias === true ? outChannels : 0));
  return { ...cost, outputShape: outputShapeOf(conv, geometry) };
}

/** The parts of a spec that cost nothing. */
const NEUTRAL = {
  paddingMode: 'zeros',
  activation: { op: 'clip', min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY, alpha: 0, slope: null },
  algorithm: 'auto',
  math: 'fast',
} as const;
