// `npm run leaks`: makes millions of calls, layers and threads, and says whether the process grew. `--help` lists its
// options. Each hunt warms up, then reads the resident size after a garbage collection at checkpoints; the last quarter
// of them must not lie above the first by more than the limit. V8's young generation grows with any program that makes
// garbage, to 48 MB, and what waits in it holds native memory; it is held small (--max-semi-space-size=1), so that a leak shows.
import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Command, InvalidArgumentError } from 'commander';

const { Conv2d, DepthwiseSeparableConv2d, tensor } = createRequire(import.meta.url)('..');

const CHECKPOINTS = 16;
const WARM_UP = 0.15;
/** A page of arena here or there is no leak: 8 MiB is 8 bytes a call, 84 a layer, of the full hunts. */
const MOST_GROWTH = 8 * 2 ** 20;

const integer = (text) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('Expected an integer of at least 0.');
  return value;
};
const options = new Command('npm run leaks --')
  .description('look for memory that calls, layers and threads leave behind')
  .option('--calls <n>', 'calls of one layer, right, refused, asynchronous and aborted', integer, 1_000_000)
  .option('--layers <n>', 'layers made, for each way of dropping them', integer, 100_000)
  .option('--workers <n>', 'worker_threads started and stopped', integer, 1000)
  .parse()
  .opts();

function expectCode(code, call) {
  try {
    call();
  } catch (error) {
    if (error.code === code) return;
    throw error;
  }
  throw new Error(`Expected ${code} but the call went through`);
}

const CHANNELS = 16;
const SHAPE = [1, CHANNELS, 12, 12];
const weight = (channels = CHANNELS) =>
  tensor(new Float32Array(channels * channels * 9).fill(1), [channels, channels, 3, 3]);
const input = tensor(new Float32Array(CHANNELS * 144).fill(1), SHAPE);
const wrong = tensor(new Float32Array(12 * 12), [1, 1, 12, 12]);

function callHunt() {
  const layer = new Conv2d({ weight: weight(), padding: 1, activation: 'relu' });
  const out = new Float32Array(CHANNELS * 144);
  const inputs = Array.from({ length: 12 }, (_, size) =>
    tensor(new Float32Array(CHANNELS * (size + 1) ** 2), [1, CHANNELS, size + 1, size + 1]),
  );
  return async (at) => {
    if (at % 64 === 0) {
      const controller = new AbortController();
      const run = layer.forwardAsync(input, { signal: controller.signal });
      controller.abort();
      await run.catch(() => {});
    } else if (at % 16 === 0) await layer.forwardAsync(input, { out });
    else if (at % 8 === 0) expectCode('ERR_SHAPE', () => layer.forward(wrong, { out }));
    else if (at % 8 === 1) layer.forward(input);
    // More shapes than a layer keeps plans for, so that plans are dropped too.
    else if (at % 8 === 2) layer.forward(inputs[(at >> 3) % inputs.length]);
    else layer.forward(input, { out });
  };
}

function makeLayer(at) {
  if (at % 4 !== 0) return new Conv2d({ weight: weight(), padding: 1 });
  return new DepthwiseSeparableConv2d({
    depthwise: { weight: tensor(new Float32Array(CHANNELS * 9), [CHANNELS, 1, 3, 3]), padding: 1 },
    pointwise: { weight: tensor(new Float32Array(CHANNELS * CHANNELS), [CHANNELS, CHANNELS, 1, 1]) },
  });
}

/** Finalizers of Node-API run between turns of the event loop, so a turn is given now and then, as a server has it. */
const TURN = 32;

const HUNTS = [
  { name: 'calls', count: options.calls, hunt: callHunt },
  {
    name: 'layers, disposed of',
    count: options.layers,
    hunt: () => (at) => {
      const layer = makeLayer(at);
      layer.forward(input);
      layer.dispose();
    },
  },
  {
    name: 'layers, dropped',
    count: options.layers,
    hunt: () => (at) => {
      makeLayer(at).forward(input);
      return at % TURN === 0 ? nextTurn() : undefined;
    },
  },
  {
    name: 'layers, refused',
    count: options.layers,
    hunt: () => (at) => {
      if (at % 2 === 0)
        return expectCode('ERR_SHAPE', () => new Conv2d({ weight: weight(), bias: new Float32Array(1) }));
      const layer = new Conv2d({ weight: weight(), algorithm: 'pointwise' });
      expectCode('ERR_UNSUPPORTED', () => layer.forward(input));
      return at % TURN === 1 ? nextTurn() : undefined;
    },
  },
  {
    name: 'worker_threads',
    count: options.workers,
    hunt: () => (at) =>
      new Promise((resolve, reject) => {
        const worker = new Worker(fileURLToPath(new URL('../test/support/leaks-worker.cjs', import.meta.url)));
        worker.once('error', reject);
        worker.once('exit', resolve);
        // One in two ends in the middle of its runs.
        worker.once('message', () => (at % 2 === 0 ? worker.terminate() : worker.postMessage('stop')));
      }),
  },
];

async function residentAfterCollection() {
  for (let round = 0; round < 3; round++) {
    global.gc();
    await nextTurn();
  }
  return process.memoryUsage.rss();
}

const mebi = (bytes) => (bytes / 2 ** 20).toFixed(1);

/** True where the process stayed as large as it was. */
async function run({ name, count, hunt }) {
  const step = hunt();
  const readings = [];
  const warm = Math.ceil(count * WARM_UP);
  const every = Math.max(1, Math.floor((count - warm) / CHECKPOINTS));
  for (let at = 0; at < count; at++) {
    await step(at);
    if (at >= warm && (at - warm) % every === 0) readings.push(await residentAfterCollection());
  }
  if (readings.length < 4) return true;
  const quarter = Math.ceil(readings.length / 4);
  // The least of several readings: the allocator gives pages back late, never early.
  const [before, after] = [readings.slice(0, quarter), readings.slice(-quarter)].map((some) => Math.min(...some));
  const grew = after - before;
  const ok = grew <= MOST_GROWTH;
  console.log(
    `${ok ? 'flat' : 'GROWS'}: ${count} ${name}: ${mebi(before)} MiB, then ${mebi(after)} MiB (${mebi(Math.max(...readings))} at the most)`,
  );
  return ok;
}

let leaking = 0;
for (const hunt of HUNTS) if (!(await run(hunt))) leaking++;
process.exitCode = leaking === 0 ? 0 : 1;
