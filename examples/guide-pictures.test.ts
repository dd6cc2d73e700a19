import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { root } from '../test/support/root.js';

const folder = mkdtempSync(join(tmpdir(), 'convolith-pictures-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the pictures of the guide', () => {
  it('are those that the script makes', () => {
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'examples', 'guide-pictures.mjs'), folder], {
      encoding: 'utf8',
      timeout: 110_000,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(readdirSync(folder).sort()).toEqual(readdirSync(join(root, 'docs', 'images', 'guide')).sort());
  });
});
