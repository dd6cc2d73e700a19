import { ConvolithError, expected, show } from '../errors.js';
import type { Rank } from '../options.js';
import type { WeightLayout } from '../spec.js';
import { allocate, checkData, checkShape, readTensor, readVector } from '../tensor.js';
import type { Bag } from './check.js';
import { asOptions, checkKeys, finite, integer, oneOf, perAxis, product } from './check.js';

export type StageKind = 'standard' | 'depthwise' | 'pointwise' | 'transposed';

/** What is being resolved: the options of one stage, and where they stand for messages (`''` or `'depthwise.'`). */
export interface StageRequest {
  readonly kind: StageKind;
  readonly rank: Rank;
  readonly options: Bag;
  readonly path: string;
}

/** The sizes that a weight gives. */
export interface WeightSizes extends Dimensions {
  /** How the weight gives the input channels, for messages. */
  readonly channelsFrom: string;
}

/** A weight as it was given. */
export interface GivenWeight extends WeightSizes {
  readonly data: Float32Array;
  readonly layout: WeightLayout;
}

/** A weight in canonical order: `[outChannels, inChannels / groups, …kernel]`, transposed `[inChannels, outChannels / groups, …kernel]`. */
export interface CanonicalWeight extends WeightSizes {
  readonly data: Float32Array;
}

/** The dimensions of a weight whatever its order: `[major, minor, …kernel]`, in HWIO `[…kernel, minor, major]`. */
interface Dimensions {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  readonly kernel: readonly number[];
}

/** The option `weightLayout`. */
export function weightLayoutOf({ options, path }: StageRequest): WeightLayout {
  return oneOf(options.weightLayout, ['OIHW', 'HWIO'], 'OIHW', `${path}weightLayout`);
}

/** Reads weight, channels, kernel size and groups, which settle each other; the weight in canonical order. */
export function resolveWeight(request: StageRequest): CanonicalWeight {
  const weight = readWeight(request);
  const major = request.kind === 'transposed' ? weight.inChannels : weight.outChannels;
  return weight.layout === 'HWIO'
    ? { ...weight, data: reorder(weight.data, major, product(weight.kernel, 'weight')) }
    : weight;
}

/** The same of a weight's shape alone. */
export function resolveWeightShape(request: StageRequest, shape: readonly number[], name: string): WeightSizes {
  const hwio = weightLayoutOf(request) === 'HWIO';
  checkShape(shape, name);
  const dims = tensorDimensions(request, shape, name);
  checkGroups(dims, request.path);
  product([dims.outChannels, dims.inChannels / dims.groups, ...dims.kernel], name);
  return { ...dims, channelsFrom: channelsFrom(request, hwio, name) };
}

/** The same with the weight left in its order. */
export function readWeight(request: StageRequest): GivenWeight {
  const { options, path } = request;
  const layout = weightLayoutOf(request);
  const hwio = layout === 'HWIO';
  const { weight } = options;
  const name = `${path}weight`;
  if (weight === undefined) throw expected('ERR_OPTION', 'a Float32Array or a tensor', name, weight);
  const bare = ArrayBuffer.isView(weight) || Array.isArray(weight);
  const read = bare ? null : readTensor(weight, name);
  if (read !== null) checkShape(read.shape, `${name}.shape`);
  const dims = read === null ? bareDimensions(request) : tensorDimensions(request, read.shape, `${name}.shape`);
  checkGroups(dims, path);
  const shape = [dims.outChannels, dims.inChannels / dims.groups, ...dims.kernel];
  const count = product(shape, name);
  const data: unknown = read === null ? weight : read.data;
  checkData(data, count, read === null ? name : `${name}.data`, read === null ? shape : read.shape);
  return { ...dims, data, layout, channelsFrom: channelsFrom(request, hwio, `${name}.shape`) };
}

