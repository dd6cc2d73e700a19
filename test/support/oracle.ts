import type { ConvGeometry, ConvSpec, EngineActivation, PaddingMode, Triple } from '../../lib/spec.js';

export interface OracleInput {
  readonly spec: ConvSpec;
  readonly geometry: ConvGeometry;
  readonly input: ArrayLike<number>;
  readonly weight: ArrayLike<number>;
  readonly bias: ArrayLike<number> | null;
  readonly residual: ArrayLike<number> | null;
}

export interface OracleResult {
  /** After bias, residual and activation, in float64. */
  readonly values: Float64Array;
  /** Σ|w·x| + |bias| + |residual| of each output: what rounding errors are counted against. */
  readonly magnitude: Float64Array;
  /** The most terms that one output sums. */
  readonly terms: number;
}

/** Unit of rounding in float32. */
export const UNIT = 2 ** -24;

/**
 * Convolution straight from the formulas of `ConvGeometry`, standard by gathering, transposed by scattering. Slow and
 * plain on purpose; it shares no code with what it judges.
 */
export function oracle({ spec, geometry, input, weight, bias, residual }: OracleInput): OracleResult {
  const { batch, output } = geometry;
  const length = batch * spec.outChannels * output[0] * output[1] * output[2];
  const sums = new Float64Array(length);
  const magnitude = new Float64Array(length);
  eachProduct({ spec, geometry }, (from, to, by) => {
    const product = input[from] * weight[by];
    sums[to] += product;
    magnitude[to] += Math.abs(product);
  });

  const values = new Float64Array(length);
  const plane = output[0] * output[1] * output[2];
  for (let at = 0; at < length; at++) {
    const oc = spec.channelsLast ? at % spec.outChannels : Math.floor(at / plane) % spec.outChannels;
    const added = (bias?.[oc] ?? 0) + (residual?.[at] ?? 0);
    magnitude[at] += Math.abs(bias?.[oc] ?? 0) + Math.abs(residual?.[at] ?? 0);
    values[at] = activate(sums[at] + added, spec.activation, oc);
  }
  const terms = (spec.inChannels / spec.groups) * spec.kernel[0] * spec.kernel[1] * spec.kernel[2] + 2;
  return { values, magnitude, terms };
}

/** Calls with every product that the layer sums: the places of its input, its output and its weight. */
export function eachProduct(
  { spec, geometry }: Pick<OracleInput, 'spec' | 'geometry'>,
  visit: (input: number, output: number, weight: number) => void,
): void {
  const groupIn = spec.inChannels / spec.groups;
  const groupOut = spec.outChannels / spec.groups;
  const taps = everyPosition(spec.kernel);
  // Which pixels meet by which tap, the same for every image and pair of channels.
  const meetings: { readonly from: number; readonly to: number; readonly tap: number }[] = [];
  const add: Add = (inAt, outAt, tap) =>
    meetings.push({ from: pixelAt(geometry.input, inAt), to: pixelAt(geometry.output, outAt), tap });
  if (spec.transposed) scatter(spec, geometry, taps, add);
  else gather(spec, geometry, taps, add);
  const input = entryOf(spec.channelsLast, spec.inChannels, geometry.input);
  const output = entryOf(spec.channelsLast, spec.outChannels, geometry.output);
  for (let n = 0; n < geometry.batch; n++) {
    for (let oc = 0; oc < spec.outChannels; oc++) {
      for (let c = 0; c < groupIn; c++) {
        const ic = Math.floor(oc / groupOut) * groupIn + c;
        const row = spec.transposed ? ic * groupOut + (oc % groupOut) : oc * groupIn + c;
        for (const { from, to, tap } of meetings) {
          visit(input(n, ic, from), output(n, oc, to), row * taps.length + tap);
        }
      }
    }
  }
}

type Add = (inAt: Triple, outAt: Triple, tap: number) => void;

function gather(spec: ConvSpec, geometry: ConvGeometry, taps: readonly Triple[], add: Add): void {
  for (const o of everyPosition(geometry.output)) {
    taps.forEach((k, tap) => {
      const at = [0, 1, 2].map((axis) =>
        padded(
          o[axis] * spec.stride[axis] - geometry.padBefore[axis] + k[axis] * spec.dilation[axis],
          geometry.input[axis],
          spec.paddingMode,
        ),
      );
      if (at.every((coordinate) => coordinate !== null)) add(at as unknown as Triple, o, tap);
    });
  }
}

function scatter(spec: ConvSpec, geometry: ConvGeometry, taps: readonly Triple[], add: Add): void {
  for (const i of everyPosition(geometry.input)) {
    taps.forEach((k, tap) => {
      const at = [0, 1, 2].map(
        (axis) => i[axis] * spec.stride[axis] - geometry.padBefore[axis] + k[axis] * spec.dilation[axis],
      );
      if (at.every((coordinate, axis) => coordinate >= 0 && coordinate < geometry.output[axis])) {
        add(i, at as unknown as Triple, tap);
      }
    });
  }
}

