import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { conv2d } from '../../lib/index.js';
import type { Started } from '../support/start.js';
import { requireFrom, start, until } from '../support/start.js';

const load = requireFrom(__dirname);
const sharp = load('sharp');
const photograph = readFileSync(join(__dirname, '..', 'chelsea.png'));

let server: Started | null = null;
afterEach(() => server?.stop());

async function listen(env: Readonly<Record<string, string>> = {}): Promise<string> {
  server = start('server.mjs', __dirname, { PORT: '0', ...env });
  return (await server.printed(/http:\S+/))[0];
}

const post = (url: string, body: Uint8Array, signal?: AbortSignal): Promise<Response> =>
  fetch(`${url}/edges`, { method: 'POST', body, signal });

async function health(url: string): Promise<{ running: number; waiting: number }> {
  return (await fetch(`${url}/health`)).json() as Promise<{ running: number; waiting: number }>;
}

describe('the server', () => {
  it('answers several requests at once, each right', async () => {
    const url = await listen();
    const answers = await Promise.all(Array.from({ length: 8 }, () => post(url, photograph)));
    expect(answers.map(({ status }) => status)).toEqual(new Array(8).fill(200));
    const pictures = await Promise.all(answers.map(async (answer) => Buffer.from(await answer.arrayBuffer())));
    for (const picture of pictures) expect(picture.equals(pictures[0])).toBe(true);

    const { data, info } = await sharp(pictures[0]).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 451, height: 300, channels: 1 });
    // The two sum in different orders, which may round to a neighbouring grey.
    const expected = await expectedEdges(2000);
    expect(expected.filter((grey, pixel) => Math.abs(grey - data[pixel]) > 1)).toEqual([]);
  });

  it('keeps its event loop free while it works', async () => {
    const url = await listen({ CONCURRENCY: '2' });
    const large = await sharp(photograph).resize(1600).jpeg().toBuffer();
    let done = false;
    const work = Promise.all(Array.from({ length: 6 }, () => post(url, large))).finally(() => {
      done = true;
    });
    let answered = 0;
    while (!done) if ((await health(url)).running > 0) answered++;
    expect((await work).map(({ status }) => status)).toEqual(new Array(6).fill(200));
    // With a blocked loop /health would answer about once a picture.
    expect(answered).toBeGreaterThan(20);
  });

  it('sends those away who would wait too long', async () => {
    const url = await listen({ CONCURRENCY: '1', WAITING: '2' });
    const answers = await Promise.all(Array.from({ length: 30 }, () => post(url, photograph)));
    const count = (wanted: number): number => answers.filter(({ status }) => status === wanted).length;
    expect(count(200)).toBeGreaterThanOrEqual(3);
    expect(count(503)).toBeGreaterThan(0);
    expect(count(200) + count(503)).toBe(30);
    expect(answers.find(({ status }) => status === 503)?.headers.get('retry-after')).toBe('1');
    expect((await post(url, photograph)).status).toBe(200);
  });

  it('drops the work of a client that leaves', async () => {
    const url = await listen({ CONCURRENCY: '1' });
    const large = await sharp(photograph).resize(4000).jpeg().toBuffer();
    const leave = new AbortController();
    const left = post(url, large, leave.signal).catch((error: Error) => error.name);
    await until(async () => (await health(url)).running === 1);
    leave.abort();
    expect(await left).toBe('AbortError');
    await until(async () => (await health(url)).running === 0);
    expect((await post(url, photograph)).status).toBe(200);
  });

  it('refuses what it cannot use', async () => {
    const url = await listen({ MOST_BYTES: '300000' });
    expect((await post(url, Buffer.from('no picture'))).status).toBe(415);
    expect((await post(url, Buffer.alloc(0))).status).toBe(415);
    expect((await fetch(url)).status).toBe(404);
    expect(await refusedUnread(url)).toMatch(/^HTTP\/1\.1 413 /);
    expect((await post(url, photograph)).status).toBe(200);
  });

  it('finishes what is under way when it is told to end', async () => {
    const url = await listen();
    // Large enough to be seen under way.
    const work = post(url, await sharp(photograph).resize(4000).jpeg().toBuffer());
    await until(async () => (await health(url)).running === 1);
    server?.process.kill('SIGTERM');
    expect((await work).status).toBe(200);
  });
});

/** The first pixels, by other means: the function on a picture in planes. */
async function expectedEdges(count: number): Promise<number[]> {
  const { data, info } = await sharp(photograph)
    .flatten({ background: 'white' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const grey = Float32Array.from({ length: info.width * info.height }, (_, pixel) => {
    const [r, g, b] = data.subarray(3 * pixel, 3 * pixel + 3);
    return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
  });
  const input = { data: grey, shape: [1, 1, info.height, info.width] };
  const options = { inChannels: 1, outChannels: 1, kernelSize: 3, padding: 1, paddingMode: 'replicate' } as const;
  const x = conv2d(input, Float32Array.of(-1, 0, 1, -2, 0, 2, -1, 0, 1), options);
  const y = conv2d(input, Float32Array.of(-1, -2, -1, 0, 0, 0, 1, 2, 1), options);
  return Array.from({ length: count }, (_, pixel) =>
    Math.floor(Math.min(255, 255 * Math.hypot(x.data[pixel], y.data[pixel]))),
  );
}

/** A head that promises a long body, and no body: the answer must not wait for it. */
function refusedUnread(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write('POST /edges HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n');
    });
    socket.once('data', (answer) => {
      socket.destroy();
      resolve(answer.toString('latin1'));
    });
    socket.once('error', reject);
  });
}
