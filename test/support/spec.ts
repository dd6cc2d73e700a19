import type { ConvStage } from '../../lib/engine.js';
import type { ConvGeometry, ConvSpec, EngineActivation, PaddingMode, Triple } from '../../lib/spec.js';

/** A layer and an input as tests write them: numbers an axis are given for the axes of the rank alone. */
export interface CaseOptions {
  rank?: 1 | 2 | 3;
  transposed?: boolean;
  channelsLast?: boolean;
  batch?: number;
  inChannels: number;
  outChannels: number;
  groups?: number;
  /** Input sizes, one an axis. */
  size: readonly number[];
  kernel: readonly number[];
  stride?: number | readonly number[];
  dilation?: number | readonly number[];
  /** The same before and after, or a pair an axis. */
  padding?: number | readonly (readonly [number, number])[];
  paddingMode?: PaddingMode;
  outputPadding?: number | readonly number[];
  activation?: Partial<EngineActivation>;
  math?: 'fast' | 'strict';
  algorithm?: string;
}

export interface Built {
  readonly spec: ConvSpec;
  readonly geometry: ConvGeometry;
}

export const LINEAR: EngineActivation = { op: 'clip', min: -Infinity, max: Infinity, alpha: 0, slope: null };

function triple(value: number | readonly number[], rank: number, filler: number): Triple {
  const given = typeof value === 'number' ? Array.from({ length: rank }, () => value) : [...value];
  while (given.length < 3) given.unshift(filler);
  return given as unknown as Triple;
}

/** Sizes follow `O = ⌊(I + p − d(K−1) − 1)/s⌋ + 1`, transposed `O = (I − 1)s − p + d(K−1) + outputPadding + 1`. */
export function buildSpec(options: CaseOptions): Built {
  const rank = options.rank ?? (options.size.length as 1 | 2 | 3);
  const kernel = triple(options.kernel, rank, 1);
  const input = triple(options.size, rank, 1);
  const stride = triple(options.stride ?? 1, rank, 1);
  const dilation = triple(options.dilation ?? 1, rank, 1);
  const { padding = 0 } = options;
  const pairs = typeof padding === 'number' ? Array.from({ length: rank }, () => [padding, padding] as const) : padding;
  const padBefore = triple(
    pairs.map((pair) => pair[0]),
    rank,
    0,
  );
  const padAfter = triple(
    pairs.map((pair) => pair[1]),
    rank,
    0,
  );
  const outputPadding = triple(options.outputPadding ?? 0, rank, 0);
  const output = [0, 1, 2].map((axis) => {
    const pad = padBefore[axis] + padAfter[axis];
    const reach = dilation[axis] * (kernel[axis] - 1);
    if (options.transposed) return (input[axis] - 1) * stride[axis] - pad + reach + outputPadding[axis] + 1;
    return Math.floor((input[axis] + pad - reach - 1) / stride[axis]) + 1;
  }) as unknown as Triple;
  const spec: ConvSpec = {
    transposed: options.transposed ?? false,
    rank,
    channelsLast: options.channelsLast ?? false,
    inChannels: options.inChannels,
    outChannels: options.outChannels,
    groups: options.groups ?? 1,
    kernel,
    stride,
    dilation,
    paddingMode: options.paddingMode ?? 'zeros',
    activation: { ...LINEAR, ...options.activation },
    algorithm: options.algorithm ?? 'auto',
    math: options.math ?? 'fast',
  };
  return { spec, geometry: { batch: options.batch ?? 1, input, output, padBefore, padAfter } };
}

export function volumeOf(size: Triple): number {
  return size[0] * size[1] * size[2];
}

export function inputLength({ spec, geometry }: Built): number {
  return geometry.batch * spec.inChannels * volumeOf(geometry.input);
}

export function outputLength({ spec, geometry }: Built): number {
  return geometry.batch * spec.outChannels * volumeOf(geometry.output);
}

export function weightLength(spec: ConvSpec): number {
  return (spec.inChannels / spec.groups) * spec.outChannels * volumeOf(spec.kernel);
}

/** The pointwise stage behind a depthwise one, and the geometry it sees. */
export function pointwiseAfter(first: Built, options: PointwiseOptions): Built {
  const spec: ConvSpec = {
    ...first.spec,
    inChannels: first.spec.outChannels,
    outChannels: options.outChannels,
    groups: options.groups ?? 1,
    kernel: [1, 1, 1],
    stride: [1, 1, 1],
    dilation: [1, 1, 1],
    paddingMode: 'zeros',
    activation: { ...LINEAR, ...options.activation },
    algorithm: 'auto',
  };
  const { batch, output } = first.geometry;
  return { spec, geometry: { batch, input: output, output, padBefore: [0, 0, 0], padAfter: [0, 0, 0] } };
}

export interface PointwiseOptions {
  outChannels: number;
  groups?: number;
  activation?: Partial<EngineActivation>;
}

export function withAlgorithm(stage: ConvStage, algorithm: string): ConvStage {
  return { ...stage, spec: { ...stage.spec, algorithm } };
}
