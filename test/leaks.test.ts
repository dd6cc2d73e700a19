import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './support/root.js';

test('calls, layers and threads leave no memory behind (`npm run leaks` is the long form)', () => {
  const script = join(root, 'scripts', 'leaks.mjs');
  const counts = ['--calls', '10000', '--layers', '1500', '--workers', '24'];
  const flags = ['--expose-gc', '--max-semi-space-size=1'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, script, ...counts], {
    encoding: 'utf8',
    timeout: 110_000,
    env: { ...process.env, CONVOLITH_ENGINE: 'native' },
  });
  expect({ status, stderr, stdout }).toMatchObject({ status: 0, stderr: '' });
  expect(stdout.match(/^flat: /gm)).toHaveLength(5);
});
