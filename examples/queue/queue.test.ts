import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Started } from '../support/start.js';
import { follow, requireFrom, start, until } from '../support/start.js';
import { startRedis } from './redis.js';

const load = requireFrom(__dirname);
const sharp = load('sharp');
const { Queue } = load('bullmq');
const PHOTOGRAPH = join(__dirname, '..', 'chelsea.png');
const COPIES = 24;

let redis: Awaited<ReturnType<typeof startRedis>>;
let folder: string;
let paths: string[];
let workers: Started[] = [];

beforeAll(async () => {
  redis = await startRedis();
  folder = mkdtempSync(join(tmpdir(), 'convolith-queue-'));
  paths = await Promise.all(
    Array.from({ length: COPIES }, async (_, index) => {
      const path = join(folder, `${index}.png`);
      await sharp(PHOTOGRAPH)
        .blur(0.3 + index / 2)
        .toFile(path);
      return path;
    }),
  );
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  workers = [];
});
afterAll(async () => {
  await redis?.server.stop();
  rmSync(folder, { recursive: true });
});

const env = (more: Readonly<Record<string, string>> = {}) => ({ REDIS_URL: redis.url, ...more });

async function startWorkers(count: number, more: Readonly<Record<string, string>> = {}): Promise<void> {
  workers = Array.from({ length: count }, () => start('worker.mjs', __dirname, env(more)));
  await Promise.all(workers.map((worker) => worker.printed(/ ready/)));
}

/** Runs `submit.mjs` to its end; its lines as [path, worker]. */
async function submit(args: readonly string[]) {
  const child = spawn(process.execPath, [join(__dirname, 'submit.mjs'), ...args], {
    env: { ...process.env, ...env() },
    timeout: 110_000,
  });
  const submitted = follow(child);
  const status = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  const lines = [...submitted.output().matchAll(/ 451 x 300 {2}(\S+) {2}\((\S+)\)$/gm)];
  return { status, output: submitted.output(), rated: lines.map(([, path, by]) => ({ path, by })) };
}

describe('the queue', () => {
  it('spreads photographs over workers and ranks them', async () => {
    await startWorkers(2);
    const { status, output, rated } = await submit([...paths].reverse());
    expect({ status, output }).toMatchObject({ status: 0 });
    expect(rated.map(({ path }) => path)).toEqual(paths);
    expect(new Set(rated.map(({ by }) => by)).size).toBe(2);
  });

  it('fails a file that is no picture at once, and rates the others', async () => {
    await startWorkers(1);
    const bad = join(folder, 'bad.png');
    writeFileSync(bad, 'no picture');
    const { status, output, rated } = await submit([bad, PHOTOGRAPH]);
    expect(status).toBe(1);
    expect(output).toContain(`${bad}: Expected a picture`);
    expect(rated.map(({ path }) => path)).toEqual([PHOTOGRAPH]);
  });

  it('loses nothing when a worker dies', async () => {
    await startWorkers(1, { LOCK_MILLISECONDS: '2000' });
    const [first] = workers;
    const queue = new Queue('sharpness', { connection: { host: '127.0.0.1', port: Number(new URL(redis.url).port) } });
    try {
      // Large enough that the worker is in the middle of one when it dies.
      const large = await sharp(readFileSync(PHOTOGRAPH))
        .resize(2500)
        .png({ compressionLevel: 0 })
        .toFile(join(folder, 'large.png'));
      expect(large.width).toBe(2500);
      const submitted = submit([join(folder, 'large.png'), ...paths]);
      await until(async () => (await queue.getActiveCount()) > 0);
      await first.stop('SIGKILL');
      await startWorkers(1, { LOCK_MILLISECONDS: '2000' });
      const { status, output, rated } = await submitted;
      expect({ status, output }).toMatchObject({ status: 0 });
      expect(rated).toHaveLength(paths.length);
      expect(output).toContain('large.png');
    } finally {
      await queue.close();
    }
  });

  it('ends when it is told to', async () => {
    await startWorkers(1);
    const [worker] = workers;
    await worker.stop('SIGTERM');
    expect(worker.process.exitCode).toBe(0);
  });
});
