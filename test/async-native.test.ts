import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** What a scenario, run in a process of its own, reports. */
function report<T>(scenario: string, ...flags: string[]): T {
  const script = join(__dirname, 'support', 'async-scenarios.cjs');
  const env = { ...process.env, CONVOLITH_ENGINE: 'native' };
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...flags, script, scenario], {
    encoding: 'utf8',
    timeout: 100_000,
    env,
  });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  return JSON.parse(stdout) as T;
}

interface Round {
  readonly runMs: number;
  readonly timers: number;
  readonly worst: number;
  readonly idle: number;
  readonly busyMs: number | null;
}

test('timers are late by at most 20 ms while a layer of a second runs', () => {
  const rounds = report<Round[]>('lateness');
  for (const { runMs, timers, busyMs } of rounds) {
    expect(runMs).toBeGreaterThan(400);
    expect(timers).toBeGreaterThan(10);
    // A busy machine delays timers, but takes no CPU time of this thread: a loop that computed would take all of it.
    if (busyMs !== null) expect(busyMs).toBeLessThan(runMs / 4);
  }
  expect(Math.min(...rounds.map(({ worst, idle }) => worst - idle))).toBeLessThanOrEqual(20);
});

test('a signal stops a run within 50 ms, by every algorithm for large layers; the layer works afterwards', () => {
  const results =
    report<{ algorithm: string; code: string; best: number; untouched: boolean; after: number }[]>('abort');
  expect(results.map(({ algorithm }) => algorithm)).toEqual(['winograd', 'im2col-gemm', 'reference']);
  for (const { code, best, untouched, after } of results) {
    expect(code).toBe('ERR_ABORTED');
    expect(best).toBeLessThanOrEqual(50);
    expect(untouched).toBe(true);
    expect(after).toBeCloseTo(9, 4);
  }
});

test('100 runs of one layer at once are right and settle in the order they were asked for', () => {
  const { right, order } = report<{ right: boolean; order: number[] }>('hundred');
  expect(right).toBe(true);
  // Workers take them in turn. The system may halt a worker, which then delivers the one run it holds late.
  const late = order.filter((index, place) => Math.abs(index - place) > 20);
  expect(late.length).toBeLessThanOrEqual(2);
});

test('V8 hears of what layers hold, and collects those that nobody disposes of', () => {
  const { made, most } = report<{ made: number; most: number }>('dropped');
  expect(made).toBeGreaterThan(400e6);
  expect(most).toBeLessThan(made / 2);
});
