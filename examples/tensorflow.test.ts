import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../test/support/root.js';

describe('the demos on TensorFlow.js', () => {
  it.each([
    ['detect.mjs', /^cat 0\.\d+ at /m, 'detected.png'],
    ['upscale.mjs', /^451 x 300 to 902 x 600$/m, 'upscaled.png'],
  ])('%s finds what it should and writes its picture', (program, found, picture) => {
    const start = Date.now();
    const { status, stdout } = spawnSync(process.execPath, [join(__dirname, program)], {
      cwd: root,
      encoding: 'utf8',
      timeout: 110_000,
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(found) });
    expect(stdout).toMatch(/ ms on convolith; /);
    expect(statSync(join(__dirname, 'output', picture)).mtimeMs).toBeGreaterThanOrEqual(start - 1000);
  });
});
