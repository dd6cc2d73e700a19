import {
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  DepthwiseConv2d,
  DepthwiseSeparableConv2d,
  type Layer,
  PointwiseConv2d,
} from '../../lib/index.js';
import { hostileValue, putAt } from './hostile.js';
import { channelsOf, type LayerCase } from './layer-case.js';
import { Pool } from './pool.js';

type Bag = Record<string, unknown>;
/** A layer class as a program without types sees it. */
type LayerClass = new (options: Bag) => Layer;

const untyped = (layer: unknown): LayerClass => layer as LayerClass;
const STANDARD = [Conv1d, Conv2d, Conv3d].map(untyped);
const TRANSPOSED = [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d].map(untyped);
const LAYOUTS = [
  ['NCW', 'NWC'],
  ['NCHW', 'NHWC'],
  ['NCDHW', 'NDHWC'],
] as const;

/** What the layer of a case is made with, and where its data come from. */
export interface BuiltLayer {
  readonly make: (choice: { readonly engine: string; readonly algorithm: string }) => Layer;
  readonly inputShape: readonly number[];
  /** The rest of the data: input, then residual. */
  readonly pool: Pool;
}

/** Options and input shape of a case; data from the pool, so that nothing is drawn anew for each. */
export function buildLayer(one: LayerCase): BuiltLayer {
  const pool = new Pool(one.data, one.seed);
  const options = optionsOf(one, pool);
  const spoilt = one.spoil?.place.startsWith('options.') ? one.spoil : null;
  if (spoilt !== null) {
    const nested = one.kind === 'separable' ? 'depthwise.' : '';
    putAt(options, nested + spoilt.place.slice('options.'.length), hostileValue(spoilt.value));
  }
  const { inChannels } = channelsOf(one);
  const sizes = one.axes.map(({ size }) => size);
  return {
    make: ({ engine, algorithm }) =>
      new (classOf(one))(
        spoilt?.place === 'options.algorithm' ? { ...options, engine } : { ...options, engine, algorithm },
      ),
    inputShape: one.channelsLast ? [one.batch, ...sizes, inChannels] : [one.batch, inChannels, ...sizes],
    pool,
  };
}

/** What `forward` is called with, of types that it may not take. */
export interface BuiltCall {
  readonly input: unknown;
  readonly options: unknown;
}

export interface CallBuffers {
  readonly input: Float32Array;
  readonly inputShape: readonly number[];
  readonly out: Float32Array;
  readonly residual: Float32Array | null;
}

/** The call of a case over buffers of the right sizes, and what is wrong with it. */
export function buildCall(one: LayerCase, { input, inputShape, out, residual }: CallBuffers): BuiltCall {
  const call: Bag = { input: { data: input, shape: [...inputShape] }, extra: {}, out };
  if (residual !== null) call.residual = residual;
  if (one.spoil?.place.startsWith('call.')) {
    putAt({ call }, one.spoil.place, hostileValue(one.spoil.value));
  }
  const { input: given, extra, ...rest } = call;
  const replaced = one.spoil?.place === 'call.extra';
  return { input: given, options: replaced ? extra : { ...rest, ...(extra as object) } };
}

function classOf({ kind, axes }: LayerCase): LayerClass {
  const index = axes.length - 1;
  if (kind === 'standard') return STANDARD[index];
  if (kind === 'transposed') return TRANSPOSED[index];
  return untyped({ depthwise: DepthwiseConv2d, pointwise: PointwiseConv2d, separable: DepthwiseSeparableConv2d }[kind]);
}

function optionsOf(one: LayerCase, pool: Pool): Bag {
  const { inChannels, between, outChannels } = channelsOf(one);
  const common: Bag = {
    layout: LAYOUTS[one.axes.length - 1][one.channelsLast ? 1 : 0],
    math: one.strict ? 'strict' : 'fast',
    ...(one.hwio ? { weightLayout: 'HWIO' } : {}),
  };
  const kernel = one.axes.map((axis) => axis.kernel);
  const depthwise = one.kind === 'depthwise' || one.kind === 'separable';
  const first: Bag = {
    ...weightOf(one, { major: one.kind === 'transposed' ? inChannels : between, kernel, pool }),
    ...(depthwise ? { multiplier: one.multiplier } : { groups: one.groups }),
    ...windowOf(one),
    ...epilogueOf(one, between, pool),
  };
  if (one.kind !== 'separable') return { ...first, ...common };
  const pointwise: Bag = {
    weight: one.hwio
      ? { data: pool.take(between * outChannels), shape: [1, 1, between, outChannels] }
      : { data: pool.take(between * outChannels), shape: [outChannels, between, 1, 1] },
    ...epilogueOf(one, outChannels, pool),
  };
  return { depthwise: { ...first, activation: 'relu6' }, pointwise, ...common };
}

function weightOf(
  one: LayerCase,
  { major, kernel, pool }: { readonly major: number; readonly kernel: readonly number[]; readonly pool: Pool },
): Bag {
  const { inChannels, between } = channelsOf(one);
  const depthwise = one.kind === 'depthwise' || one.kind === 'separable';
  const minor = depthwise ? 1 : (one.kind === 'transposed' ? between : inChannels) / one.groups;
  const taps = kernel.reduce((all, size) => all * size, 1);
  const data = pool.take(major * minor * taps);
  if (one.bare) {
    const named = one.kind === 'pointwise' ? {} : { kernelSize: kernel };
    return { weight: data, inChannels, ...(depthwise ? {} : { outChannels: between }), ...named };
  }
  if (!one.hwio) return { weight: { data, shape: [major, minor, ...kernel] }, ...(depthwise ? { inChannels } : {}) };
  return { weight: { data, shape: [...kernel, ...(depthwise ? [inChannels, one.multiplier] : [minor, major])] } };
}

function windowOf(one: LayerCase): Bag {
  const per = (pick: (axis: LayerCase['axes'][number]) => unknown) => one.axes.map(pick);
  const transposed = one.kind === 'transposed';
  return {
    stride: per(({ stride }) => stride),
    padding: one.padding === 'pairs' ? per(({ before, after }) => [before, after]) : one.padding,
    ...(one.kind === 'pointwise' ? {} : { dilation: per(({ dilation }) => dilation) }),
    ...(transposed ? {} : { paddingMode: one.mode }),
    ...(transposed && one.padding !== 'same' ? { outputPadding: per(({ extra }) => extra) } : {}),
  };
}

function epilogueOf(one: LayerCase, channels: number, pool: Pool): Bag {
  return {
    activation: activationOf(one.activation, channels, pool),
    ...(one.bias ? { bias: pool.take(channels) } : {}),
    ...(one.norm ? { batchNorm: normOf(channels, pool) } : {}),
  };
}

function activationOf(name: string, channels: number, pool: Pool): unknown {
  if (name === 'clip') return { type: 'clip', min: -3, max: 5.5 };
  if (name === 'leakyRelu') return { type: 'leakyRelu', alpha: 0.25 };
  if (name === 'prelu') return { type: 'prelu', slope: pool.take(channels).map((value) => value / 4) };
  return name;
}

/** Variances whose square roots are powers of two, so that whole weights stay multiples of a half. */
function normOf(channels: number, pool: Pool): Bag {
  return {
    mean: pool.take(channels),
    variance: Float32Array.from({ length: channels }, (_, channel) => [1, 4, 0.25][channel % 3]),
    scale: pool.take(channels),
    offset: pool.take(channels),
    epsilon: 0,
  };
}
