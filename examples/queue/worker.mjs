// node worker.mjs: takes photographs from the queue until it is told to end. Start as many as you like, on any number of
// machines; what one drops when it dies, another takes up.
import { hostname } from 'node:os';
import { UnrecoverableError, Worker } from 'bullmq';
import { info } from 'convolith';
import sharp from 'sharp';
import { sharpness } from '../sharpness.mjs';
import { connection, QUEUE } from './queue.mjs';

const NAME = `${hostname()}:${process.pid}`;
/** Decoding overlaps with waiting for Redis; more at once only holds more pictures in memory. */
const CONCURRENCY = 2;
/** A job whose worker has not been heard of for so long belongs to another. */
const LOCK_MILLISECONDS = Number(process.env.LOCK_MILLISECONDS ?? 30_000);

async function rate({ data: { photograph } }) {
  const { data, info: size } = await sharp(Buffer.from(photograph, 'base64'))
    .greyscale()
    .removeAlpha()
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((cause) => {
      // A file that is no picture will be none the next time either.
      throw new UnrecoverableError(`Expected a picture but could not read it: ${cause.message}`);
    });
  return { sharpness: sharpness(data, size.width, size.height), width: size.width, height: size.height, by: NAME };
}

const worker = new Worker(QUEUE, rate, {
  connection: connection(),
  concurrency: CONCURRENCY,
  lockDuration: LOCK_MILLISECONDS,
  stalledInterval: LOCK_MILLISECONDS,
  // A job may lose its worker so often before it counts as the reason.
  maxStalledCount: 3,
});
worker.on('ready', () => console.log(`${NAME} ready, ${info().engine} engine, ${info().isa}`));
worker.on('error', (error) => console.error(error.message));

/** Time to finish what is under way; a Redis that is gone must not keep the worker alive. */
const GRACE_MILLISECONDS = 10_000;

// Jobs under way are finished, no new ones are taken.
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    setTimeout(() => process.exit(1), GRACE_MILLISECONDS).unref();
    void worker.close().then(() => process.exit(0));
  });
}
