import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Engine, EngineConv, EnginePlan, Explanation, Refusal } from '../engine.js';
import { getThreads } from '../engines.js';
import { ConvolithError, expected } from '../errors.js';
import { isObject } from '../spec/check.js';
import type { ConvGeometry, ConvSpec, Triple } from '../spec.js';
import { allocate } from '../tensor.js';

/** A layer that times its candidates. */
export interface Tunable {
  readonly engine: Engine;
  readonly conv: EngineConv;
  readonly spec: ConvSpec;
  readonly geometry: ConvGeometry;
  /** Elements of input and output. */
  readonly counts: { readonly input: number; readonly output: number };
}

/** Milliseconds of timing a candidate gets; one whose first run takes longer is judged by that and two more. */
const BUDGET = 20;
const ROUNDS = 3;
/** A candidate whose first run takes so many times the best one's is not run again. */
const HOPELESS = 4;

/** Choices of this process, by layer. */
const choices = new Map<string, string>();

/**
 * The plan of the fastest algorithm for a layer: timed once in this process, or taken from `file` where an earlier one
 * wrote it. The reference is not timed.
 * @throws ConvolithError `ERR_OPTION` where the file cannot be read or written, or holds something else.
 */
export function tunedPlan(
  layer: Tunable,
  file: string | null,
): { readonly conv: EngineConv; readonly plan: EnginePlan } {
  const key = keyOf(layer);
  const known = file === null ? choices.get(key) : readChoices(file)[key];
  if (known !== undefined && layer.engine.algorithms.includes(known)) {
    const conv = layer.conv.variant(layer.spec.channelsLast, known);
    const reason = `${known} was the fastest when this layer was tuned`;
    const others = layer.engine.algorithms.slice(0, layer.engine.algorithms.indexOf(known));
    return {
      conv,
      plan: withRefusals(
        conv.plan(layer.geometry),
        refusals(others, () => reason),
      ),
    };
  }
  const [best, ...rest] = race(layer);
  for (const { conv } of rest) conv.dispose();
  choices.set(key, best.algorithm);
  if (file !== null) writeChoices(file, { ...readChoices(file), [key]: best.algorithm });
  const reasons = refusals(
    rest,
    ({ ms }) => `took ${ms.toFixed(3)} ms where ${best.algorithm} took ${best.ms.toFixed(3)}`,
  );
  return { conv: best.conv, plan: withRefusals(best.plan, reasons) };
}

interface Candidate {
  readonly algorithm: string;
  readonly conv: EngineConv;
  readonly plan: EnginePlan;
  ms: number;
}

const refusals = <T extends string | Candidate>(list: readonly T[], reason: (entry: T) => string): Refusal[] =>
  list.map((entry) => ({ algorithm: typeof entry === 'string' ? entry : entry.algorithm, reason: reason(entry) }));

/** Those that can serve, fastest first. */
function race(layer: Tunable): Candidate[] {
  const { engine, geometry, counts } = layer;
  // Filled, because pages never written to would all be one page of zeros in the cache.
  const input = allocate(counts.input, 'the input to tune with').fill(1);
  const output = allocate(counts.output, 'the output to tune with').fill(1);
  const timed = (plan: EnginePlan): number => {
    const start = performance.now();
    plan.run(input, output, null);
    return performance.now() - start;
  };
  const names = engine.algorithms.filter((name) => name !== 'reference');
  const able = names.flatMap((name) => candidate(layer, name, geometry));
  if (able.length === 0) able.push(...candidate(layer, 'reference', geometry));
  for (const entry of able) entry.ms = timed(entry.plan);
  const bar = HOPELESS * Math.min(...able.map(({ ms }) => ms));
  const hopeful = able.filter(({ ms }) => ms <= bar);
  // In turns, so that a change of the clock meets all of them; the least time, because other work can only add to it.
  for (let round = 0; round < ROUNDS; round++) {
    for (const entry of hopeful) {
      const end = performance.now() + BUDGET / ROUNDS;
      do entry.ms = Math.min(entry.ms, timed(entry.plan));
      while (performance.now() < end);
    }
  }
  return able.sort((a, b) => a.ms - b.ms);
}

/** Nothing where the algorithm cannot serve this layer. */
function candidate({ conv, spec }: Tunable, algorithm: string, geometry: ConvGeometry): Candidate[] {
  const forced = conv.variant(spec.channelsLast, algorithm);
  try {
    return [{ algorithm, conv: forced, plan: forced.plan(geometry), ms: 0 }];
  } catch (error) {
    forced.dispose();
    if (error instanceof ConvolithError && error.code === 'ERR_UNSUPPORTED') return [];
    throw error;
  }
}

function withRefusals(plan: EnginePlan, refused: readonly Refusal[]): EnginePlan {
  return {
    run: (input, output, residual) => plan.run(input, output, residual),
    runAsync: (input, output, residual, signal) => plan.runAsync(input, output, residual, signal),
    explain: (): Explanation => ({ ...plan.explain(), refused }),
  };
}

/** All that the choice may depend on, readable in the file. */
function keyOf({ engine, spec, geometry }: Tunable): string {
  const { batch, input, padBefore, padAfter } = geometry;
  const x = (axes: Triple): string => axes.join('x');
  return [
    engine.isa,
    `${engine.name === 'native' ? getThreads() : 1} threads`,
    `${spec.rank}-D${spec.transposed ? ' transposed' : ''} ${spec.channelsLast ? 'channels last' : 'channels first'}`,
    `n${batch} c${spec.inChannels} ${x(input)} o${spec.outChannels} k${x(spec.kernel)} s${x(spec.stride)}`,
    `p${x(padBefore)}:${x(padAfter)} ${spec.paddingMode} d${x(spec.dilation)} g${spec.groups} ${spec.math}`,
  ].join(', ');
}

interface Choices {
  readonly [key: string]: string | undefined;
}

function readChoices(file: string): Choices {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if (isObject(cause) && cause.code === 'ENOENT') return {};
    throw new ConvolithError('ERR_OPTION', `Expected a readable file for tune but received ${String(cause)}`, {
      cause,
    });
  }
  const parsed = parse(text);
  if (isObject(parsed) && Object.values(parsed).every((value) => typeof value === 'string')) return parsed as Choices;
  throw expected('ERR_OPTION', 'a file that tune wrote', 'tune', file);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Beside the file and then in its place, so that a reader never sees half of it. */
function writeChoices(file: string, all: Choices): void {
  const beside = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(beside, `${JSON.stringify(all, null, 2)}\n`);
    renameSync(beside, file);
  } catch (cause) {
    throw new ConvolithError('ERR_OPTION', `Expected a writable file for tune but received ${String(cause)}`, {
      cause,
    });
  }
}
