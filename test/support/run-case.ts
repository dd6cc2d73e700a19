import type { ConvStage, Engine, EngineConv, EnginePlan } from '../../lib/engine.js';
import type { ContractCase } from '../contract/case.js';
import { type OracleResult, oracle } from './oracle.js';
import { Random, seedOf } from './random.js';
import {
  type Built,
  buildSpec,
  inputLength,
  outputLength,
  pointwiseAfter,
  weightLength,
  withAlgorithm,
} from './spec.js';

export type DataKind = 'integers' | 'reals';

/** A case with its buffers, and what float64 makes of them. */
export interface PreparedCase {
  readonly first: Built;
  readonly stages: readonly ConvStage[];
  readonly input: Float32Array;
  readonly residual: Float32Array | null;
  readonly outputLength: number;
  readonly expected: OracleResult;
  /** Largest Σ|w·x| of the case. */
  readonly largest: number;
}

export function prepareCase(row: ContractCase, kind: DataKind): PreparedCase {
  const random = new Random(seedOf(`${row.name} ${kind}`));
  const draw = (length: number, bound?: number) =>
    kind === 'integers' ? random.integers(length, bound) : random.reals(length);
  const first = buildSpec(row.options);
  const second = row.pointwise === null ? null : pointwiseAfter(first, row.pointwise);
  const last = second ?? first;
  const stage = ({ spec }: Built): ConvStage => ({
    spec,
    weight: draw(weightLength(spec)),
    bias: row.bias ? draw(spec.outChannels, 9) : null,
  });
  const stages = second === null ? [stage(first)] : [stage(first), stage(second)];
  const input = draw(inputLength(first));
  const residual = row.residual ? draw(outputLength(last), 9) : null;
  const expected = judge(first, second, stages, input, residual);
  const largest = expected.magnitude.reduce((most, value) => Math.max(most, value), 0);
  return { first, stages, input, residual, outputLength: outputLength(last), expected, largest };
}

/**
 * Two stages: the error of the first (its own bound, as float32) enters the second through its weights' magnitudes,
 * so the two oracles' magnitudes and terms are added up.
 */
function judge(
  first: Built,
  second: Built | null,
  stages: readonly ConvStage[],
  input: Float32Array,
  residual: Float32Array | null,
): OracleResult {
  const one = oracle({ ...first, ...weightsOf(stages[0]), input, residual: second === null ? residual : null });
  if (second === null) return one;
  const two = oracle({ ...second, ...weightsOf(stages[1]), input: one.values, residual });
  const absolute = stages[1].weight.map(Math.abs);
  const reach = oracle({ ...second, weight: absolute, bias: null, input: one.magnitude, residual: null });
  const magnitude = two.magnitude.map((value, at) => value + reach.magnitude[at]);
  return { values: two.values, magnitude, terms: one.terms + two.terms + 8 };
}

function weightsOf(stage: ConvStage): Pick<ConvStage, 'weight' | 'bias'> {
  return { weight: stage.weight, bias: stage.bias };
}

export function createLayer(engine: Engine, stages: readonly ConvStage[], algorithm: string): EngineConv {
  const [first, second] = stages;
  if (second === undefined) return engine.createConv(withAlgorithm(first, algorithm));
  return engine.createSeparable(withAlgorithm(first, algorithm), withAlgorithm(second, algorithm));
}

const GUARD = 19;
/** A NaN that no arithmetic makes: what a guard holds, and what an output holds that was not written. */
const SENTINEL = 0x7fc0_5a5a;

/** Runs between guards: a read beyond the input brings a NaN in, a write beyond the output changes a guard. */
export function runGuarded(plan: EnginePlan, prepared: PreparedCase): Float32Array {
  const guarded = (data: Float32Array | number): Float32Array => {
    const length = typeof data === 'number' ? data : data.length;
    const bits = new Uint32Array(length + 2 * GUARD).fill(SENTINEL);
    const view = new Float32Array(bits.buffer, GUARD * 4, length);
    if (typeof data !== 'number') view.set(data);
    return view;
  };
  const output = guarded(prepared.outputLength);
  plan.run(guarded(prepared.input), output, prepared.residual === null ? null : guarded(prepared.residual));
  const bits = new Uint32Array(output.buffer);
  for (let at = 0; at < bits.length; at++) {
    const inside = at >= GUARD && at < bits.length - GUARD;
    if (!inside && bits[at] !== SENTINEL) throw new Error(`Wrote outside the output, at ${at - GUARD}`);
    if (inside && bits[at] === SENTINEL) throw new Error(`Left output ${at - GUARD} unwritten`);
  }
  return output;
}
