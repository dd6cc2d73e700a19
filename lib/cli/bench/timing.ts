import { least, median } from './statistics.js';

/** What a contender's process prints. */
export interface TrialResult {
  /** Of the package that ran. */
  readonly version: string;
  readonly runs: number;
  readonly medianMs: number;
  readonly bestMs: number;
  /** From the layer as its user writes it to the end of the first run: planning and packing included. */
  readonly firstMs: number;
  /** Evenly spread values of each chain's output. */
  readonly sample: readonly number[];
}

/** One contender that cannot do a workload says why. */
export interface TrialRefusal {
  readonly refused: string;
}

interface Times {
  readonly runs: number;
  readonly medianMs: number;
  readonly bestMs: number;
}

const WARM_UPS = 5;
const MIN_RUNS = 5;
/** So many that functions of JavaScript, compiled after some thousand calls, are not timed before. */
const MAX_RUNS = 200_000;

/**
 * Times one run after another for about `seconds`, warm-ups before them. A run of seconds (the TypeScript engine's) is
 * timed twice.
 */
export async function timeRuns(run: () => unknown, seconds: number): Promise<Times> {
  const begin = performance.now();
  const spent = (): number => (performance.now() - begin) / 1000;
  for (let warm = 0; warm < WARM_UPS && (warm === 0 || spent() < seconds / 3); warm++) await run();
  const start = spent();
  const times: number[] = [];
  const wanted = (): boolean => {
    const timed = spent() - start;
    if (times.length < 2) return true;
    if (times.length < MIN_RUNS) return timed < 4 * seconds;
    return times.length < MAX_RUNS && timed < seconds;
  };
  while (wanted()) {
    const before = process.hrtime.bigint();
    const result = run();
    // A synchronous contender's time must not hold a turn of the microtask queue.
    if (result instanceof Promise) await result;
    times.push(Number(process.hrtime.bigint() - before) / 1e6);
  }
  return { runs: times.length, medianMs: median(times), bestMs: least(times) };
}
