import { descriptorInputShape } from '../descriptor.js';
import { ConvolithError } from '../errors.js';
import type { Layer } from '../index.js';
import type { LayerSettings, PointwiseStage } from './layer.js';
import { createLayer, createSeparable, isChannelsLast, product, weightCount } from './layer.js';
import { withIsa } from './native.js';
import type { Random } from './random.js';
import type { VerifyCase } from './verify-cases.js';
import { describeCase, WHOLE_ACTIVATIONS } from './verify-cases.js';

/** Half the spacing of float32 values next to 1: the unit that errors are counted in. */
const ROUNDING_UNIT = 2 ** -24;

/** What a result may differ by: nothing, the order of summation, or transforms too (Winograd, Strassen). */
type Rounding = 'none' | 'reordered' | 'transformed';

/**
 * Rounding units allowed, relative to Σ|input × weight| + |bias| + |residual| of the same output, plus 1 for the
 * activation's own error. Sums of random signs in any two orders stay far below. Transforms amplify the rounding by
 * their norms and spread it over their tile, so the largest such sum of the layer stands for each output's.
 */
const UNITS: Readonly<Record<Rounding, number>> = { none: 0, reordered: 8, transformed: 128 };

/** Largest whole numbers of the exact data: every partial sum stays below 2^24, so float32 holds it exactly. */
const WHOLE_BOUND = 4;

/** The tally of one algorithm on one instruction set. */
export interface Tally {
  readonly isa: string;
  readonly algorithm: string;
  layers: number;
  values: number;
  refused: number;
  differing: number;
  /** The worst error, in rounding units of the output's scale, where results need not be equal. */
  worstUnits: number;
}

export interface Difference {
  readonly layer: string;
  readonly isa: string;
  readonly algorithm: string;
  readonly data: DataKind;
  readonly index: number;
  readonly expected: number;
  readonly received: number;
}

export type DataKind = 'whole' | 'random';

interface CaseData {
  readonly kind: DataKind;
  readonly tested: VerifyCase;
  readonly inputShape: readonly number[];
  readonly settings: Omit<LayerSettings, 'engine' | 'algorithm' | 'math'>;
  readonly pointwise: PointwiseStage | null;
  readonly input: Float32Array;
  readonly residual: Float32Array | undefined;
  readonly expected: Float32Array;
  /** Σ|input × weight| + |bias| + |residual| of each output. */
  readonly scale: Float32Array;
  /** The largest of `scale`: a transformed tile's error is spread over all of its outputs. */
  readonly largestScale: number;
}

/** Compares every native algorithm under every instruction set with the TypeScript engine's plain loops. */
export class Comparison {
  readonly differences: Difference[] = [];
  private readonly tallies = new Map<string, Tally>();

  constructor(
    private readonly isas: readonly string[],
    private readonly algorithms: readonly string[],
    private readonly random: Random,
  ) {}

  /** By instruction set, then by the engine's own order of algorithms. */
  results(): Tally[] {
    return this.isas.flatMap((isa) => this.algorithms.map((algorithm) => this.tally(isa, algorithm)));
  }

  check(tested: VerifyCase): void {
    if (WHOLE_ACTIVATIONS.includes(tested.activation)) this.checkOn(makeData(tested, 'whole', this.random));
    this.checkOn(makeData(tested, 'random', this.random));
  }

  private checkOn(data: CaseData): void {
    for (const isa of this.isas) {
      for (const algorithm of this.algorithms) this.checkOne(data, isa, algorithm);
    }
  }

  private checkOne(data: CaseData, isa: string, algorithm: string): void {
    const tally = this.tally(isa, algorithm);
    const strict = withIsa(isa, () => runForced(data, algorithm, 'strict'));
    // Whole numbers are exact only where nothing but the order of summation changes: what 'strict' takes.
    const output = strict ?? withIsa(isa, () => runForced(data, algorithm, 'fast'));
    if (output === null) {
      tally.refused++;
      return;
    }
    tally.layers++;
    tally.values += output.length;
    const rounding = strict === null ? 'transformed' : data.kind === 'whole' ? 'none' : 'reordered';
    const worst = this.worst(data, output, rounding);
    if (rounding !== 'none') tally.worstUnits = Math.max(tally.worstUnits, worst.units);
    if (worst.units <= UNITS[rounding]) return;
    tally.differing++;
    this.differences.push({
      layer: describeCase(data.tested),
      isa,
      algorithm,
      data: data.kind,
      index: worst.index,
      expected: data.expected[worst.index],
      received: output[worst.index],
    });
  }