/** Walks back into the map a step at a time, as a person with a pencil would. */
function padded(coordinate: number, size: number, mode: PaddingMode): number | null {
  let at = coordinate;
  if (mode === 'zeros') return at < 0 || at >= size ? null : at;
  if (mode === 'replicate') return Math.max(0, Math.min(size - 1, at));
  while (at < 0 || at >= size) {
    if (mode === 'circular') at += at < 0 ? size : -size;
    else if (size === 1) at = 0;
    else at = at < 0 ? -at : 2 * (size - 1) - at;
  }
  return at;
}

function everyPosition([depth, height, width]: Triple): Triple[] {
  const positions: Triple[] = [];
  for (let d = 0; d < depth; d++) {
    for (let h = 0; h < height; h++) {
      for (let w = 0; w < width; w++) positions.push([d, h, w]);
    }
  }
  return positions;
}

function pixelAt(size: Triple, at: Triple): number {
  return (at[0] * size[1] + at[1]) * size[2] + at[2];
}

/** The place of a pixel of a channel of an image in a dense map. */
function entryOf(last: boolean, channels: number, size: Triple): (n: number, c: number, pixel: number) => number {
  const pixels = size[0] * size[1] * size[2];
  return last
    ? (n, c, pixel) => (n * pixels + pixel) * channels + c
    : (n, c, pixel) => (n * channels + c) * pixels + pixel;
}

export function activate(x: number, { op, min, max, alpha, slope }: EngineActivation, channel: number): number {
  const relu6 = (value: number) => Math.min(6, Math.max(0, value));
  switch (op) {
    case 'clip':
      return Number.isNaN(x) ? x : Math.min(max, Math.max(min, x));
    case 'leakyRelu':
      return x < 0 ? alpha * x : x;
    case 'prelu':
      return x < 0 ? (slope as Float32Array)[channel] * x : x;
    case 'elu':
      return x < 0 ? alpha * Math.expm1(x) : x;
    case 'sigmoid':
      return 1 / (1 + Math.exp(-x));
    case 'tanh':
      return Math.tanh(x);
    case 'hardSwish':
      return (x * relu6(x + 3)) / 6;
    case 'hardSigmoid':
      return relu6(x + 3) / 6;
    case 'silu':
      return x / (1 + Math.exp(-x));
    case 'gelu':
      return x * normalCdf(x);
  }
}

/** Φ by Simpson's rule over exp(-t²/2), from 0 for its middle, from x outwards for its tails, as far as they weigh. */
export function normalCdf(x: number): number {
  if (x > 0) return 1 - normalCdf(-x);
  const [from, to] = x > -1 ? [x, 0] : [x + Math.max(-12, 60 / x), x];
  const steps = 4000;
  const width = (to - from) / steps;
  let total = 0;
  for (let i = 0; i <= steps; i++) {
    const t = from + i * width;
    total += (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2) * Math.exp((-t * t) / 2);
  }
  const area = (total * width) / 3 / Math.sqrt(2 * Math.PI);
  return x > -1 ? 0.5 - area : area;
}

/**
 * How steep an activation can be: an error of its argument grows by at most this much. (`silu` peaks at 1.0998,
 * `gelu` at 1.1289, `hardSwish` at 1.5.)
 */
export function steepness({ op, alpha, slope }: EngineActivation): number {
  if (op === 'hardSwish') return 1.5;
  if (op === 'silu' || op === 'gelu') return 1.13;
  if (op === 'prelu') return Math.max(1, ...Array.from(slope ?? [], Math.abs));
  return Math.max(1, Math.abs(alpha));
}

/**
 * The error allowed at an output. Summing K products in float32 in any order is off by at most (K + 1)·u·Σ|w·x|
 * (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1; blocked and fused sums are better). An
 * activation in float32 adds a few units of its own result and of its argument.
 *
 * Winograd F(4×4, 3×3) is not bounded by Σ|w·x| of its own output but by its tile's, for which the largest of the
 * case stands. Its transforms' absolute row sums (10 an axis for the input, 19 for the output, 1 for the weights)
 * would allow thousands of units; what shows is far less, so the bound is (C + 100)·u·largest. The worst over the
 * contract's cases is 0.11 of it with transforms in float64 and transformed values in float32; transforms in float32
 * have the rest.
 */
export function tolerance(
  result: OracleResult,
  at: number,
  activation: EngineActivation,
  tileLargest: number | null,
): number {
  const magnitude = tileLargest ?? result.magnitude[at];
  const terms = tileLargest === null ? result.terms + 1 : result.terms / 9 + 100;
  const inner = terms * UNIT * magnitude * steepness(activation);
  const own = activation.op === 'clip' ? UNIT : 8 * UNIT;
  return inner + own * (Math.abs(result.values[at]) + (activation.op === 'clip' ? 0 : 1)) + 1e-37;
}
