// What forwardAsync does to its process, through the public classes: `node async-scenarios.cjs NAME`; see async-native.test.ts.
const { readFileSync } = require('node:fs');
const { Conv2d, setThreads, tensor } = require('../..');

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function convolution(channels, size, algorithm) {
  const weight = tensor(new Float32Array(channels * channels * 9).fill(1 / 64), [channels, channels, 3, 3]);
  const layer = new Conv2d({ weight, padding: 1, algorithm });
  const input = tensor(new Float32Array(channels * size * size).fill(1), [1, channels, size, size]);
  layer.explain(input.shape);
  return { layer, input };
}

/** Batches of a layer that together take a second, whatever the machine. */
function oneSecond() {
  const { layer, input } = convolution(32, 56, 'reference');
  const start = performance.now();
  layer.forward(input);
  const batch = Math.max(1, Math.ceil(1000 / (performance.now() - start)));
  const data = new Float32Array(batch * input.data.length).fill(1);
  return { layer, input: tensor(data, [batch, ...input.shape.slice(1)]) };
}

/** CPU time of the main thread so far, in ms; null where the system does not tell. */
function mainThreadMs() {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return null;
  }
}

/** By how much the worst of many timers is late, in ms, until the promise settles. */
async function worstTimer(promise) {
  let running = true;
  const done = promise.then(() => {
    running = false;
  });
  let worst = 0;
  let timers = 0;
  while (running) {
    const asked = performance.now();
    await sleep(5);
    worst = Math.max(worst, performance.now() - asked - 5);
    timers++;
  }
  await done;
  return { worst, timers };
}

const scenarios = {
  /**
   * Each round: how long a run took, by how much the worst timer was late meanwhile and in the same time without
   * it, and how busy the run kept the main thread.
   */
  async lateness() {
    setThreads(1);
    const { layer, input } = oneSecond();
    const out = new Float32Array(input.data.length);
    await layer.forwardAsync(input, { out });
    const rounds = [];
    while (rounds.length < 6 && !rounds.some(({ worst, idle }) => worst <= idle + 20)) {
      const cpu = mainThreadMs();
      const start = performance.now();
      const run = layer.forwardAsync(input, { out });
      const begin = performance.now() - start;
      const during = await worstTimer(run);
      const runMs = performance.now() - start;
      const busyMs = cpu === null ? null : mainThreadMs() - cpu;
      const { worst: idle } = await worstTimer(sleep(runMs));
      rounds.push({ runMs, timers: during.timers, worst: Math.max(begin, during.worst), idle, busyMs });
    }
    return rounds;
  },
  /** Each algorithm: how long after the signal the promise rejects, and whether the layer works afterwards. */
  async abort() {
    setThreads(1);
    const results = [];
    for (const algorithm of ['winograd', 'im2col-gemm', 'reference']) {
      // Each takes longer than the 20 ms after which it is stopped: 64 channels of 336x336 no longer did by Winograd.
      const [channels, size] = algorithm === 'reference' ? [64, 112] : [256, 224];
      const { layer, input } = convolution(channels, size, algorithm);
      const out = new Float32Array(input.data.length).fill(-1);
      let best = Infinity;
      let code;
      for (let round = 0; round < 5 && best > 50; round++) {
        const controller = new AbortController();
        const run = layer.forwardAsync(input, { out, signal: controller.signal }).catch((error) => error.code);
        await sleep(20);
        const start = performance.now();
        const cpu = process.cpuUsage();
        controller.abort();
        code = await run;
        const { user, system } = process.cpuUsage(cpu);
        // On a busy machine the clock runs while this process does not.
        best = Math.min(best, performance.now() - start, (user + system) / 1000);
      }
      const untouched = out.every((value) => value === -1);
      const small = tensor(new Float32Array(channels * 9).fill(64 / channels), [1, channels, 3, 3]);
      const after = (await layer.forwardAsync(small)).data[4];
      results.push({ algorithm, code, best, untouched, after });
    }
    return results;
  },
  /** 100 runs of one layer at once, each with an input of its own. */
  async hundred() {
    const { layer, input } = convolution(16, 40, 'auto');
    const order = [];
    const outputs = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const { data } = await layer.forwardAsync({ data: input.data.map(() => index), shape: input.shape });
        order.push(index);
        return data[41];
      }),
    );
    return { right: outputs.every((value, index) => value === (index * 9 * 16) / 64), order };
  },
  /** Layers that nobody keeps and nobody disposes of, with next to no JavaScript memory behind them. */
  async dropped() {
    const channels = 256;
    const weight = tensor(new Float32Array(channels * channels * 9), [channels, channels, 3, 3]);
    const before = process.memoryUsage.rss();
    const layers = 100;
    let most = 0;
    for (let made = 0; made < layers; made++) {
      new Conv2d({ weight, algorithm: 'im2col-gemm' }).explain([1, channels, 8, 8]);
      await sleep(0);
      most = Math.max(most, process.memoryUsage.rss() - before);
    }
    return { made: layers * 2 * 4 * weight.data.length, most };
  },
};

scenarios[process.argv[2]]().then((result) => console.log(JSON.stringify(result)));
