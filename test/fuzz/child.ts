import { spawn } from 'node:child_process';
import { openSync, writeSync } from 'node:fs';
import fc from 'fast-check';
import type { Row } from './tally.js';
import type { Target } from './target.js';
import { openTarget, type TargetName } from './targets.js';
import { watchHang } from './watch.js';

/** A case that failed, shrunk, in the form of a reproducer's line. */
export interface Failure {
  readonly case: unknown;
  readonly message: string;
}

/** What a child tells after each chunk. */
export interface Report {
  readonly cases: number;
  readonly rows: readonly Row[];
  readonly codes: Readonly<Record<string, number>>;
  readonly residentBytes: number;
  readonly failure: Failure | null;
}

/** Cases between two reports; each chunk has a seed of its own. */
export const CHUNK = 1000;

/** Where a chunk's cases come from: a seed that differs for every chunk of every hunt. */
export const chunkSeed = (seed: number, chunk: number): number => (Math.imul(seed, 0x9e3779b1) + chunk * 7919) | 0;

export interface HuntOptions {
  readonly target: TargetName;
  readonly seed: number;
  /** This child takes chunks first, first + step, … */
  readonly first: number;
  readonly step: number;
  readonly seconds: number;
  readonly cases: number;
  /** A file whose first line names the chunk and the case under way, for the one who finds this process dead. */
  readonly progress: string;
}

/** Hunts until the time or the cases are used up or `stop` is aborted, a report after each chunk. */
export async function hunt(options: HuntOptions, stop: AbortSignal, report: (report: Report) => void): Promise<void> {
  const target = openTarget(options.target);
  const file = openSync(options.progress, 'w');
  const end = performance.now() + options.seconds * 1000;
  let left = options.cases;
  for (let chunk = options.first; left > 0 && performance.now() < end && !stop.aborted; chunk += options.step) {
    let cases = 0;
    let failed = false;
    const property = fc.asyncProperty(target.cases, async (one) => {
      if (stop.aborted) return;
      // While a failure is being shrunk its own place stays written, and the file's age shows that something goes on.
      if (!failed) cases++;
      writeSync(file, `${chunk} ${cases - 1} `.padEnd(32), 0);
      try {
        await target.check(one);
      } catch (error) {
        failed = true;
        throw error;
      }
    });
    const details = await fc.check(property, {
      seed: chunkSeed(options.seed, chunk),
      numRuns: Math.min(CHUNK, left),
      interruptAfterTimeLimit: Math.max(1, end - performance.now()),
      markInterruptAsFailure: false,
    });
    left -= cases;
    report({
      cases,
      rows: [...target.tally.rows.values()],
      codes: Object.fromEntries(target.tally.codes),
      residentBytes: process.memoryUsage.rss(),
      failure:
        details.counterexample === null ? null : failureOf(target, details.counterexample[0], details.errorInstance),
    });
  }
}

function failureOf(target: Target<unknown>, one: unknown, error: unknown): Failure {
  return { case: target.compact(one), message: error instanceof Error ? error.message : String(error) };
}

/** One case alone; throws what its check does. */
export async function runCase(name: TargetName, line: unknown): Promise<void> {
  const target = openTarget(name);
  await target.check(target.expand(line));
}

/** How a process that runs one case alone ends: 0, an exit code, or a signal. */
function endOf(args: readonly string[], limitMs: number): Promise<number | string> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio: 'ignore' });
    const unwatch = watchHang(child, { limitMs, progress: () => null }, () => void child.kill('SIGKILL'));
    child.on('exit', (code, signal) => {
      unwatch();
      resolve(signal ?? code ?? 0);
    });
  });
}

/** Shrinks a case that ends its process, each attempt in a process of its own. */
export async function shrinkCrash(options: {
  readonly target: TargetName;
  readonly seed: number;
  readonly chunk: number;
  readonly index: number;
  readonly limitMs: number;
}): Promise<Failure> {
  const target = openTarget(options.target);
  const property = fc.asyncProperty(target.cases, async (one) => {
    const line = JSON.stringify(target.compact(one));
    const end = await endOf([process.argv[1], '--target', options.target, '--case', line, '--here'], options.limitMs);
    if (end !== 0) throw new Error(`ended its process with ${end}`);
  });
  const { counterexample, errorInstance } = await fc.check(property, {
    seed: chunkSeed(options.seed, options.chunk),
    path: String(options.index),
    numRuns: 1,
  });
  if (counterexample === null) {
    const place = `chunk ${options.chunk}, case ${options.index} of seed ${options.seed}`;
    return { case: null, message: `a process ended at ${place}, which alone does not end one` };
  }
  return failureOf(target, counterexample[0], errorInstance);
}
