import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadBinding } from '../lib/native/load.js';
import { root } from './support/root.js';

const { binding } = loadBinding();

describe.runIf(binding !== null)('errors of the native engine on the layers of the speed table', () => {
  // avx512 and avx2 sum in different orders and have different tiles; the scalar kernels would take a minute.
  const isas = (binding?.isas() ?? []).filter((isa) => isa !== 'scalar');

  it.each(isas)('stay under 2e-5 of the largest output, by sums alone under 2e-6, on %s', (isa) => {
    const script = join(root, 'scripts', 'numerics.mjs');
    const { stdout, stderr } = spawnSync(process.execPath, [script, '--check', '--samples', '400'], {
      encoding: 'utf8',
      env: { ...process.env, CONVOLITH_ISA: isa },
      timeout: 110_000,
    });
    expect(stderr).toBe('');
    expect(stdout).toMatch(new RegExp(`^\\d+ checked on ${isa}, 0 beyond their limit$`, 'm'));
  });
});
