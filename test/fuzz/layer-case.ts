import fc from 'fast-check';
import type { PaddingMode } from '../../lib/spec.js';
import { HOSTILE_NAMES } from './hostile.js';

export const KINDS = ['standard', 'depthwise', 'pointwise', 'transposed', 'separable'] as const;
export type Kind = (typeof KINDS)[number];

/** Sizes along one axis. */
export interface AxisCase {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
  /** Of a transposed layer. */
  readonly extra: number;
}

/** A layer, a call of it, and what is wrong with them: all that a run depends on, as JSON. */
export interface LayerCase {
  readonly kind: Kind;
  readonly channelsLast: boolean;
  /** TensorFlow's order of the weight's dimensions. */
  readonly hwio: boolean;
  /** The weight as a bare array, its dimensions named beside it. */
  readonly bare: boolean;
  readonly batch: number;
  readonly groups: number;
  readonly groupIn: number;
  /** Output channels of a group; of the pointwise stage where the layer is separable. */
  readonly groupOut: number;
  /** Filters a channel of depthwise and separable layers. */
  readonly multiplier: number;
  readonly axes: readonly AxisCase[];
  readonly padding: 'pairs' | 'same' | 'valid';
  readonly mode: PaddingMode;
  readonly activation: string;
  readonly bias: boolean;
  readonly residual: boolean;
  readonly norm: boolean;
  readonly strict: boolean;
  /** 'auto' is tried beside it in any case. */
  readonly algorithm: string;
  readonly threads: number;
  readonly async: boolean;
  /** Whole numbers must come out exactly, real ones within rounding and with the same bits on any number of threads. */
  readonly data: 'whole' | 'real';
  readonly seed: number;
  /** One value of the options or of the call replaced by one that should not be there. */
  readonly spoil: { readonly place: string; readonly value: string } | null;
}

/** Activations that keep multiples of a quarter what they are, and others. */
export const EXACT_ACTIVATIONS = ['linear', 'relu', 'relu6', 'clip', 'leakyRelu', 'prelu'] as const;
const CURVED_ACTIVATIONS = ['elu', 'sigmoid', 'tanh', 'hardSwish', 'hardSigmoid', 'silu', 'gelu'] as const;

const MODES: readonly PaddingMode[] = ['zeros', 'reflect', 'replicate', 'circular'];

/** What of the options and the call is replaced; `{stage}` is where a separable layer nests its options. */
const PLACES: readonly string[] = [
  ...['weight', 'bias', 'activation', 'activation.alpha', 'activation.slope', 'activation.max', 'batchNorm'],
  ...['batchNorm.mean', 'batchNorm.variance', 'batchNorm.epsilon', 'inChannels', 'outChannels', 'kernelSize', 'groups'],
  ...['multiplier', 'stride', 'stride.0', 'dilation', 'dilation.0', 'padding', 'padding.0', 'padding.0.1'],
  ...['paddingMode', 'outputPadding', 'outputShape', 'layout', 'weightLayout', 'algorithm', 'math', 'weight.shape'],
  ...['weight.shape.0', 'weight.shape.1', 'weight.data', 'anUnknownOption'],
].map((place) => `options.${place}`);
const CALL_PLACES = ['input', 'input.data', 'input.shape', 'input.shape.0', 'input.shape.1', 'input.shape.2'];
const PLACE_NAMES: readonly string[] = [
  ...PLACES,
  ...[...CALL_PLACES, 'residual', 'out', 'extra.anUnknownOption', 'extra'].map((place) => `call.${place}`),
];

