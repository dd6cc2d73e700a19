import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const script = join(__dirname, 'support', 'pool-scenarios.cjs');

/** Runs a scenario in a process of its own. */
function run(scenario: string, prefix: readonly string[] = []) {
  const [command, ...args] = [...prefix, process.execPath, script, scenario];
  const { status, signal, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 100_000 });
  return { status, signal, stdout: stdout.trim(), stderr };
}

/** What it printed, where it must have ended well. */
function report(scenario: string, prefix?: readonly string[]): Record<string, unknown> {
  const { status, signal, stdout, stderr } = run(scenario, prefix);
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('the end of a process', () => {
  test('process.exit in the middle of runs ends with its code', () => {
    for (let time = 0; time < 5; time++) {
      const { status, signal, stderr } = run('exit');
      expect({ status, signal, stderr }).toEqual({ status: 7, signal: null, stderr: '' });
    }
  });

  test('an uncaught exception in the middle of runs ends with 1', () => {
    const { status, signal, stderr } = run('throw');
    expect({ status, signal }).toEqual({ status: 1, signal: null });
    expect(stderr).toContain('ends the process');
  });

  test('runs under way are finished before the process ends by itself', () => {
    expect(run('finish')).toMatchObject({ status: 0, signal: null, stdout: 'right' });
  });
});

describe('threads', () => {
  test('eight worker_threads at once, some terminated in the middle of a run', () => {
    expect(report('workers')).toEqual({ ended: 24, failed: 0, right: [true, true, true, true] });
  });

  test('an idle pool uses no CPU', () => {
    // Of 1000 ms. A thread that spins takes all of them; the runtime's own housekeeping takes a few.
    expect(report('idle').cpuMs).toBeLessThan(100);
  });

  test('a slow run leaves the event loop free', () => {
    const { timers, median, runMs } = report('latency');
    expect(timers).toBeGreaterThan(20);
    // In units of a run, so that a busy machine slows both alike: a loop that waited for runs would be late by one.
    expect(median).toBeLessThan((runMs as number) / 2);
  });

  test.runIf(process.platform === 'linux')('a hundred runs start no more threads than the limit', () => {
    const { started, right } = report('limit');
    expect(right).toBe(true);
    expect(started).toBeLessThanOrEqual(3);
  });

  test.runIf(process.platform === 'linux')('the affinity mask counts', () => {
    expect(report('affinity', ['taskset', '-c', '0'])).toEqual({ available: 1, threads: 1 });
  });
});