  /** The worst output; a NaN counts as infinitely wrong, as does any difference where exactness is asked for. */
  private worst(data: CaseData, output: Float32Array, rounding: Rounding): { units: number; index: number } {
    let units = 0;
    let index = 0;
    for (let i = 0; i < output.length; i++) {
      const error = Math.abs(output[i] - data.expected[i]);
      if (error === 0) continue;
      const scale = rounding === 'transformed' ? data.largestScale : data.scale[i];
      const counted = rounding !== 'none' && error >= 0;
      const here = counted ? error / (ROUNDING_UNIT * (scale + 1)) : Number.POSITIVE_INFINITY;
      if (here > units) {
        units = here;
        index = i;
      }
    }
    return { units, index };
  }

  private tally(isa: string, algorithm: string): Tally {
    const key = `${isa} ${algorithm}`;
    let found = this.tallies.get(key);
    if (!found) {
      found = { isa, algorithm, layers: 0, values: 0, refused: 0, differing: 0, worstUnits: 0 };
      this.tallies.set(key, found);
    }
    return found;
  }
}

function makeData(tested: VerifyCase, kind: DataKind, random: Random): CaseData {
  const { descriptor } = tested;
  const channelsLast = isChannelsLast(tested.layout);
  const inputShape = descriptorInputShape(descriptor, channelsLast);
  const draw = (count: number) => (kind === 'whole' ? random.integers(count, WHOLE_BOUND) : random.uniform(count));
  const biasOf = (count: number) => (tested.bias ? draw(count) : undefined);
  const between = descriptor.options.outChannels;
  const bare: Omit<CaseData, 'scale' | 'largestScale' | 'expected' | 'residual'> = {
    kind,
    tested,
    inputShape,
    settings: {
      weight: draw(weightCount(descriptor)),
      bias: biasOf(between),
      channelsLast,
      paddingMode: tested.paddingMode,
      activation: tested.activation ?? undefined,
    },
    pointwise:
      tested.pointwise === null
        ? null
        : {
            outChannels: tested.pointwise,
            weight: draw(tested.pointwise * between),
            bias: biasOf(tested.pointwise),
          },
    input: draw(product(inputShape)),
  };
  const layer = makeLayer(bare, REFERENCE);
  try {
    const residual = tested.residual ? draw(product(layer.outputShape(inputShape))) : undefined;
    const expected = forward(layer, bare.input, inputShape, residual);
    const data = { ...bare, residual, expected };
    const scale = scaleOf(data);
    return { ...data, scale, largestScale: scale.reduce((most, value) => Math.max(most, value), 0) };
  } finally {
    layer.dispose();
  }
}

type EngineSettings = Pick<LayerSettings, 'engine' | 'algorithm' | 'math'>;

/** The TypeScript engine's plain loops: what everything is compared with. */
const REFERENCE: EngineSettings = { engine: 'reference', algorithm: 'reference' };

function makeLayer(data: Pick<CaseData, 'tested' | 'settings' | 'pointwise'>, engine: EngineSettings): Layer {
  const { descriptor } = data.tested;
  const settings = { ...data.settings, ...engine };
  return data.pointwise === null
    ? createLayer(descriptor, settings)
    : createSeparable(descriptor, settings, data.pointwise);
}

/** The same layer on absolute values, without its activation. */
function scaleOf(data: Omit<CaseData, 'scale' | 'largestScale'>): Float32Array {
  const { settings, pointwise, input, inputShape, residual } = data;
  const magnitudes = <T extends { weight: Float32Array; bias?: Float32Array }>(stage: T): T => ({
    ...stage,
    weight: stage.weight.map(Math.abs),
    bias: stage.bias?.map(Math.abs),
  });
  const absolute = {
    tested: data.tested,
    settings: { ...magnitudes(settings), activation: undefined },
    pointwise: pointwise === null ? null : magnitudes(pointwise),
  };
  const layer = makeLayer(absolute, REFERENCE);
  try {
    return forward(layer, input.map(Math.abs), inputShape, residual?.map(Math.abs));
  } finally {
    layer.dispose();
  }
}

/** The native output with an algorithm forced, or `null` where it refuses the layer. */
function runForced(data: CaseData, algorithm: string, math: 'fast' | 'strict'): Float32Array | null {
  let layer: Layer | undefined;
  try {
    layer = makeLayer(data, { engine: 'native', algorithm, math });
    return forward(layer, data.input, data.inputShape, data.residual);
  } catch (error) {
    if (error instanceof ConvolithError && error.code === 'ERR_UNSUPPORTED') return null;
    throw error;
  } finally {
    layer?.dispose();
  }
}

function forward(
  layer: Layer,
  data: Float32Array,
  shape: readonly number[],
  residual: Float32Array | undefined,
): Float32Array {
  return layer.forward({ data, shape }, residual === undefined ? {} : { residual }).data;
}
