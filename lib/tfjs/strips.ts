import type { ConvGeometry, Triple } from '../spec.js';
import type { LayerShape } from './conv-spec.js';

// A chain of pointwise and depthwise convolutions, computed a strip of rows at a time, so that what lies between two of
// them stays in the second-level cache (Alwani et al., "Fused-layer CNN accelerators", 2016). A strip's rows that the next
// one reads again are moved to the front of their buffer and not computed twice.

/** Bytes between the convolutions of a chain that a strip takes, for each thread: most of a second-level cache. */
const BUDGET = 700 << 10;

/** A map between two convolutions that is smaller stays in that cache by itself. */
const MIN_BYTES = 384 << 10;

/** Rows of a strip at the least: a depthwise convolution of one row takes three times as long as one of several. */
const MIN_ROWS = 2;

/** What of a convolution its rows depend on. */
export interface StripStage {
  readonly shape: LayerShape;
  readonly geometry: ConvGeometry;
}

/** Consecutive values of a buffer. */
export interface Span {
  readonly begin: number;
  readonly end: number;
}

/** A convolution of one strip. Between two stages spans lie in the scratch memory, else in the maps. */
export interface StripCall {
  readonly stage: number;
  readonly geometry: ConvGeometry;
  readonly input: Span;
  readonly output: Span;
  /** The same rows in a map of the output's shape. */
  readonly residual: Span;
}

/** Rows that are read again move to `to`, before the calls. */
export interface StripMove extends Span {
  readonly to: number;
}

export interface Strip {
  readonly moves: readonly StripMove[];
  readonly calls: readonly StripCall[];
}

/** What each call reads and writes of the scratch memory, call after call. */
export interface StripViews {
  readonly inputs: readonly Float32Array[];
  readonly outputs: readonly Float32Array[];
}

/** The strips of a chain. */
export class StripPlan {
  #scratch: Float32Array | null = null;
  #views: StripViews = { inputs: [], outputs: [] };

  constructor(
    /** Stages that it has: the last ones of those asked for. */
    readonly stages: number,
    /** Floats between the stages. */
    readonly scratch: number,
    readonly strips: readonly Strip[],
  ) {}

  /** Kept for the memory that they were made over last: an array costs as much as a small call. */
  views(scratch: Float32Array): StripViews {
    if (scratch === this.#scratch) return this.#views;
    const calls = this.strips.flatMap((strip) => strip.calls);
    const over = (span: Span, isBetween: boolean): Float32Array =>
      isBetween ? scratch.subarray(span.begin, span.end) : scratch.subarray(0, 0);
    this.#scratch = scratch;
    this.#views = {
      inputs: calls.map(({ stage, input }) => over(input, stage > 0)),
      outputs: calls.map(({ stage, output }) => over(output, stage < this.stages - 1)),
    };
    return this.#views;
  }
}

/** Input channels up to which a convolution of channels and places joins: a network's first, of an image. */
const FEW_CHANNELS = 4;

/** Whether a convolution can be part of a chain: it mixes either channels or places, or few of both. */
export function isStripped({ shape, geometry }: StripStage): boolean {
  const { window, rank, channelsLast, groups, inChannels, transposed } = shape;
  if (rank !== 2 || !channelsLast || transposed || geometry.batch !== 1) return false;
  const isPointwise = groups === 1 && [...window.kernel, ...window.stride].every((size) => size === 1);
  return isPointwise || groups === inChannels || inChannels <= FEW_CHANNELS;
}

function rowOf(stage: StripStage): number {
  return stage.geometry.output[2] * stage.shape.outChannels;
}

/** Whether it pays to keep a stage's output from memory. */
export function isWorthStrips(stage: StripStage): boolean {
  return 4 * stage.geometry.output[1] * rowOf(stage) >= MIN_BYTES;
}

/** Rows that `stage` reads for its output rows [begin, end), those of the padding included. */
function reads({ shape, geometry }: StripStage, begin: number, end: number): Span {
  const { kernel, stride, dilation } = shape.window;
  const first = begin * stride[1] - geometry.padBefore[1];
  return { begin: first, end: first + (end - begin - 1) * stride[1] + dilation[1] * (kernel[1] - 1) + 1 };
}

/** The last of `stages` whose strips are high enough, from that one on that reads the smallest map. */
function bestChain(stages: readonly StripStage[], threads: number): readonly StripStage[] {
  let best = stages.slice(-1);
  let least = Number.POSITIVE_INFINITY;
  for (let length = 1; length <= stages.length; length++) {
    const chain = stages.slice(-length);
    if (length > 1 && rowsOf(chain, threads) < MIN_ROWS) break;
    const [{ shape, geometry }] = chain;
    const read = geometry.input[1] * geometry.input[2] * shape.inChannels;
    if (read <= least) [best, least] = [chain, read];
  }
  return best;
}

/** How many rows of the last stage's output a strip has. */
function rowsOf(stages: readonly StripStage[], threads: number): number {
  const height = stages[stages.length - 1].geometry.output[1];
  const fits = (rows: number): boolean => {
    let bytes = 0;
    let needed = rows;
    for (let at = stages.length - 1; at > 0; at--) {
      const { begin, end } = reads(stages[at], 0, needed);
      needed = Math.min(end - begin, stages[at].geometry.input[1]);
      bytes += 4 * needed * rowOf(stages[at - 1]);
    }
    return bytes <= BUDGET * threads;
  };
  let rows = 1;
  while (rows < height && fits(rows + 1)) rows++;
  return Math.ceil(height / Math.ceil(height / rows));
}

