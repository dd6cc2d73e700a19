// Scenarios that need a process of their own: `node pool-scenarios.cjs NAME`. See thread-pool.test.ts.
const { readdirSync } = require('node:fs');
const { join } = require('node:path');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const load = () => require('bindings')({ bindings: 'convolith', module_root: join(__dirname, '..', '..') });

/** A layer that keeps a thread busy for some tens of milliseconds, by the slowest algorithm there is. */
function slowLayer(binding) {
  const channels = 32;
  const size = 56;
  const conv = new binding.Conv({
    spec: {
      transposed: false,
      rank: 2,
      channelsLast: false,
      inChannels: channels,
      outChannels: channels,
      groups: 1,
      kernel: [1, 3, 3],
      stride: [1, 1, 1],
      dilation: [1, 1, 1],
      paddingMode: 'zeros',
      activation: { op: 'clip', min: -Infinity, max: Infinity, alpha: 0, slope: null },
      algorithm: 'reference',
      math: 'fast',
    },
    weight: new Float32Array(channels * channels * 9).fill(1),
    bias: null,
  });
  const plan = conv.plan({
    batch: 1,
    input: [1, size, size],
    output: [1, size, size],
    padBefore: [0, 1, 1],
    padAfter: [0, 1, 1],
  });
  const input = new Float32Array(channels * size * size).fill(1);
  return { conv, plan, input, makeOutput: () => new Float32Array(input.length) };
}

/** What a corner, a border and an inner output are: 4, 6 and 9 taps of 32 channels. */
const isRight = (output) => output[0] === 4 * 32 && output[1] === 6 * 32 && output[57] === 9 * 32;

function startRuns({ plan, input, makeOutput }, count) {
  return Array.from({ length: count }, async () => {
    const output = makeOutput();
    await plan.runAsync(input, output, null, null);
    return isRight(output);
  });
}

const threads = () => readdirSync('/proc/self/task').length;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function workerRound(terminate) {
  const codes = Array.from(
    { length: 8 },
    (_, index) =>
      new Promise((resolve, reject) => {
        const worker = new Worker(__filename, { workerData: index });
        worker.on('error', reject);
        worker.on('message', () => terminate && index % 2 === 1 && worker.terminate());
        worker.on('exit', resolve);
      }),
  );
  return Promise.all(codes);
}

const scenarios = {
  /** process.exit in the middle of runs. */
  async exit() {
    startRuns(slowLayer(load()), 50);
    await sleep(15);
    process.exit(7);
  },
  /** An exception that ends the process in the middle of runs. */
  async throw() {
    startRuns(slowLayer(load()), 50);
    await sleep(15);
    setTimeout(() => {
      throw new Error('ends the process');
    });
  },
  /** Runs keep the event loop alive. */
  async finish() {
    const runs = startRuns(slowLayer(load()), 5);
    Promise.all(runs).then((right) => console.log(right.every(Boolean) ? 'right' : 'wrong'));
  },
  /** Eight at once; then the addon is unloaded with the last of them, while the pool's threads live on. */
  async workers() {
    const codes = [];
    for (let round = 0; round < 3; round++) codes.push(...(await workerRound(round > 0)));
    await sleep(100);
    const right = await Promise.all(startRuns(slowLayer(load()), 4));
    console.log(JSON.stringify({ ended: codes.length, failed: codes.filter((code) => code === 9).length, right }));
  },
  /** A pool that has run sleeps. */
  async idle() {
    const layer = slowLayer(load());
    for (let run = 0; run < 5; run++) layer.plan.run(layer.input, layer.makeOutput(), null);
    await Promise.all(startRuns(layer, 5));
    await sleep(100);
    const before = process.cpuUsage();
    await sleep(1000);
    const { user, system } = process.cpuUsage(before);
    console.log(JSON.stringify({ cpuMs: (user + system) / 1000 }));
  },
  /** A hundred runs at once start no more threads than the limit. */
  async limit() {
    const binding = load();
    binding.setThreads(3);
    const before = threads();
    const right = await Promise.all(startRuns(slowLayer(binding), 100));
    console.log(JSON.stringify({ started: threads() - before, right: right.every(Boolean) }));
  },
  /** How late timers are while runs are under way, and how long a run takes, in ms. */
  async latency() {
    const binding = load();
    binding.setThreads(1);
    const layer = slowLayer(binding);
    const count = 20;
    const start = performance.now();
    let runMs = 0;
    const runs = Promise.all(startRuns(layer, count)).then(() => {
      runMs = (performance.now() - start) / count;
    });
    const late = [];
    while (runMs === 0) {
      const asked = performance.now();
      await sleep(5);
      late.push(performance.now() - asked - 5);
    }
    await runs;
    late.sort((a, b) => a - b);
    console.log(JSON.stringify({ timers: late.length, median: late[late.length >> 1], runMs }));
  },
  async affinity() {
    const binding = load();
    console.log(JSON.stringify({ available: binding.availableThreads(), threads: binding.getThreads() }));
  },
};

if (isMainThread) {
  scenarios[process.argv[2]]();
} else {
  const layer = slowLayer(load());
  const output = layer.makeOutput();
  layer.plan.run(layer.input, output, null);
  if (!isRight(output)) process.exit(9);
  for (const run of startRuns(layer, 3)) {
    run.then((right) => {
      if (!right) process.exit(9);
    });
  }
  parentPort.postMessage(workerData);
  layer.plan.run(layer.input, output, null);
}
