// node submit.mjs PHOTOGRAPH…: queues photographs, waits for the workers, and prints the sharpest first.
import { readFile } from 'node:fs/promises';
import { Queue, QueueEvents } from 'bullmq';
import { connection, QUEUE } from './queue.mjs';

/** Photographs in Redis at once. Redis holds them in memory, so this bounds what a flood of files may take. */
const IN_FLIGHT = 32;

const paths = process.argv.slice(2);
if (paths.length === 0) {
  console.error('usage: node submit.mjs PHOTOGRAPH…');
  process.exit(2);
}

const queue = new Queue(QUEUE, { connection: connection() });
const events = new QueueEvents(QUEUE, { connection: connection() });
await events.waitUntilReady();

/** Three tries, because a network or a machine may fail; what is done leaves Redis. */
const OPTIONS = {
  attempts: 3,
  backoff: { type: 'exponential', delay: 200 },
  removeOnComplete: { age: 60 },
  removeOnFail: { age: 3600 },
};

async function submit(path) {
  try {
    const photograph = (await readFile(path)).toString('base64');
    const job = await queue.add('rate', { photograph }, OPTIONS);
    return { path, ...(await job.waitUntilFinished(events)) };
  } catch (error) {
    return { path, error: error.message };
  }
}

const rated = [];
const waiting = paths.values();
async function lane() {
  for (const path of waiting) rated.push(await submit(path));
}
await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
await events.close();
await queue.close();

const good = rated.filter(({ error }) => !error).sort((a, b) => b.sharpness - a.sharpness);
for (const { path, sharpness, width, height, by } of good) {
  console.log(`${sharpness.toFixed(1).padStart(8)}  ${width} x ${height}  ${path}  (${by})`);
}
const failed = rated.filter(({ error }) => error);
for (const { path, error } of failed) console.error(`${path}: ${error}`);
process.exitCode = failed.length > 0 ? 1 : 0;