/** Small numbers, and the edges of register tiles. */
const channelCount = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 6 }) },
  { weight: 3, arbitrary: fc.constantFrom(7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48) },
  { weight: 1, arbitrary: fc.constantFrom(63, 64, 65, 96, 128) },
);
const groupCount = fc.oneof(
  { weight: 5, arbitrary: fc.constant(1) },
  { weight: 3, arbitrary: fc.integer({ min: 2, max: 9 }) },
  { weight: 1, arbitrary: fc.constantFrom(15, 16, 17, 31, 32, 33, 64) },
);
const size = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 9 }) },
  { weight: 4, arbitrary: fc.constantFrom(12, 13, 14, 15, 16, 17, 18, 28, 31, 33) },
  { weight: 1, arbitrary: fc.constantFrom(56, 63, 64, 65, 100, 127, 129, 500) },
);
const kernel = fc.oneof(
  { weight: 4, arbitrary: fc.constant(3) },
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 5 }) },
  { weight: 1, arbitrary: fc.constantFrom(6, 7, 9, 11, 16, 33) },
);
const step = fc.oneof(
  { weight: 12, arbitrary: fc.constant(1) },
  { weight: 6, arbitrary: fc.constant(2) },
  { weight: 4, arbitrary: fc.integer({ min: 3, max: 6 }) },
  { weight: 1, arbitrary: fc.constantFrom(17, 100, 1000, 2 ** 16, 2 ** 31 - 1) },
);
const pad = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 2 }) },
  { weight: 2, arbitrary: fc.integer({ min: 3, max: 9 }) },
  { weight: 1, arbitrary: fc.constantFrom(16, 33, 100, 1000) },
);

const axis: fc.Arbitrary<AxisCase> = fc
  .record({ size, kernel, stride: step, dilation: step, before: pad, after: pad, extra: pad, equal: fc.boolean() })
  .map(({ equal, ...rest }) => (equal ? { ...rest, after: rest.before } : rest));

/** Axes that are alike more often than chance has it: kernels are square, as algorithms for them want. */
const axes = fc.tuple(axis, axis, axis, fc.constantFrom(1, 2, 2, 2, 3), fc.boolean()).map(([d, h, w, rank, square]) => {
  const alike = (other: AxisCase): AxisCase => (square ? { ...w, size: other.size } : other);
  return [alike(d), alike(h), w].slice(3 - rank);
});

const spoil = fc.record({ place: fc.constantFrom(...PLACE_NAMES), value: fc.constantFrom(...HOSTILE_NAMES) });

/** How many in a hundred cases have one thing wrong with them. */
const SPOILT = 15;

/** Any layer and call. `algorithms` are the engine's own names. */
export function layerCases(algorithms: readonly string[]): fc.Arbitrary<LayerCase> {
  const often = <T>(usual: T, percent: number, rare: fc.Arbitrary<T>): fc.Arbitrary<T> =>
    fc.oneof({ weight: 100 - percent, arbitrary: fc.constant(usual) }, { weight: percent, arbitrary: rare });
  return fc
    .record({
      kind: fc.constantFrom<Kind>(...KINDS, 'standard', 'standard'),
      channelsLast: fc.boolean(),
      hwio: often(false, 20, fc.constant(true)),
      bare: often(false, 20, fc.constant(true)),
      batch: often(1, 25, fc.integer({ min: 2, max: 4 })),
      groups: groupCount,
      groupIn: channelCount,
      groupOut: channelCount,
      multiplier: often(1, 20, fc.integer({ min: 2, max: 5 })),
      axes,
      padding: often<LayerCase['padding']>('pairs', 15, fc.constantFrom('same', 'valid')),
      mode: often<PaddingMode>('zeros', 35, fc.constantFrom(...MODES)),
      activation: often<string>(
        'linear',
        60,
        fc.oneof(
          { weight: 3, arbitrary: fc.constantFrom<string>(...EXACT_ACTIVATIONS) },
          { weight: 1, arbitrary: fc.constantFrom<string>(...CURVED_ACTIVATIONS) },
        ),
      ),
      bias: fc.boolean(),
      residual: often(false, 30, fc.constant(true)),
      norm: often(false, 10, fc.constant(true)),
      strict: fc.boolean(),
      algorithm: fc.constantFrom('auto', ...algorithms),
      threads: often(1, 20, fc.integer({ min: 2, max: 4 })),
      async: often(false, 6, fc.constant(true)),
      data: often<LayerCase['data']>('whole', 25, fc.constant('real')),
      seed: fc.nat(2 ** 16),
      spoil: often<LayerCase['spoil']>(null, SPOILT, spoil),
      shape: fc.oneof(
        { weight: 77, arbitrary: fc.constant('any' as const) },
        { weight: 20, arbitrary: fc.constant('classic' as const) },
        { weight: 3, arbitrary: fc.constant('mixing' as const) },
      ),
    })
    .map(({ shape, ...one }) => {
      if (shape === 'mixing') return asMixing(one);
      return affordable(shape === 'classic' ? asClassic(one) : one);
    });
}