/**
 * The strips of a chain, each stage reading the one before, or of those stages at its end that are better without the
 * ones before; `null` where one strip would be all of it.
 */
export function planStrips(all: readonly StripStage[], threads: number): StripPlan | null {
  const stages = bestChain(all, threads);
  if (stages.length === 1) return null;
  const last = stages.length - 1;
  const height = stages[last].geometry.output[1];
  const rows = rowsOf(stages, threads);
  if (rows >= height) return null;
  const walk = new StripWalk(stages);
  for (let end = rows; ; end = Math.min(end + rows, height)) {
    if (!walk.to(end)) return null;
    if (end === height) return walk.finish();
  }
}

interface RowCall {
  readonly stage: number;
  readonly geometry: ConvGeometry;
  /** Rows of the whole maps. */
  readonly input: Span;
  readonly output: Span;
}

interface RowStrip {
  /** The first row that each stage's buffer holds, and the one it held before. */
  readonly bases: readonly number[];
  readonly moved: readonly Span[];
  readonly calls: readonly RowCall[];
}

class StripWalk {
  /** Rows of each stage that are computed. */
  readonly #done: number[];
  /** First row in each buffer, and the most rows that it held. */
  readonly #bases: number[];
  readonly #capacity: number[];
  readonly #strips: RowStrip[] = [];
  readonly #geometries = new Map<string, ConvGeometry>();

  constructor(private readonly stages: readonly StripStage[]) {
    this.#done = stages.map(() => 0);
    this.#bases = stages.map(() => 0);
    this.#capacity = stages.map(() => 0);
  }

  /** One strip more, up to row `end` of the last stage; false where a stage would read nothing but padding. */
  to(end: number): boolean {
    const calls: RowCall[] = [];
    const moved: Span[] = [];
    let upTo = end;
    for (let stage = this.stages.length - 1; stage >= 0; stage--) {
      const begin = this.#done[stage];
      if (upTo <= begin) break;
      const needed = reads(this.stages[stage], begin, upTo);
      const height = this.stages[stage].geometry.input[1];
      const input = { begin: Math.max(needed.begin, 0), end: Math.min(needed.end, height) };
      if (input.end <= input.begin) return false;
      const geometry = this.#geometry(stage, needed, input, upTo - begin);
      calls.unshift({ stage, geometry, input, output: { begin, end: upTo } });
      this.#done[stage] = upTo;
      if (stage === 0) break;
      const before = stage - 1;
      moved[before] = { begin: input.begin, end: this.#done[before] };
      // Rows that a stride passes over are not computed.
      this.#done[before] = Math.max(this.#done[before], input.begin);
      const held = Math.max(this.#done[before], input.end) - input.begin;
      this.#capacity[before] = Math.max(this.#capacity[before], held);
      upTo = input.end;
    }
    this.#strips.push({ bases: [...this.#bases], moved, calls });
    moved.forEach(({ begin }, stage) => {
      this.#bases[stage] = begin;
    });
    return true;
  }

  /** Strips alike share one geometry, and so one plan. */
  #geometry(stage: number, needed: Span, input: Span, rows: number): ConvGeometry {
    const { geometry } = this.stages[stage];
    const before = input.begin - needed.begin;
    const after = needed.end - input.end;
    const key = `${stage} ${before} ${after} ${input.end - input.begin}`;
    const withRows = (sizes: Triple, count: number): Triple => [sizes[0], count, sizes[2]];
    const made = this.#geometries.get(key) ?? {
      batch: 1,
      input: withRows(geometry.input, input.end - input.begin),
      output: withRows(geometry.output, rows),
      padBefore: withRows(geometry.padBefore, before),
      padAfter: withRows(geometry.padAfter, after),
    };
    this.#geometries.set(key, made);
    return made;
  }

  finish(): StripPlan {
    const { stages } = this;
    const last = stages.length - 1;
    const starts: number[] = [];
    let scratch = 0;
    for (let stage = 0; stage < last; stage++) {
      starts.push(scratch);
      // Whole cache lines.
      scratch += Math.ceil((this.#capacity[stage] * rowOf(stages[stage])) / 16) * 16;
    }
    const [{ geometry, shape }] = stages;
    const inputRow = geometry.input[2] * shape.inChannels;
    const spanOf = ({ begin, end }: Span, row: number, start: number, base: number): Span => ({
      begin: start + (begin - base) * row,
      end: start + (end - base) * row,
    });
    const strips = this.#strips.map(({ bases, moved, calls }) => {
      const moves: StripMove[] = [];
      const now = [...bases];
      moved.forEach((rows, stage) => {
        now[stage] = rows.begin;
        if (rows.end <= rows.begin || rows.begin === bases[stage]) return;
        moves.push({ ...spanOf(rows, rowOf(stages[stage]), starts[stage], bases[stage]), to: starts[stage] });
      });
      return {
        moves,
        calls: calls.map(({ stage, geometry: sizes, input, output }) => {
          const row = rowOf(stages[stage]);
          return {
            stage,
            geometry: sizes,
            input:
              stage === 0
                ? spanOf(input, inputRow, 0, 0)
                : spanOf(input, rowOf(stages[stage - 1]), starts[stage - 1], now[stage - 1]),
            output: stage === last ? spanOf(output, row, 0, 0) : spanOf(output, row, starts[stage], now[stage]),
            residual: spanOf(output, row, 0, 0),
          };
        }),
      };
    });
    return new StripPlan(stages.length, scratch, strips);
  }
}
