import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/** A program under test. */
export interface Started {
  readonly process: ChildProcess;
  /** Everything it wrote so far. */
  output(): string;
  /** Waits until it has written this; rejects where it ends before. */
  printed(pattern: RegExp): Promise<RegExpMatchArray>;
  /** Ends it and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** A user's patience. */
const LIMIT = 60_000;

export function start(
  program: string,
  folder: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Started {
  const child = spawn(process.execPath, [join(folder, program), ...args], {
    env: { ...process.env, ...env },
    // For one whose test does not come to stop it.
    timeout: 5 * LIMIT,
  });
  return follow(child);
}

/** Any child process, its output kept. */
export function follow(child: ChildProcess): Started {
  let output = '';
  const keep = (part: Buffer): void => {
    output += part;
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    process: child,
    output: () => output,
    async printed(pattern) {
      const running = (): boolean => child.exitCode === null && child.signalCode === null;
      await until(async () => pattern.test(output) || !running());
      const match = output.match(pattern);
      if (match === null) throw new Error(`Expected ${pattern} but the program ended with:\n${output}`);
      return match;
    },
    async stop(signal = 'SIGKILL') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}

/** Asks again and again until the answer is yes. */
export async function until(answer: () => Promise<boolean>, limit = LIMIT): Promise<void> {
  const end = performance.now() + limit;
  while (!(await answer())) {
    if (performance.now() > end) throw new Error(`Expected ${answer} within ${limit} ms`);
    await setTimeout(10);
  }
}

/** `require` as a program in `folder` has it: its own packages. */
export const requireFrom = (folder: string): NodeJS.Require => createRequire(join(folder, 'package.json'));
