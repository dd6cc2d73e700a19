import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { EnginePlan } from '../lib/engine.js';
import { createReferenceEngine } from '../lib/fallback/engine.js';
import { CASES } from './contract/cases.js';
import { Random } from './support/random.js';
import { createLayer, prepareCase } from './support/run-case.js';
import { buildSpec, inputLength, outputLength, weightLength } from './support/spec.js';

const engine = createReferenceEngine();

interface Loaded {
  readonly plan: EnginePlan;
  readonly input: Float32Array;
  readonly output: Float32Array;
}

/** Some tenths of a second of work. */
function heavy(algorithm = 'im2col-gemm'): Loaded {
  const size = algorithm === 'reference' ? [14, 14] : [56, 56];
  const built = buildSpec({ inChannels: 128, outChannels: 128, size, kernel: [3, 3], padding: 1, algorithm });
  const random = new Random(3);
  const layer = engine.createConv({ spec: built.spec, weight: random.reals(weightLength(built.spec)), bias: null });
  const output = new Float32Array(outputLength(built));
  return { plan: layer.plan(built.geometry), input: random.reals(inputLength(built)), output };
}

describe('runAsync of the reference engine', () => {
  test('gives the bits of run, every kind of layer', async () => {
    for (const row of CASES.filter((_, index) => index % 5 === 0)) {
      const { stages, first, input, residual, outputLength: length } = prepareCase(row, 'reals');
      const plan = createLayer(engine, stages, 'auto').plan(first.geometry);
      const [now, later] = [new Float32Array(length), new Float32Array(length)];
      plan.run(input, now, residual);
      await plan.runAsync(input, later, residual, null);
      expect(later).toEqual(now);
    }
  });

  test('runs of one plan do not disturb one another, nor a synchronous one between them', async () => {
    const { plan, input } = heavy();
    const inputs = [1, 2, 3, 4].map((factor) => input.map((value) => value * factor));
    const expected = inputs.map((data) => {
      const output = new Float32Array(128 * 56 * 56);
      plan.run(data, output, null);
      return output;
    });
    const outputs = inputs.map(() => new Float32Array(128 * 56 * 56));
    const runs = inputs.map((data, at) => plan.runAsync(data, outputs[at], null, null));
    await nextTurn();
    const between = new Float32Array(128 * 56 * 56);
    plan.run(inputs[2], between, null);
    await Promise.all(runs);
    expect(between).toEqual(expected[2]);
    expect(outputs).toEqual(expected);
  });

  test.each(['im2col-gemm', 'winograd', 'reference'])('leaves the event loop free: %s', async (algorithm) => {
    const { plan, input, output } = heavy(algorithm);
    plan.run(input, output, null);
    let turns = 0;
    let running = true;
    const counting = (async () => {
      while (running) {
        await nextTurn();
        turns++;
      }
    })();
    const start = performance.now();
    await Promise.all([1, 2, 3].map(() => plan.runAsync(input, new Float32Array(output.length), null, null)));
    const elapsed = performance.now() - start;
    running = false;
    await counting;
    // A slice is 8 ms and a run is hundreds; a busy machine may stretch a slice, and the mean is steadier than the longest.
    expect(elapsed / turns).toBeLessThan(50);
    expect(turns).toBeGreaterThan(3);
  });

  test('returns before any work is done', () => {
    const { plan, input, output } = heavy();
    const controller = new AbortController();
    const run = plan.runAsync(input, output, null, controller.signal);
    expect(output.every((value) => value === 0)).toBe(true);
    controller.abort();
    return expect(run).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  test('an aborted signal stops a run with its reason, and the plan works afterwards', async () => {
    const { plan, input, output } = heavy();
    const expected = new Float32Array(output.length);
    plan.run(input, expected, null);
    const controller = new AbortController();
    const run = plan.runAsync(input, output, null, controller.signal);
    const reason = new Error('enough');
    await nextTurn();
    controller.abort(reason);
    await expect(run).rejects.toMatchObject({ name: 'ConvolithError', code: 'ERR_ABORTED', cause: reason });
    expect(output).not.toEqual(expected);
    await plan.runAsync(input, output, null, new AbortController().signal);
    expect(output).toEqual(expected);
  });

  test('a signal aborted before leaves the output as it was', async () => {
    const { plan, input, output } = heavy();
    await expect(plan.runAsync(input, output, null, AbortSignal.abort())).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    expect(output.every((value) => value === 0)).toBe(true);
  });

  test('a buffer detached during a run is an error', async () => {
    const { plan, input, output } = heavy();
    const run = plan.runAsync(input, output, null, null);
    await nextTurn();
    structuredClone(input.buffer, { transfer: [input.buffer as ArrayBuffer] });
    await expect(run).rejects.toMatchObject({ code: 'ERR_BUFFER' });
  });
});
