import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireFrom } from '../support/start.js';

const load = requireFrom(__dirname);
const sharp = load('sharp');
const { Piscina } = load('piscina');
const PHOTOGRAPH = join(__dirname, '..', 'chelsea.png');
const BLURS = [1, 1.5, 2, 3, 4, 6, 8];

let folder: string;
/** The same photograph, ever more blurred. */
let paths: string[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'convolith-pool-'));
  paths = await Promise.all(
    BLURS.map(async (sigma) => {
      const path = join(folder, `blur-${sigma}.png`);
      await sharp(PHOTOGRAPH).blur(sigma).toFile(path);
      return path;
    }),
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

const rank = (...args: readonly string[]) =>
  spawnSync(process.execPath, [join(__dirname, 'rank.mjs'), ...args], { encoding: 'utf8', timeout: 60_000 });

describe('the worker pool', () => {
  it('ranks photographs, the sharpest first', () => {
    const { status, stdout, stderr } = rank(...[...paths].reverse(), PHOTOGRAPH);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const ranked = [...stdout.matchAll(/ 451 x 300 {2}(.*)$/gm)].map((match) => match[1]);
    expect(ranked).toEqual([PHOTOGRAPH, ...paths]);
  });

  it('names a file that is no photograph, and rates the others', () => {
    const bad = join(folder, 'bad.png');
    writeFileSync(bad, 'no picture');
    const { status, stdout, stderr } = rank(bad, PHOTOGRAPH);
    expect(status).toBe(1);
    expect(stderr).toContain(`${bad}: `);
    expect(stdout).toContain(PHOTOGRAPH);
  });

  it('gives from many threads what one gives, and moves the result', async () => {
    const pool = new Piscina({ filename: join(__dirname, 'worker.mjs'), minThreads: 4, maxThreads: 4 });
    try {
      const rated = await Promise.all(Array.from({ length: 40 }, (_, index) => pool.run(paths[index % paths.length])));
      for (const [index, { sharpness, thumbnail }] of rated.entries()) {
        expect(sharpness).toBe(rated[index % paths.length].sharpness);
        expect(thumbnail.byteLength).toBe(64 * 64 * 3);
      }
    } finally {
      await pool.destroy();
    }
  });
});
