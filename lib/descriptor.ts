import { ConvolithError } from './errors.js';

/** Zeros before and after an axis. */
export type PaddingPair = readonly [before: number, after: number];

/** One layer in one line: what `convolith explain`, the benchmark and the tests call a layer by. */
export interface LayerDescriptor {
  readonly kind: 'conv' | 'convTranspose';
  readonly rank: 1 | 2 | 3;
  /** Channels first: `[batch, channels, …sizes]`. */
  readonly inputShape: readonly number[];
  /** Options as the layer classes take them, weights apart. One entry an axis, depth before height before width. */
  readonly options: DescriptorOptions;
}

export interface DescriptorOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly PaddingPair[] | 'same' | 'valid';
  readonly dilation: readonly number[];
  readonly groups: number;
  /** Zeros for an ordinary convolution. */
  readonly outputPadding: readonly number[];
}

/** A layer with the name that a network's file gives it. */
export interface NamedLayer {
  readonly name: string;
  readonly descriptor: LayerDescriptor;
}

interface FieldForm {
  readonly what: string;
  readonly minimum: number;
  readonly defaultValue: number | null;
}

const FIELDS = {
  o: { what: 'output channels', minimum: 1, defaultValue: null },
  k: { what: 'kernel size', minimum: 1, defaultValue: null },
  s: { what: 'stride', minimum: 1, defaultValue: 1 },
  p: { what: 'padding', minimum: 0, defaultValue: 0 },
  d: { what: 'dilation', minimum: 1, defaultValue: 1 },
  g: { what: 'groups', minimum: 1, defaultValue: 1 },
  op: { what: 'output padding', minimum: 0, defaultValue: 0 },
} as const satisfies Record<string, FieldForm>;

type FieldKey = keyof typeof FIELDS;

const AXIS_LETTERS = ['w', 'hw', 'dhw'] as const;

/**
 * Reads a descriptor: `[t] n1c64h56w56 o64 k3x3 [s1] [p1] [d1] [g1] [op0]`.
 *
 * `n` batch, `c` input channels, `d` `h` `w` sizes (1-D has `w` alone, 3-D all three), `o` output channels, `k` kernel,
 * `s` stride, `p` padding (also `psame`, `pvalid`, and `p0:1` for 0 before and 1 after), `d` dilation, `g` groups,
 * `op` output padding; `t` in front stands for a transposed convolution. A field with one number holds for every axis,
 * one with several names each: `k1x7`, `p0x3`, `s2x1`.
 *
 * @throws ConvolithError `ERR_OPTION`, one line that shows the form expected and the word that came.
 */
export function parseDescriptor(text: string): LayerDescriptor {
  const words = text.trim().split(/\s+/).filter(Boolean);
  const transposed = words[0] === 't';
  if (transposed) words.shift();
  const input = parseInput(words.shift());
  const { rank } = input;

  const seen = new Map<FieldKey, string>();
  for (const word of words) {
    const key = fieldOf(word);
    if (key === null) throw bad(fieldFormFor(word, rank), word);
    if (seen.has(key)) throw bad(`${key} (${FIELDS[key].what}) once`, `${seen.get(key)} and ${word}`);
    seen.set(key, word);
  }
  if (seen.has('op') && !transposed) throw bad('t in front of a layer with output padding', seen.get('op') as string);

  const options: DescriptorOptions = {
    inChannels: input.channels,
    outChannels: parseScalar('o', seen.get('o')),
    kernelSize: parseAxes('k', seen.get('k'), rank),
    stride: parseAxes('s', seen.get('s'), rank),
    padding: parsePadding(seen.get('p'), rank),
    dilation: parseAxes('d', seen.get('d'), rank),
    groups: parseScalar('g', seen.get('g')),
    outputPadding: parseAxes('op', seen.get('op'), rank),
  };
  return {
    kind: transposed ? 'convTranspose' : 'conv',
    rank,
    inputShape: [input.batch, input.channels, ...input.sizes],
    options,
  };
}