/** The case as a 1×1 layer of enough channels and pixels for products of halves, or of quarters. */
function asMixing(one: LayerCase): LayerCase {
  const quarters = one.seed % 7 === 0;
  const [height, width] = [(quarters ? 7 : 4) + (one.seed % 5), (quarters ? 11 : 7) + (one.seed % 6)];
  const axes = [height, width].map((size, at) => {
    const stride = Math.min(one.axes[at % one.axes.length].stride, 2);
    return { size: size * stride, kernel: 1, stride, dilation: 1, before: 0, after: 0, extra: 0 };
  });
  return {
    ...one,
    kind: 'pointwise',
    channelsLast: one.seed % 8 !== 0,
    groups: 1,
    groupIn: quarters ? 16 * (10 + (one.groupIn % 3)) : 8 * (1 + (one.groupIn % 3)),
    groupOut: (quarters ? 256 : 116) + one.groupOut,
    strict: false,
    algorithm: one.seed % 4 === 0 ? 'auto' : 'strassen',
    mode: 'zeros',
    axes,
  };
}

/** The case as what most networks are made of, which algorithms of their own exist for: one group, square, padded all round. */
function asClassic(one: LayerCase): LayerCase {
  const width = one.axes[one.axes.length - 1];
  const { kernel, dilation } = { kernel: Math.min(width.kernel, 7), dilation: Math.min(width.dilation, 3) };
  const around = Math.floor((dilation * (kernel - 1)) / 2);
  const square = { kernel, dilation, stride: Math.min(width.stride, 2), before: around, after: around };
  return {
    ...one,
    kind: one.kind === 'transposed' ? 'transposed' : 'standard',
    groups: 1,
    strict: false,
    axes: one.axes.map((each) => ({ ...each, ...square })),
  };
}

/** Multiply-accumulates and elements of a case at the most. The plain loops of the TypeScript engine do about 50,000 a ms. */
const SMALL = { macs: 10_000, elements: 4_000 };
const MEDIUM = { macs: 40_000, elements: 10_000 };
const LARGE = { macs: 250_000, elements: 40_000 };
const BUDGETS = [LARGE, MEDIUM, MEDIUM, MEDIUM, SMALL, SMALL, SMALL, SMALL, SMALL, SMALL, SMALL, SMALL] as const;

const halved = (value: number): number => Math.max(1, value >> 1);

/** The case with its largest numbers halved until a run is cheap, and the paddings fit for their mode. */
function affordable(drawn: LayerCase): LayerCase {
  const budget = BUDGETS[drawn.seed % BUDGETS.length];
  let current = { ...drawn, axes: kindAxes(drawn) };
  for (let round = 0; round < 64; round++) {
    const { macs, elements } = workOf(current);
    if (macs <= budget.macs && elements <= budget.elements) break;
    current = smaller(current);
  }
  const fits = current;
  // Most empty outputs are only in the way; some stay, as both engines must refuse them alike.
  const rescued = fits.seed % 16 === 0 ? fits.axes : fits.axes.map((one) => reaching(one, fits.kind));
  return { ...fits, axes: rescued.map((one) => fitting(one, fits)) };
}

/** The classes of these kinds have two axes; a pointwise kernel is 1 × 1. */
function kindAxes({ kind, axes: drawn }: LayerCase): readonly AxisCase[] {
  if (kind === 'standard' || kind === 'transposed') return drawn;
  const two = drawn.length === 1 ? [drawn[0], drawn[0]] : drawn.slice(-2);
  return kind === 'pointwise' ? two.map((one) => ({ ...one, kernel: 1, dilation: 1 })) : two;
}

