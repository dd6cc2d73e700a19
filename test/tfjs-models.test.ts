import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { root } from './support/root.js';

/** They lie in a package of their own: no dependency of ours. */
beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'scripts', 'setup-package.mjs'), 'examples/models'], {
    stdio: 'ignore',
    timeout: 110_000,
  });
});

test.each(['native', 'reference'])(
  'models of npm packages agree with the CPU backend on the %s engine',
  async (engine) => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'test', 'support', 'tfjs-models.mjs')], {
      env: { ...process.env, CONVOLITH_ENGINE: engine },
      timeout: 110_000,
    });
    const errors: Record<string, number> = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
    expect(Object.keys(errors).length).toBe(4);
    for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-4);
  },
);
