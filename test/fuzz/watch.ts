import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A process that does not even compute is given this many times as long as one that does. */
const STANDSTILL = 10;
/** Of Linux' clock: 10 ms. */
const TICK_MS = 10;

/** CPU time of a process so far in ms; null where the system does not tell. */
function cpuMs(pid: number | undefined): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Behind the name, which may hold spaces: user and system time are the 14th and 15th field.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return null;
  }
}

/**
 * Calls `hung` where a process has computed for `limitMs` since what `progress` gives last changed: of its own time, as a
 * busy machine may not let it come to run for minutes. Gives what ends the watch.
 */
export function watchHang(
  child: ChildProcess,
  { limitMs, progress }: { readonly limitMs: number; readonly progress: () => unknown },
  hung: () => void,
): () => void {
  const now = () => ({ at: progress(), wall: Date.now(), cpu: cpuMs(child.pid) });
  let last = now();
  const timer = setInterval(() => {
    const { at, wall, cpu } = now();
    if (at !== last.at) {
      last = { at, wall, cpu };
      return;
    }
    const waited = wall - last.wall;
    const computed = cpu === null || last.cpu === null ? waited : cpu - last.cpu;
    if (computed < limitMs && waited < STANDSTILL * limitMs) return;
    clearInterval(timer);
    hung();
  }, 1000);
  return () => clearInterval(timer);
}
