// node scripts/scaling.mjs [--only batch,size,first,threads]: how cost grows.
// Time a MAC and workspace from batch 1 to 64 and from 28x28 to 448x448, planning and packing against a run, and two
// threads against one. Prints a table for each and exits 1 where a limit is passed. Timings want a quiet core:
// taskset -c 1 node scripts/scaling.mjs --only batch,size,first; two threads want two.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setThreads } from 'convolith';
import layers from '../dist/cli/layer.js';
import random from '../dist/cli/random.js';
import descriptors from '../dist/descriptor.js';

const { descriptorInputShape, parseDescriptor, parseNetwork, formatDescriptor } = descriptors;
const { createLayer, product, weightCount } = layers;

/** Time a MAC may be this many times that of the first size. */
const FLAT = 1.1;
/** Runs that planning and packing may cost. */
const FIRST = 5;
/** Speed of two threads over one on layers bound by multiplication; small ones must not lose more than the clock's noise. */
const TWO_THREADS = 1.9;
const NOT_SLOWER = 0.97;
/** Of layers of one panel of weights that take 10 to 30 microseconds: their blocks must be even shares. */
const SHARED = 1.3;
const ROUNDS = 5;

const { values: options } = parseArgs({ options: { only: { type: 'string', default: 'batch,size,first,threads' } } });
const only = options.only.split(',');
let failures = 0;

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

function prepared(text, layout) {
  const descriptor = parseDescriptor(text);
  const channelsLast = layout === 'NHWC';
  const source = new random.Random(1);
  const make = () =>
    createLayer(descriptor, {
      weight: source.uniform(weightCount(descriptor), 0.1),
      bias: source.uniform(descriptor.options.outChannels, 0.1),
      channelsLast,
      engine: 'native',
    });
  const layer = make();
  const shape = descriptorInputShape(descriptor, channelsLast);
  const outShape = layer.outputShape(shape);
  const input = { data: source.uniform(product(shape)), shape };
  const out = { data: new Float32Array(product(outShape)), shape: outShape };
  return { layer, make, shape, run: () => layer.forward(input, { out }) };
}

/**
 * Milliseconds of a run: the median of as many as fit `budget`, at least three, after two that warm up. Two threads are
 * judged by the least instead: on a machine with other work the second one is often kept waiting.
 */
