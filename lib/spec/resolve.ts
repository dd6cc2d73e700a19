import type { ConvStage } from '../engine.js';
import { expected } from '../errors.js';
import type { Rank } from '../options.js';
import type { ConvSpec, PaddingMode, Triple } from '../spec.js';
import { readVector } from '../tensor.js';
import { resolveActivation } from './activation.js';
import { axesOf, checkKeys, integer, oneOf, perAxis, triple } from './check.js';
import type { SizeRule } from './geometry.js';
import { channelsOf, LAYOUTS, spatialOf } from './layout.js';
import { resolvePadding } from './padding.js';
import type { CanonicalWeight, StageKind, StageRequest, WeightSizes } from './weight.js';
import { foldBatchNorm, resolveWeight } from './weight.js';

export type EngineChoice = 'auto' | 'native' | 'reference';

/** A stage with everything settled but its input. */
export interface ResolvedStage {
  readonly stage: ConvStage;
  readonly sizes: SizeRule;
  readonly layout: string;
  readonly engine: EngineChoice;
  readonly tune: boolean | string;
}

const PADDING_MODES: readonly PaddingMode[] = ['zeros', 'reflect', 'replicate', 'circular'];
/** Options that say how a layer is computed. A separable layer takes them once for both stages. */
export const ENGINE_KEYS = ['layout', 'weightLayout', 'algorithm', 'math', 'engine'] as const;
const SHARED_KEYS = ['weight', 'inChannels', 'outChannels', 'bias', 'activation', 'batchNorm', ...ENGINE_KEYS];
const WINDOW_KEYS = ['stride', 'padding', 'paddingMode'];

/** Options of each kind; what is not here is refused. */
export const KEYS: { readonly [K in StageKind]: readonly string[] } = {
  standard: [...SHARED_KEYS, ...WINDOW_KEYS, 'tune', 'kernelSize', 'dilation', 'groups'],
  depthwise: [...SHARED_KEYS, ...WINDOW_KEYS, 'tune', 'kernelSize', 'dilation', 'multiplier'],
  pointwise: [...SHARED_KEYS, ...WINDOW_KEYS, 'tune', 'groups'],
  transposed: [
    ...SHARED_KEYS,
    ...WINDOW_KEYS,
    'tune',
    'kernelSize',
    'dilation',
    'groups',
    'outputPadding',
    'outputShape',
  ],
};

/** Options of the pointwise stage inside a separable layer. */
export const SEPARABLE_POINTWISE_KEYS: readonly string[] = SHARED_KEYS;

/**
 * Settles every default of one stage. `owner` is the class, for messages.
 * @throws ConvolithError with the code and message of the first option that is wrong.
 */
export function resolveStage(request: StageRequest, owner: string, keys = KEYS[request.kind]): ResolvedStage {
  const { options, path } = request;
  checkKeys(options, keys, path === '' ? owner : path.slice(0, -1));
  const layout = resolveLayout(request);
  const weight = resolveWeight(request);
  const resolved = resolveSpec(request, weight);
  return {
    stage: Object.freeze({ spec: resolved.spec, ...resolveTerms(request, weight) }),
    layout,
    ...resolved,
    tune: resolveTune(request),
  };
}

function resolveLayout({ rank, options, path }: StageRequest): string {
  const layouts: readonly string[] = LAYOUTS[rank];
  return oneOf(options.layout, layouts, layouts[0], `${path}layout`);
}

/** What a stage's options settle beside its weights. */
export interface ResolvedSpec {
  readonly spec: ConvSpec;
  readonly sizes: SizeRule;
  readonly engine: EngineChoice;
}

/** All of a stage but its weights, whose sizes are known. */
export function resolveSpec(request: StageRequest, weight: WeightSizes): ResolvedSpec {
  const { kind, rank, options, path } = request;
  const transposed = kind === 'transposed';
  const spec: ConvSpec = Object.freeze({
    transposed,
    rank,
    channelsLast: resolveLayout(request) === LAYOUTS[rank][1],
    inChannels: weight.inChannels,
    outChannels: weight.outChannels,
    groups: weight.groups,
    kernel: triple(weight.kernel, 1),
    stride: triple(perAxis(options.stride ?? 1, rank, 1, `${path}stride`), 1),
    dilation: triple(perAxis(options.dilation ?? 1, rank, 1, `${path}dilation`), 1),
    paddingMode: resolvePaddingMode(request),
    activation: resolveActivation(options.activation, weight.outChannels, `${path}activation`),
    algorithm: resolveAlgorithm(options.algorithm, `${path}algorithm`),
    math: oneOf(options.math, ['fast', 'strict'], 'fast', `${path}math`),
  });
  return {
    spec,
    sizes: resolveSizes(request, spec, weight.channelsFrom),
    engine: oneOf<EngineChoice>(options.engine, ['auto', 'native', 'reference'], 'auto', `${path}engine`),
  };
}

