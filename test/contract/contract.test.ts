import { describe, expect, test } from 'vitest';
import type { Explanation } from '../../lib/engine.js';
import { ConvolithError } from '../../lib/errors.js';
import { enginesUnderTest } from '../support/engines.js';
import { tolerance } from '../support/oracle.js';
import { createLayer, type DataKind, type PreparedCase, prepareCase, runGuarded } from '../support/run-case.js';
import type { ContractCase } from './case.js';
import { CASES } from './cases.js';

/** Runs of each algorithm, and refusals, on each (engine, instruction set). */
const served = new Map<string, Map<string, number>>();
const refusals = new Map<string, Map<string, number>>();
const AT_LEAST: { readonly [algorithm: string]: number } = {
  dot: 60,
  grouped: 10,
  strassen: 12,
  pointwise: 40,
  depthwise: 60,
  winograd: 40,
  'im2col-gemm': 150,
  transposed: 50,
  separable: 40,
  reference: 300,
};

function count(counts: Map<string, Map<string, number>>, label: string, algorithm: string): void {
  const row = counts.get(label) ?? new Map<string, number>();
  row.set(algorithm, (row.get(algorithm) ?? 0) + 1);
  counts.set(label, row);
}

const prepared = new Map<string, PreparedCase>();
function prepare(row: ContractCase, kind: DataKind): PreparedCase {
  const key = `${kind} ${row.name}`;
  const known = prepared.get(key) ?? prepareCase(row, kind);
  prepared.set(key, known);
  return known;
}

/**
 * Integers must be equal where nothing but sums and clips is computed; Winograd's fractions and curved activations
 * are held to their tolerance. What adds up inputs before it multiplies errs by the largest of them.
 */
function check(row: ContractCase, kind: DataKind, { algorithm, tile }: Explanation, output: Float32Array): void {
  const { expected, stages, largest } = prepare(row, kind);
  const last = stages[stages.length - 1].spec.activation;
  const curved = stages.some(({ spec }) => !['clip', 'leakyRelu', 'prelu'].includes(spec.activation.op));
  const winograd = algorithm === 'winograd';
  const mixes = winograd || tile.includes('of 7/8');
  const exact = kind === 'integers' && !curved && !winograd;
  for (let at = 0; at < output.length; at++) {
    const allowed = exact ? 0 : tolerance(expected, at, last, mixes ? largest : null);
    const error = Math.abs(output[at] - expected.values[at]);
    if (!(error <= allowed)) {
      const where = `${row.name} (${kind}) by ${algorithm}, output ${at} of ${output.length}`;
      throw new Error(`Expected ${expected.values[at]} ± ${allowed} but received ${output[at]} in ${where}`);
    }
  }
}

test('case names are unique and there are enough', () => {
  expect(new Set(CASES.map(({ name }) => name)).size).toBe(CASES.length);
  expect(CASES.length).toBeGreaterThan(150);
});

describe.each(await enginesUnderTest())('$label', ({ label, isa, select }) => {
  test.each(CASES)('$name', (row) => {
    const engine = select();
    for (const kind of ['integers', 'reals'] as const) {
      const data = prepare(row, kind);
      for (const algorithm of ['auto', ...engine.algorithms]) {
        const layer = createLayer(engine, data.stages, algorithm);
        try {
          const plan = layer.plan(data.first.geometry);
          const explanation = plan.explain();
          if (algorithm !== 'auto') expect(explanation.algorithm).toBe(algorithm);
          expect(explanation.isa).toBe(isa);
          check(row, kind, explanation, runGuarded(plan, data));
          if (algorithm !== 'auto') count(served, label, algorithm);
        } catch (error) {
          if (!(error instanceof ConvolithError) || error.code !== 'ERR_UNSUPPORTED' || algorithm === 'auto')
            throw error;
          expect(error.message.length).toBeGreaterThan(20);
          count(refusals, label, algorithm);
        } finally {
          layer.dispose();
        }
      }
    }
  });

  test('every algorithm was exercised, and refused what it cannot serve', () => {
    const engine = select();
    const tooFew = engine.algorithms.filter((name) => (served.get(label)?.get(name) ?? 0) < AT_LEAST[name]);
    expect(tooFew).toEqual([]);
    const never = engine.algorithms.filter((name) => (refusals.get(label)?.get(name) ?? 0) === 0);
    expect(never).toEqual(['reference']);
  });
});