function timed(run, budget = 60, choose = median) {
  run();
  run();
  const times = [];
  const end = performance.now() + budget;
  while (times.length < 3 || performance.now() < end) {
    const start = process.hrtime.bigint();
    run();
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  return choose(times);
}

const least = (values) => Math.min(...values);

const judge = (good) => {
  if (!good) failures++;
  return good ? '' : '  <- beyond the limit';
};

/** One family of layers that only differ in how much there is to do. */
function growth(name, texts) {
  for (const layout of ['NHWC', 'NCHW']) {
    // All sizes in turn, several times, so that a change of the clock meets them all.
    const subjects = texts.map((text) => prepared(text, layout));
    const rounds = Array.from({ length: ROUNDS }, () => subjects.map(({ run }) => timed(run)));
    const points = subjects.map(({ layer, shape }, index) => {
      const { workspaceBytes, algorithm } = layer.explain(shape);
      const ms = median(rounds.map((round) => round[index]));
      return { picoseconds: (ms * 1e9) / layer.cost(shape).macs, workspaceBytes, algorithm };
    });
    for (const { layer } of subjects) layer.dispose();
    const first = points[0].picoseconds;
    const slowest = Math.max(...points.map(({ picoseconds }) => picoseconds / first));
    // Staged rows widen with the map until a block holds only a part of one.
    const flat = points.at(-1).workspaceBytes <= 1.15 * points[points.length >> 1].workspaceBytes;
    console.log(`${name} ${layout} (${[...new Set(points.map(({ algorithm }) => algorithm))].join(', ')})`);
    console.log(
      `  ps a MAC  ${points.map(({ picoseconds }) => picoseconds.toFixed(1)).join(' ')}; slowest ${slowest.toFixed(2)} of the first${judge(slowest <= FLAT)}`,
    );
    console.log(
      `  workspace ${points.map(({ workspaceBytes }) => `${Math.round(workspaceBytes / 1024)}K`).join(' ')}${judge(flat)}`,
    );
  }
}

const FAMILIES = {
  '3x3 64-64': (n, size) => `n${n}c64h${size}w${size} o64 k3x3 s1 p1`,
  '1x1 64-128': (n, size) => `n${n}c64h${size}w${size} o128 k1x1`,
  'depthwise 3x3 64': (n, size) => `n${n}c64h${size}w${size} o64 k3x3 s1 p1 g64`,
  '3x3 stride 2 32-64': (n, size) => `n${n}c32h${size}w${size} o64 k3x3 s2 p1`,
  '7x7 stride 2 3-64': (n, size) => `n${n}c3h${size}w${size} o64 k7x7 s2 p3`,
  '5x5 32-32': (n, size) => `n${n}c32h${size}w${size} o32 k5x5 s1 p2`,
  '3x3 dilation 2 64-64': (n, size) => `n${n}c64h${size}w${size} o64 k3x3 s1 p2 d2`,
  'transposed 4x4 stride 2 64-32': (n, size) => `t n${n}c64h${size}w${size} o32 k4x4 s2 p1`,
};

if (only.includes('batch')) {
  console.log('Batch 1, 2, 4, 8, 16, 32, 64 at 28x28');
  for (const [name, text] of Object.entries(FAMILIES))
    growth(
      name,
      [1, 2, 4, 8, 16, 32, 64].map((n) => text(n, 28)),
    );
}
if (only.includes('size')) {
  console.log('\nSizes 28, 56, 112, 224, 448');
  for (const [name, text] of Object.entries(FAMILIES))
    growth(
      name,
      [28, 56, 112, 224, 448].map((size) => text(1, size)),
    );
}

const table = parseNetwork(readFileSync(new URL('../bench/shapes/table.txt', import.meta.url), 'utf8'), 'table.txt');

if (only.includes('first')) {
  console.log(`\nPlanning and packing, in runs (at most ${FIRST})`);
  setThreads(1);
  for (const { name, descriptor } of table) {
    const { layer, make, shape, run } = prepared(formatDescriptor(descriptor), 'NHWC');
    const steady = timed(run);
    const plans = Array.from({ length: 7 }, () => {
      const fresh = make();
      const start = performance.now();
      fresh.explain(shape);
      const spent = performance.now() - start;
      fresh.dispose();
      return spent;
    });
    layer.dispose();
    const ratio = median(plans) / steady;
    console.log(
      `  ${name.padEnd(26)} ${median(plans).toFixed(3)} ms, ${ratio.toFixed(2)} runs${judge(ratio <= FIRST)}`,
    );
  }
}

if (only.includes('threads')) {
  console.log(
    `\nTwo threads over one (at least ${TWO_THREADS} where multiplication bounds it, never below ${NOT_SLOWER})`,
  );
  const small = ['n1c16h7w7 o16 k1x1', 'n1c8h8w8 o8 k3x3 s1 p1', 'n1c32h7w7 o32 k3x3 s1 p1 g32', 'n1c64h1w1 o64 k1x1'];
  const shared = ['n1c64h28w28 o64 k1x1', 'n1c24h56w56 o16 k1x1', 'n1c3h32w32 o32 k3x3 s1 p1'];
  const named = (texts, limit) => texts.map((text) => ({ name: text, descriptor: parseDescriptor(text), limit }));
  const subjects = [...table, ...named(small, NOT_SLOWER), ...named(shared, SHARED)];
  for (const { name, descriptor, limit = NOT_SLOWER } of subjects) {
    const { layer, shape, run } = prepared(formatDescriptor(descriptor), 'NHWC');
    const { macs, inputBytes, outputBytes, weightBytes } = layer.cost(shape);
    const times = { 1: [], 2: [] };
    for (let round = 0; round < ROUNDS; round++) {
      for (const threads of [1, 2]) {
        setThreads(threads);
        times[threads].push(timed(run, 40, least));
      }
    }
    layer.dispose();
    const ratio = least(times[1]) / least(times[2]);
    // FLOPs a byte from which a layer of half a millisecond is bound by multiplication on every machine met so far.
    const bound = (2 * macs) / (inputBytes + outputBytes + weightBytes) > 20 && macs > 3e7;
    console.log(
      `  ${name.padEnd(26)} ${ratio.toFixed(2)} ${bound ? 'bound by multiplication' : ''}${judge(ratio >= (bound ? TWO_THREADS : limit))}`,
    );
  }
}

console.log(failures === 0 ? '\nEvery limit holds.' : `\n${failures} beyond the limit.`);
process.exitCode = failures === 0 ? 0 : 1;