/** The descriptor's canonical line: every field but `op0` written, equal axes written once but for the kernel. */
export function formatDescriptor(descriptor: LayerDescriptor): string {
  const { kind, rank, inputShape, options } = descriptor;
  const [batch, channels, ...sizes] = inputShape;
  const letters = AXIS_LETTERS[rank - 1];
  const words = [
    `n${batch}c${channels}${sizes.map((size, axis) => `${letters[axis]}${size}`).join('')}`,
    `o${options.outChannels}`,
    `k${options.kernelSize.join('x')}`,
    `s${collapse(options.stride.map(String))}`,
    `p${formatPadding(options.padding)}`,
    `d${collapse(options.dilation.map(String))}`,
    `g${options.groups}`,
  ];
  if (options.outputPadding.some((value) => value !== 0))
    words.push(`op${collapse(options.outputPadding.map(String))}`);
  if (kind === 'convTranspose') words.unshift('t');
  return words.join(' ');
}

/** The input's shape in a layout, e.g. `[1, 56, 56, 64]` for channels last. */
export function descriptorInputShape(descriptor: LayerDescriptor, channelsLast: boolean): number[] {
  const [batch, channels, ...sizes] = descriptor.inputShape;
  return channelsLast ? [batch, ...sizes, channels] : [batch, channels, ...sizes];
}

/** The weight's shape in the order of PyTorch: `[out, in / groups, …kernel]`, transposed `[in, out / groups, …kernel]`. */
export function descriptorWeightShape(descriptor: LayerDescriptor): number[] {
  const { inChannels, outChannels, groups, kernelSize } = descriptor.options;
  return descriptor.kind === 'convTranspose'
    ? [inChannels, outChannels / groups, ...kernelSize]
    : [outChannels, inChannels / groups, ...kernelSize];
}

/**
 * Reads a network: one `name: descriptor` a line. Empty lines, and what follows a `#`, are passed over.
 *
 * @throws ConvolithError `ERR_OPTION` with `source` and the line's number in front.
 */
