import { Presets, SingleBar } from 'cli-progress';

/** Long work's progress, on stderr so that the result alone goes to stdout. */
export interface Progress {
  /** `done` of the total, and what is under way. */
  update(done: number, label: string): void;
  stop(): void;
}

/** Seconds between two lines where there is no terminal. */
const LINE_INTERVAL = 5;

/** A bar on a terminal, plain lines elsewhere. Nothing is shown before the first update. */
export function startProgress(total: number): Progress {
  return process.stderr.isTTY ? barProgress(total) : lineProgress(total);
}

function barProgress(total: number): Progress {
  // The cursor stays: Ctrl-C ends a synchronous run before anything could show a hidden one again.
  const bar = new SingleBar(
    { format: '{bar} {percentage}% {label}', hideCursor: false, clearOnComplete: true, linewrap: false, barsize: 24 },
    Presets.shades_classic,
  );
  return {
    update(done, label) {
      // Started with its first label: one that follows at once would wait for the next update, which may be minutes.
      if (bar.isActive) bar.update(Math.min(done, total), { label });
      else bar.start(total, done, { label });
    },
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