function resolveTerms(request: StageRequest, weight: CanonicalWeight): Omit<ConvStage, 'spec'> {
  const { options, path } = request;
  const bias = options.bias === undefined ? null : readVector(options.bias, weight.outChannels, `${path}bias`);
  const folded = foldBatchNorm(request, weight, bias);
  return { weight: folded.data, bias: folded.bias };
}

/** Whether the name is known is the engine's to say: each has its own list. */
function resolveAlgorithm(value: unknown, name: string): string {
  if (value === undefined) return 'auto';
  if (typeof value !== 'string') throw expected('ERR_OPTION', "'auto' or the name of an algorithm", name, value);
  return value;
}

function resolveTune({ options: { tune }, path }: StageRequest): boolean | string {
  if (tune === undefined) return false;
  if (typeof tune === 'boolean' || (typeof tune === 'string' && tune !== '')) return tune;
  throw expected('ERR_OPTION', 'a boolean or the name of a file', `${path}tune`, tune);
}

function resolvePaddingMode({ kind, options, path }: StageRequest): PaddingMode {
  const mode = oneOf(options.paddingMode, PADDING_MODES, 'zeros', `${path}paddingMode`);
  if (kind === 'transposed' && mode !== 'zeros') {
    throw expected('ERR_OPTION', "'zeros' (a transposed convolution takes no other)", `${path}paddingMode`, mode);
  }
  return mode;
}

function resolveSizes(request: StageRequest, spec: ConvSpec, channelsFrom: string): SizeRule {
  const { options, path } = request;
  const padding = resolvePadding(options.padding, spec.rank, `${path}padding`);
  const outputPadding = resolveOutputPadding(request, spec, padding.same);
  if (options.outputShape !== undefined && options.outputPadding !== undefined) {
    throw expected('ERR_OPTION', 'no outputPadding beside outputShape', `${path}outputPadding`, options.outputPadding);
  }
  return { spec, padding, outputPadding, outputShape: resolveOutputShape(options.outputShape, spec), channelsFrom };
}

function resolveOutputPadding({ options, path, rank }: StageRequest, spec: ConvSpec, same: boolean): Triple {
  const values = triple(perAxis(options.outputPadding ?? 0, rank, 0, `${path}outputPadding`), 0);
  for (const [axis, value] of values.entries()) {
    const limit = Math.max(spec.stride[axis], spec.dilation[axis]);
    if (value >= limit) {
      const what = `less than ${limit} (the larger of stride and dilation) an axis`;
      throw expected('ERR_OPTION', what, `${path}outputPadding`, axesOf(values, rank));
    }
    if (same && value > 0) {
      throw expected(
        'ERR_OPTION',
        "0 (padding 'same' settles the output)",
        `${path}outputPadding`,
        axesOf(values, rank),
      );
    }
  }
  return values;
}

function resolveOutputShape(value: unknown, spec: ConvSpec): SizeRule['outputShape'] {
  if (value === undefined) return null;
  const rank: Rank = spec.rank;
  if (!Array.isArray(value) || (value.length !== rank && value.length !== rank + 2)) {
    throw expected('ERR_OPTION', `${rank} spatial sizes or the whole shape of ${rank + 2}`, 'outputShape', value);
  }
  const sizes = Array.from(value, (entry: unknown, axis) => integer(entry, 1, `outputShape[${axis}]`));
  if (sizes.length === rank) return { batch: null, spatial: triple(sizes, 1) };
  const channels = channelsOf(sizes, spec.channelsLast);
  if (channels !== spec.outChannels) {
    throw expected('ERR_SHAPE', `output channels ${spec.outChannels}`, 'outputShape', sizes);
  }
  return { batch: sizes[0], spatial: triple(spatialOf(sizes, spec.channelsLast), 1) };
}
