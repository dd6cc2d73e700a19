/** Works until about the given time (of `performance.now()`), and says whether all is done. */
export type Slice = (until: number) => boolean;

interface Job {
  readonly slice: Slice;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Milliseconds of work between two turns of the event loop. */
const SLICE_MS = 8;

/** Runs under way in this thread, in turn: Node runs every pending immediate in one turn, so they share one. */
const jobs: Job[] = [];

/** Runs `slice` again and again until it is done, one slice a turn of the event loop, whatever else runs sliced. */
export function runSliced(slice: Slice): Promise<void> {
  return new Promise((resolve, reject) => {
    jobs.push({ slice, resolve, reject });
    if (jobs.length === 1) setImmediate(turn);
  });
}

function turn(): void {
  const until = performance.now() + SLICE_MS;
  do {
    const job = jobs.shift() as Job;
    try {
      if (job.slice(until)) job.resolve();
      else jobs.push(job);
    } catch (error) {
      job.reject(error);
    }
  } while (jobs.length > 0 && performance.now() < until);
  if (jobs.length > 0) setImmediate(turn);
}