function tensorDimensions(request: StageRequest, shape: readonly number[], name: string): Dimensions {
  const { kind, rank, options, path } = request;
  const hwio = weightLayoutOf(request) === 'HWIO';
  if (shape.length !== rank + 2) {
    throw expected('ERR_SHAPE', `${rank + 2} dimensions, ${order(request, hwio)},`, name, shape);
  }
  const kernel = hwio ? shape.slice(0, rank) : shape.slice(2);
  const [major, minor] = hwio ? [shape[rank + 1], shape[rank]] : [shape[0], shape[1]];
  const channels =
    kind === 'depthwise'
      ? depthwiseChannels(request, { major, minor, hwio, shape, name })
      : plainChannels(kind, { major, minor, groups: integer(options.groups ?? 1, 1, `${path}groups`) });
  if (kind === 'pointwise' && kernel.some((size) => size !== 1)) {
    throw expected('ERR_SHAPE', 'a kernel of 1 an axis', name, shape);
  }
  agree(options.inChannels, channels.inChannels, `${path}inChannels`);
  agree(options.outChannels, channels.outChannels, `${path}outChannels`);
  if (options.kernelSize !== undefined) {
    const named = perAxis(options.kernelSize, rank, 1, `${path}kernelSize`);
    if (named.some((size, axis) => size !== kernel[axis])) {
      throw expected('ERR_OPTION', `${show(kernel)} (${name} ${show(shape)})`, `${path}kernelSize`, named);
    }
  }
  return { ...channels, kernel };
}

function plainChannels(
  kind: StageKind,
  { major, minor, groups }: { readonly major: number; readonly minor: number; readonly groups: number },
): Omit<Dimensions, 'kernel'> {
  const other = product([minor, groups], 'the channels');
  return kind === 'transposed'
    ? { inChannels: major, outChannels: other, groups }
    : { inChannels: other, outChannels: major, groups };
}

function depthwiseChannels(
  { options, path }: StageRequest,
  weight: {
    readonly major: number;
    readonly minor: number;
    readonly hwio: boolean;
    readonly shape: readonly number[];
    readonly name: string;
  },
): Omit<Dimensions, 'kernel'> {
  const named = options.multiplier === undefined ? undefined : integer(options.multiplier, 1, `${path}multiplier`);
  if (weight.hwio) {
    const { minor: channels, major: multiplier } = weight;
    if (named !== undefined) agree(named, multiplier, `${path}multiplier`);
    return { inChannels: channels, outChannels: product([channels, multiplier], 'the channels'), groups: channels };
  }
  if (weight.minor !== 1) {
    throw expected('ERR_SHAPE', '[channels * multiplier, 1, …kernel]', weight.name, weight.shape);
  }
  const inChannels = integer(options.inChannels ?? weight.major / (named ?? 1), 1, `${path}inChannels`);
  const outChannels = inChannels * (named ?? weight.major / inChannels);
  if (outChannels !== weight.major || outChannels % inChannels !== 0) {
    throw new ConvolithError(
      'ERR_OPTION',
      `Expected channels * multiplier of ${weight.major} (${weight.name}[0]) but received ` +
        `inChannels ${show(options.inChannels)} and multiplier ${show(options.multiplier)}`,
    );
  }
  return { inChannels, outChannels, groups: inChannels };
}

function agree(value: unknown, actual: number, name: string): void {
  if (value !== undefined && value !== actual)
    throw expected('ERR_OPTION', `${actual}, as weight has it,`, name, value);
}

/** The dimensions of a bare array: named by options, for the array has none. */
function bareDimensions({ kind, rank, options, path }: StageRequest): Dimensions {
  const needed = (key: string): number => {
    const value = options[key];
    if (value !== undefined) return integer(value, 1, `${path}${key}`);
    throw expected(
      'ERR_OPTION',
      'an integer (weight is a bare array, so its shape must be named)',
      `${path}${key}`,
      value,
    );
  };
  const inChannels = needed('inChannels');
  const kernel =
    kind === 'pointwise' ? new Array<number>(rank).fill(1) : perAxis(options.kernelSize, rank, 1, `${path}kernelSize`);
  if (kind !== 'depthwise') {
    return {
      inChannels,
      outChannels: needed('outChannels'),
      kernel,
      groups: integer(options.groups ?? 1, 1, `${path}groups`),
    };
  }
  const outChannels = product([inChannels, integer(options.multiplier ?? 1, 1, `${path}multiplier`)], 'the channels');
  if (options.outChannels !== undefined && options.outChannels !== outChannels) {
    throw expected('ERR_OPTION', `${outChannels} (inChannels * multiplier)`, `${path}outChannels`, options.outChannels);
  }
  return { inChannels, outChannels, groups: inChannels, kernel };
}

function checkGroups({ inChannels, outChannels, groups }: Dimensions, path: string): void {
  if (inChannels % groups !== 0)
    throw expected('ERR_OPTION', `a divisor of inChannels ${inChannels}`, `${path}groups`, groups);
  if (outChannels % groups !== 0) {
    throw expected('ERR_OPTION', `a divisor of outChannels ${outChannels}`, `${path}groups`, groups);
  }
}