export function parseNetwork(text: string, source: string): NamedLayer[] {
  const layers: NamedLayer[] = [];
  text.split(/\r?\n/).forEach((line, index) => {
    const content = line.replace(/#.*$/, '').trim();
    if (content === '') return;
    const colon = content.search(/:\s/);
    try {
      if (colon < 0) throw bad('name: descriptor', content);
      layers.push({ name: content.slice(0, colon), descriptor: parseDescriptor(content.slice(colon + 1)) });
    } catch (error) {
      if (!(error instanceof ConvolithError)) throw error;
      throw new ConvolithError(error.code, `${source}:${index + 1}: ${error.message}`);
    }
  });
  return layers;
}

function bad(form: string, received: string | undefined): ConvolithError {
  return new ConvolithError('ERR_OPTION', `expected ${form}, got ${received ?? 'nothing'}`);
}

function parseInput(word: string | undefined): { batch: number; channels: number; sizes: number[]; rank: 1 | 2 | 3 } {
  const match = word?.match(/^n(\d+)c(\d+)(?:(?:d(\d+))?h(\d+))?w(\d+)$/);
  if (!match) throw bad(`an input such as ${inputFormFor(word)}`, word);
  const numbers = match
    .slice(1)
    .filter((part) => part !== undefined)
    .map(Number);
  if (numbers.some((value) => value < 1 || !Number.isSafeInteger(value))) {
    throw bad('input sizes of at least 1', word);
  }
  const [batch, channels, ...sizes] = numbers;
  return { batch, channels, sizes, rank: sizes.length as 1 | 2 | 3 };
}

/** What the first word could have been: its own numbers in the right form, the missing ones filled in. */
function inputFormFor(word = ''): string {
  const named = new Map(
    [...word.toLowerCase().matchAll(/([ncdhw])(\d+)/g)].map(([, letter, digits]) => [letter, digits]),
  );
  if (named.size > 0) {
    const rank = named.has('d') ? 3 : named.has('h') || !named.has('w') ? 2 : 1;
    const size = named.get('w') ?? named.get('h') ?? '56';
    const sizes = [...AXIS_LETTERS[rank - 1]].map((letter) => named.get(letter) ?? size);
    return inputForm([named.get('n') ?? '1', named.get('c') ?? '64', ...sizes]);
  }
  const bare = word.match(/\d+/g) ?? [];
  return inputForm(bare.length >= 3 && bare.length <= 5 ? bare : ['1', '64', '56', '56']);
}

/** Batch, channels and sizes, zeros raised to 1. */
function inputForm(numbers: readonly string[]): string {
  const [batch, channels, ...sizes] = numbers.map((digits) => (Number(digits) < 1 ? '1' : digits));
  return `n${batch}c${channels}${sizes.map((size, axis) => `${AXIS_LETTERS[sizes.length - 1][axis]}${size}`).join('')}`;
}

function fieldOf(word: string): FieldKey | null {
  if (word.startsWith('op')) return 'op';
  const letter = word[0];
  return letter in FIELDS ? (letter as FieldKey) : null;
}

/** For a word of no known letter: a capital for its small letter, bare `3x3` for a kernel, else all there are. */
function fieldFormFor(word: string, rank: number): string {
  const key = fieldOf(word.toLowerCase());
  if (key !== null) return formFor(key, word, rank);
  if (/^\d+x\d/.test(word)) return formFor('k', word, rank);
  return `one of ${Object.keys(FIELDS).join(', ')}`;
}

/** What a word of this field could have been: its own numbers in the right form, or the field's default. */
function formFor(key: FieldKey, word: string | undefined, rank: number): string {
  const numbers = word?.match(/\d+/g) ?? [];
  const count = key === 'o' || key === 'g' ? 1 : rank;
  const fallback = key === 'o' ? '64' : key === 'k' ? '3' : String(Math.max(1, FIELDS[key].minimum));
  const values = Array.from({ length: count }, (_, axis) => numbers[axis] ?? numbers[0] ?? fallback);
  const inRange = values.map((value) => (Number(value) < FIELDS[key].minimum ? String(FIELDS[key].minimum) : value));
  return `${key}${inRange.join('x')}`;
}

function parseScalar(key: FieldKey, word: string | undefined): number {
  return parseNumbers(key, word, 1, 1)[0];
}

function parseAxes(key: FieldKey, word: string | undefined, rank: number): number[] {
  return parseNumbers(key, word, rank, rank);
}

function parseNumbers(key: FieldKey, word: string | undefined, count: number, rank: number): number[] {
  const { defaultValue, minimum, what } = FIELDS[key];
  if (word === undefined) {
    if (defaultValue === null) throw bad(`${formFor(key, word, rank)} (${what})`, word);
    return new Array<number>(count).fill(defaultValue);
  }
  const digits = word.slice(key.length);
  if (!/^\d+(x\d+)*$/.test(digits)) throw bad(formFor(key, word, rank), word);
  const values = digits.split('x').map(Number);
  const fits = values.length === 1 || values.length === count;
  if (!fits || values.some((value) => value < minimum || !Number.isSafeInteger(value))) {
    throw bad(formFor(key, word, rank), word);
  }
  return values.length === count ? values : new Array<number>(count).fill(values[0]);
}

function parsePadding(word: string | undefined, rank: number): PaddingPair[] | 'same' | 'valid' {
  if (word === undefined) return new Array<PaddingPair>(rank).fill([0, 0]);
  const body = word.slice(1);
  if (body === 'same' || body === 'valid') return body;
  if (!/^\d+(:\d+)?(x\d+(:\d+)?)*$/.test(body)) throw bad(`${formFor('p', word, rank)}, psame or pvalid`, word);
  const pairs = body.split('x').map((part): PaddingPair => {
    const [before, after = before] = part.split(':').map(Number);
    return [before, after];
  });
  if (pairs.length !== 1 && pairs.length !== rank) throw bad(formFor('p', word, rank), word);
  return pairs.length === rank ? pairs : new Array<PaddingPair>(rank).fill(pairs[0]);
}

function formatPadding(padding: DescriptorOptions['padding']): string {
  if (typeof padding === 'string') return padding;
  return collapse(padding.map(([before, after]) => (before === after ? String(before) : `${before}:${after}`)));
}

function collapse(parts: readonly string[]): string {
  return parts.every((part) => part === parts[0]) ? parts[0] : parts.join('x');
}
