import { Presets, SingleBar } from 'cli-progress';

/** Long work's progress, on stderr so that the result alone goes to stdout. */
export interface Progress {
  /** `done` of the total, and what is under way. */
  update(done: number, label: string): void;
  stop(): void;
}

/** Seconds between two lines where there is no terminal. */
const LINE_INTERVAL = 5;

/** A bar on a terminal, plain lines elsewhere. */
export function startProgress(total: number): Progress {
  return process.stderr.isTTY ? barProgress(total) : lineProgress(total);
}

function barProgress(total: number): Progress {
  const bar = new SingleBar(
    { format: '{bar} {percentage}% {label}', hideCursor: true, clearOnComplete: true, linewrap: false, barsize: 24 },
    Presets.shades_classic,
  );
  bar.start(total, 0, { label: '' });
  return {
    update: (done, label) => bar.update(Math.min(done, total), { label }),
    stop: () => bar.stop(),
  };
}

function lineProgress(total: number): Progress {
  let last = performance.now();
  return {
    update(done, label) {
      const now = performance.now();
      if (now - last < LINE_INTERVAL * 1000) return;
      last = now;
      process.stderr.write(`${Math.min(100, Math.round((100 * done) / total))}% ${label}\n`);
    },
    stop: () => undefined,
  };
}
