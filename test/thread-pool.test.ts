import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

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

/** Mounts made in a namespace of their own, which end with it: another cgroup file system, and membership in it. */
const MOUNT = 'mount --bind "$0/cgroup" /sys/fs/cgroup && mount --bind "$0/membership" /proc/$$/cgroup && exec "$@"';
const mounts = ['unshare', '--map-root-user', '--mount', 'sh', '-c', MOUNT];
const canMount = spawnSync('unshare', ['--map-root-user', '--mount', 'true'], { timeout: 10_000 }).status === 0;

describe.runIf(canMount && availableParallelism() > 1)('the quota of the cgroup', () => {
  const folder = mkdtempSync(join(tmpdir(), 'convolith-cgroup-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const v1 = (quota: string) => ({ 'cpu/app/cpu.cfs_quota_us': quota, 'cpu/app/cpu.cfs_period_us': '100000' });
  test.each<[string, string, Readonly<Record<string, string>>, number]>([
    ['version 2, of one CPU', '0::/app', { 'app/cpu.max': '100000 100000' }, 1],
    ['version 2, of half a CPU', '0::/app', { 'app/cpu.max': '50000 100000' }, 1],
    ['version 2, rounded down', '0::/app', { 'app/cpu.max': '190000 100000' }, 1],
    ['version 2, of a parent', '0::/app/web', { 'app/cpu.max': '100000 100000', 'app/web/cpu.max': 'max 100000' }, 1],
    ['version 2, without one', '0::/app', { 'app/cpu.max': 'max 100000' }, availableParallelism()],
    ['version 1, of one CPU', '4:cpu:/app', v1('100000'), 1],
    ['version 1, without one', '4:cpu:/app', v1('-1'), availableParallelism()],
    ['a file of something else', '0::/app', { 'app/cpu.max': 'none' }, availableParallelism()],
  ])('counts: %s', (name, membership, files, threads) => {
    const place = join(folder, name);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(place, 'cgroup', path)), { recursive: true });
      writeFileSync(join(place, 'cgroup', path), `${text}\n`);
    }
    writeFileSync(join(place, 'membership'), `${membership}\n`);
    expect(report('affinity', [...mounts, place])).toEqual({ available: threads, threads });
  });
});
