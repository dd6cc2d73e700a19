import { afterAll, describe, expect, test } from 'vitest';
import { loadBinding } from '../lib/native/load.js';
import type { ContractCase } from './contract/case.js';
import { CASES } from './contract/cases.js';
import { enginesUnderTest } from './support/engines.js';
import { createLayer, prepareCase, runGuarded } from './support/run-case.js';

const { binding } = loadBinding();
const before = { threads: binding?.getThreads() ?? 1, isa: binding?.getIsa() };
afterAll(() => {
  binding?.setThreads(before.threads);
  if (before.isa !== undefined) binding?.setIsa(before.isa);
});

/** Large enough for every algorithm to cut the work differently on different numbers of threads. */
function largeCases(): ContractCase[] {
  const channels = { inChannels: 48, outChannels: 72 };
  const square = { ...channels, size: [29, 31], kernel: [3, 3], padding: 1 };
  const base = { pointwise: null, bias: true, residual: true };
  return [
    { ...base, name: 'large 3x3', options: square },
    { ...base, name: 'large 3x3, channels last', options: { ...square, channelsLast: true } },
    { ...base, name: 'large 1x1', options: { ...channels, size: [29, 31], kernel: [1, 1] } },
    {
      ...base,
      name: 'large 3x3 in few pixels',
      options: { ...square, inChannels: 96, outChannels: 160, size: [7, 7] },
    },
    // One block of tiles is two tiles of the product, and half of it one, whose sums must be cut alike.
    {
      ...base,
      name: '1-D in pieces',
      options: { inChannels: 256, outChannels: 64, size: [72], kernel: [3], padding: 1, channelsLast: true },
    },
    // 16 tiles are whole tiles of rows, and 8 of each of two threads are not.
    {
      ...base,
      name: '1-D in pieces, by rows',
      options: { inChannels: 256, outChannels: 64, size: [96], kernel: [3], padding: 1, channelsLast: true },
    },
    { ...base, name: 'large transposed', options: { ...square, transposed: true, size: [13, 15], stride: 2 } },
    { ...base, name: 'large depthwise', options: { ...square, inChannels: 72, outChannels: 72, groups: 72 } },
  ];
}

/** Every fifth case of the contract has every kind, rank, layout and mode still in it. */
const cases = [...largeCases(), ...CASES.filter((_, index) => index % 5 === 0)];

const bits = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length);
const same = (a: Float32Array, b: Float32Array): boolean => {
  const [left, right] = [bits(a), bits(b)];
  return left.length === right.length && left.every((value, at) => value === right[at]);
};

describe.each(enginesUnderTest().filter(({ isa }) => isa !== 'js'))('$label', ({ select }) => {
  test.each(cases)('$name: the same bits on any number of threads, by any plan, at any time', async (row) => {
    const engine = select();
    const data = prepareCase(row, 'reals');
    for (const algorithm of engine.algorithms) {
      if (algorithm === 'reference' && row.name.startsWith('large')) continue;
      const layer = createLayer(engine, data.stages, algorithm);
      try {
        binding?.setThreads(1);
        const plan = (() => {
          try {
            return layer.plan(data.first.geometry);
          } catch {
            return null;
          }
        })();
        if (plan === null) continue;
        const once = runGuarded(plan, data);
        for (const threads of [2, 7]) {
          binding?.setThreads(threads);
          expect(same(runGuarded(plan, data), once), `${algorithm} on ${threads} threads`).toBe(true);
        }
        expect(same(runGuarded(layer.plan(data.first.geometry), data), once), `${algorithm}, another plan`).toBe(true);
        const later = new Float32Array(data.outputLength);
        await plan.runAsync(data.input, later, data.residual, null);
        expect(same(later, once), `${algorithm}, asynchronously`).toBe(true);
      } finally {
        layer.dispose();
      }
    }
  });
});
