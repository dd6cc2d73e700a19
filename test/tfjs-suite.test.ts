import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { enginesUnderTest } from './support/engines.js';
import { root } from './support/root.js';

interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** Specs of the browser's web workers, which upstream leaves out in Node too. */
  readonly pending: number;
  readonly failures: readonly { readonly name: string; readonly message: string }[];
}

/** tfjs-core's own spec files in a process of their own, on one of our engines. */
async function runSuite(engine: string): Promise<Counts> {
  const script = join(root, 'test', 'support', 'tfjs-suite.mjs');
  const env = { ...process.env, CONVOLITH_ENGINE: engine };
  const { stdout } = await promisify(execFile)(process.execPath, [script, 'convolith'], {
    cwd: root,
    env,
    maxBuffer: 64 * 2 ** 20,
    timeout: 110_000,
  });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
}

const engines = new Set((await enginesUnderTest()).map(({ isa }) => (isa === 'js' ? 'reference' : 'native')));

test.each([...engines])('the specs of tfjs-core pass on the %s engine', async (engine) => {
  const { failures, passed, failed, pending } = await runSuite(engine);
  expect(failures).toEqual([]);
  expect({ passed, failed, pending }).toEqual({ passed: 4227, failed: 0, pending: 5 });
});