function smaller(one: LayerCase): LayerCase {
  const sizes = one.axes.map((each) => each.size);
  const channels = [one.groups, one.groupIn, one.groupOut];
  const kernels = one.axes.map((each) => each.kernel ** 2);
  const pads = one.axes.map((each) => Math.max(each.before, each.after));
  const strides = one.kind === 'transposed' ? one.axes.map((each) => each.stride) : [0];
  const most = Math.max(...sizes, ...channels, ...kernels, ...pads, ...strides);
  const shrink = (each: AxisCase): AxisCase => ({
    ...each,
    size: each.size === most ? halved(each.size) : each.size,
    kernel: each.kernel ** 2 === most ? halved(each.kernel) : each.kernel,
    stride: one.kind === 'transposed' && each.stride === most ? halved(each.stride) : each.stride,
    before: each.before === most ? each.before >> 1 : each.before,
    after: each.after === most ? each.after >> 1 : each.after,
  });
  return {
    ...one,
    batch: most <= 2 ? 1 : one.batch,
    groups: one.groups === most ? halved(one.groups) : one.groups,
    groupIn: one.groupIn === most ? halved(one.groupIn) : one.groupIn,
    groupOut: one.groupOut === most ? halved(one.groupOut) : one.groupOut,
    axes: one.axes.map(shrink),
  };
}

/** The axis with its kernel, or what a transposed layer takes off, small enough for an output. */
function reaching(one: AxisCase, kind: Kind): AxisCase {
  if (outputSize(one, kind) >= 1) return one;
  if (kind === 'transposed') return { ...one, before: 0, after: 0 };
  return { ...one, dilation: 1, kernel: Math.min(one.kernel, one.size) };
}

/** Paddings that the mode allows, and an output padding that the stride does: what is wrong is wrong by `spoil` alone. */
function fitting(one: AxisCase, { mode, kind }: LayerCase): AxisCase {
  const limited = kind === 'transposed' ? 'zeros' : mode;
  const most = limited === 'reflect' ? one.size - 1 : limited === 'circular' ? one.size : Number.POSITIVE_INFINITY;
  const extra = Math.min(one.extra, Math.max(one.stride, one.dilation) - 1);
  return { ...one, before: Math.min(one.before, most), after: Math.min(one.after, most), extra };
}

/** Output size of an axis, by the formulas of the docs; below 1 where it would be empty. */
export function outputSize(one: AxisCase, kind: Kind): number {
  const reach = one.dilation * (one.kernel - 1);
  const pads = one.before + one.after;
  if (kind === 'transposed') return (one.size - 1) * one.stride - pads + reach + one.extra + 1;
  return Math.floor((one.size + pads - reach - 1) / one.stride) + 1;
}

interface Work {
  readonly macs: number;
  /** Of the largest tensor. */
  readonly elements: number;
}

function workOf(one: LayerCase): Work {
  const volume = (pick: (each: AxisCase) => number) => one.axes.reduce((all, each) => all * Math.max(1, pick(each)), 1);
  const { inChannels, between, outChannels } = channelsOf(one);
  const input = volume((each) => each.size);
  // 'same' may give a larger output than the pads drawn, and never one larger than this.
  const output = volume((each) => Math.max(outputSize(each, one.kind), each.size));
  const taps = volume((each) => each.kernel);
  const perPoint = one.kind === 'transposed' ? input : output;
  const first = (perPoint * taps * inChannels * between) / one.groups;
  const depthwise = one.kind === 'separable' || one.kind === 'depthwise';
  const macs = one.batch * (depthwise ? output * between * (taps + outChannels) : first);
  const elements = one.batch * Math.max(input * inChannels, output * Math.max(between, outChannels));
  return { macs: Math.max(macs, output * outChannels), elements };
}

/** Channels of the input, of the first stage's output, and of the layer's. */
export function channelsOf(one: LayerCase): { inChannels: number; between: number; outChannels: number } {
  if (one.kind === 'depthwise' || one.kind === 'separable') {
    const between = one.groups * one.multiplier;
    return { inChannels: one.groups, between, outChannels: one.kind === 'separable' ? one.groupOut : between };
  }
  const outChannels = one.groups * one.groupOut;
  return { inChannels: one.groups * one.groupIn, between: outChannels, outChannels };
}