function order({ kind, rank }: StageRequest, hwio: boolean): string {
  const kernel = ['kD', 'kH', 'kW'].slice(3 - rank).join(', ');
  if (kind === 'depthwise') return hwio ? `[${kernel}, channels, multiplier]` : `[channels * multiplier, 1, ${kernel}]`;
  const [major, minor] =
    kind === 'transposed' ? ['inChannels', 'outChannels / groups'] : ['outChannels', 'inChannels / groups'];
  return hwio ? `[${kernel}, ${minor}, ${major}]` : `[${major}, ${minor}, ${kernel}]`;
}

function channelsFrom({ kind, rank }: StageRequest, hwio: boolean, name: string): string {
  const at = (index: number): string => `${name}[${index}]`;
  if (kind === 'transposed') return at(hwio ? rank + 1 : 0);
  if (kind === 'depthwise') return hwio ? at(rank) : `${at(0)} / multiplier`;
  return `${at(hwio ? rank : 1)} * groups`;
}

/** `[…kernel, minor, major]` to `[major, minor, …kernel]`. A depthwise weight has major = channels * multiplier, minor = 1. */
export function reorder(data: Float32Array, major: number, taps: number): Float32Array {
  const minor = data.length / major / taps;
  const result = allocate(data.length, 'weight');
  for (let i = 0, to = 0; i < major; i++) {
    for (let j = 0; j < minor; j++) {
      for (let tap = 0; tap < taps; tap++) result[to++] = data[(tap * minor + j) * major + i];
    }
  }
  return result;
}

/** Weight and bias with batch norm folded in, in float64: `w·scale / √(variance + ε)`, `(b − mean)·scale / √(variance + ε) + offset`. */
export function foldBatchNorm(
  request: StageRequest,
  weight: CanonicalWeight,
  bias: Float32Array | null,
): { readonly data: Float32Array; readonly bias: Float32Array | null } {
  const { options, path } = request;
  if (options.batchNorm === undefined) return { data: weight.data, bias };
  const name = `${path}batchNorm`;
  const norm = asOptions(options.batchNorm, name);
  checkKeys(norm, ['mean', 'variance', 'scale', 'offset', 'epsilon'], name);
  const { outChannels } = weight;
  const vector = (key: string, fill: number): Float32Array =>
    norm[key] === undefined
      ? new Float32Array(outChannels).fill(fill)
      : readVector(norm[key], outChannels, `${name}.${key}`);
  for (const key of ['mean', 'variance']) {
    if (norm[key] === undefined) throw expected('ERR_OPTION', `${outChannels} values`, `${name}.${key}`, undefined);
  }
  const [mean, variance, scale, offset] = [
    vector('mean', 0),
    vector('variance', 1),
    vector('scale', 1),
    vector('offset', 0),
  ];
  const epsilon = finite(norm.epsilon, 1e-5, `${name}.epsilon`);
  const factor = new Float64Array(outChannels);
  const folded = allocate(outChannels, 'bias');
  for (let o = 0; o < outChannels; o++) {
    const spread = variance[o] + epsilon;
    if (!(spread > 0))
      throw expected('ERR_OPTION', 'variance + epsilon above 0', `${name}.variance[${o}]`, variance[o]);
    factor[o] = scale[o] / Math.sqrt(spread);
    folded[o] = ((bias === null ? 0 : bias[o]) - mean[o]) * factor[o] + offset[o];
  }
  return { data: scaled(weight, factor, request.kind === 'transposed'), bias: folded };
}

function scaled(weight: CanonicalWeight, factor: Float64Array, transposed: boolean): Float32Array {
  const { data, inChannels, outChannels, groups, kernel } = weight;
  const taps = kernel.reduce((all, size) => all * size, 1);
  const result = allocate(data.length, 'weight');
  const minor = transposed ? outChannels / groups : inChannels / groups;
  const inPerGroup = inChannels / groups;
  for (let index = 0; index < data.length; index++) {
    const row = Math.floor(index / taps);
    const major = Math.floor(row / minor);
    const channel = transposed ? Math.floor(major / inPerGroup) * minor + (row % minor) : major;
    result[index] = data[index] * factor[channel];
  }
  return result;
}
