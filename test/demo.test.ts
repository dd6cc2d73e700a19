import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Jimp } from 'jimp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const DEMO = join(__dirname, '..', 'examples', 'demo.mjs');
const [WIDTH, HEIGHT] = [45, 31];

const PICTURES: Record<string, [number, number]> = {
  blur: [WIDTH, HEIGHT],
  sharpen: [WIDTH, HEIGHT],
  relief: [WIDTH, HEIGHT],
  'edges-d1': [WIDTH, HEIGHT],
  'edges-d2': [WIDTH, HEIGHT],
  'edges-d4': [WIDTH, HEIGHT],
  sepia: [WIDTH, HEIGHT],
  vivid: [WIDTH, HEIGHT],
  reduced: [Math.ceil(WIDTH / 2), Math.ceil(HEIGHT / 2)],
  'enlarged-x2': [2 * WIDTH, 2 * HEIGHT],
  'enlarged-x4': [4 * WIDTH, 4 * HEIGHT],
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'convolith-demo-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function demo(...args: string[]) {
  return spawnSync(process.execPath, [DEMO, ...args], { encoding: 'utf8', timeout: 120_000 });
}

/** Runs the demo on a picture of `paint(x, y)`, and returns the folder of its pictures. */
async function demoOn(name: string, paint: (x: number, y: number) => [number, number, number]): Promise<string> {
  const picture = new Jimp({ width: WIDTH, height: HEIGHT, color: 0x000000ff });
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) picture.bitmap.data.set([...paint(x, y), 255], 4 * (y * WIDTH + x));
  }
  const path = join(folder, `${name}.png`) as `${string}.png`;
  await picture.write(path);
  const output = join(folder, name);
  const { status, stderr } = demo(path, '--output', output);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return output;
}

/** Red, green, blue of a pixel. */
async function reader(output: string, name: string) {
  const { bitmap } = await Jimp.read(join(output, `${name}.png`));
  const pixel = (x: number, y: number): number[] => {
    const at = 4 * (y * bitmap.width + x);
    return [...bitmap.data.subarray(at, at + 3)];
  };
  return { width: bitmap.width, height: bitmap.height, pixel };
}

describe('the demo on a flat picture', () => {
  let output: string;
  beforeAll(async () => {
    output = await demoOn('flat', () => [200, 100, 50]);
  });

  it('writes every picture and the sheet', () => {
    const expected = [...Object.keys(PICTURES).map((name) => `${name}.png`), 'contact-sheet.jpg'];
    expect(readdirSync(output).sort()).toEqual(expected.sort());
  });

  it.each(Object.entries(PICTURES))('%s is %j', async (name, [width, height]) => {
    expect(await reader(output, name)).toMatchObject({ width, height });
  });

  it.each(['blur', 'sharpen', 'reduced', 'enlarged-x2', 'enlarged-x4'])(
    '%s keeps it flat up to the border',
    async (name) => {
      const { width, height, pixel } = await reader(output, name);
      for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) expect(pixel(x, y)).toEqual([200, 100, 50]);
    },
  );

  it.each(['edges-d1', 'edges-d2', 'edges-d4'])('%s finds none', async (name) => {
    const { width, height, pixel } = await reader(output, name);
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) expect(pixel(x, y)).toEqual([0, 0, 0]);
  });

  it('relief is grey and sepia the matrix product', async () => {
    expect((await reader(output, 'relief')).pixel(0, 0)).toEqual([128, 128, 128]);
    const sepia = [
      0.393 * 200 + 0.769 * 100 + 0.189 * 50,
      0.349 * 200 + 0.686 * 100 + 0.168 * 50,
      0.272 * 200 + 0.534 * 100 + 0.131 * 50,
    ];
    expect((await reader(output, 'sepia')).pixel(7, 9)).toEqual(sepia.map(Math.round));
  });
});

describe('the demo on a picture with one vertical edge', () => {
  let output: string;
  beforeAll(async () => {
    output = await demoOn('edge', (x) => (x < 20 ? [0, 0, 0] : [255, 255, 255]));
  });

  it.each([1, 2, 4])('finds it %i pixels wide on both sides', async (dilation) => {
    const { pixel } = await reader(output, `edges-d${dilation}`);
    for (const y of [0, 15, HEIGHT - 1]) {
      expect(pixel(19, y)).toEqual([255, 255, 255]);
      expect(pixel(20 - dilation, y)).toEqual([255, 255, 255]);
      expect(pixel(20 - dilation - 1, y)).toEqual([0, 0, 0]);
      expect(pixel(20 + dilation, y)).toEqual([0, 0, 0]);
    }
  });

  it('enlarges it with a ramp between', async () => {
    const { pixel } = await reader(output, 'enlarged-x2');
    expect([38, 39, 40, 41].map((x) => pixel(x, 5)[0])).toEqual([0, 64, 191, 255]);
  });
});

describe('the demo on what it cannot read', () => {
  it('says that a file is not there', () => {
    const { status, stderr } = demo(join(folder, 'nothing.png'), '--output', join(folder, 'none'));
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: Expected a PNG or JPEG file but received .*nothing\.png, which is not there\n$/);
  });

  it('says that a file is no picture', () => {
    const path = join(folder, 'text.png');
    writeFileSync(path, 'no picture');
    const { status, stderr } = demo(path, '--output', join(folder, 'none'));
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: Expected a PNG or JPEG file but could not read .*text\.png: /);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
