// Times two builds of the addon against each other, layer by layer, on one thread: the compiler that users' binaries are
// made with against another, or a change against the build before it.
// `taskset -c 1 node scripts/compare-builds.mjs BASE.node OTHER.node [--network table] [--layout NHWC]
// [--isa avx2] [--filter TEXT] [--ms 400]`; ratios are OTHER's time over BASE's, so more than 1 is slower.
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createLayer, product, weightCount } from '../dist/cli/layer.js';
import { readNetwork } from '../dist/cli/networks.js';
import { descriptorInputShape } from '../dist/descriptor.js';
import { replaceEngine } from '../dist/engines.js';
import { createNativeEngine } from '../dist/native/engine.js';

const require = createRequire(import.meta.url);
const WITHIN = 1.03;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    network: { type: 'string', default: 'table' },
    layout: { type: 'string', default: 'NHWC' },
    isa: { type: 'string' },
    filter: { type: 'string', default: '' },
    ms: { type: 'string', default: '400' },
  },
});
if (positionals.length !== 2) {
  console.error('Expected two addons, BASE.node and OTHER.node');
  process.exit(2);
}
const channelsLast = values.layout === 'NHWC';
const bindings = positionals.map((file) => require(resolve(file)));
for (const binding of bindings) {
  binding.setThreads(1);
  if (values.isa !== undefined) binding.setIsa(values.isa);
}

function random(count) {
  return Float32Array.from({ length: count }, () => Math.random() - 0.5);
}

function layerOf(binding, descriptor, weight, bias) {
  const restore = replaceEngine(createNativeEngine(binding));
  try {
    return createLayer(descriptor, { weight, bias, channelsLast, engine: 'native' });
  } finally {
    restore();
  }
}

function milliseconds(layer, input, out) {
  const start = process.hrtime.bigint();
  layer.forward(input, { out });
  return Number(process.hrtime.bigint() - start) / 1e6;
}

const median = (times) => times.toSorted((a, b) => a - b)[times.length >> 1];

/** One run of each in turn, so that the machine's moods meet both. */
function compare(descriptor) {
  const [weight, bias] = [random(weightCount(descriptor)), random(descriptor.options.outChannels)];
  const layers = bindings.map((binding) => layerOf(binding, descriptor, weight, bias));
  const shape = descriptorInputShape(descriptor, channelsLast);
  const input = { data: random(product(shape)), shape };
  const outShape = layers[0].outputShape(shape);
  const out = { data: new Float32Array(product(outShape)), shape: outShape };
  // The first run plans and packs.
  for (const layer of layers) milliseconds(layer, input, out);
  const times = layers.map(() => []);
  const end = performance.now() + Number(values.ms);
  while (times[0].length < 5 || performance.now() < end) {
    layers.forEach((layer, index) => {
      times[index].push(milliseconds(layer, input, out));
    });
  }
  const { algorithm, tile, isa } = layers[1].explain(shape);
  for (const layer of layers) layer.dispose();
  const [base, other] = times.map((list) => ({ best: Math.min(...list), median: median(list) }));
  return { base, other, algorithm, tile, isa, runs: times[0].length };
}

const logs = [];
for (const { name, descriptor } of readNetwork(values.network)) {
  if (!name.includes(values.filter)) continue;
  const { base, other, algorithm, tile, isa, runs } = compare(descriptor);
  const ratio = other.best / base.best;
  logs.push(Math.log(ratio));
  const cells = [
    name.padEnd(24),
    isa.padEnd(7),
    `${algorithm} ${tile}`.padEnd(22),
    `${base.best.toFixed(3)} → ${other.best.toFixed(3)} ms`.padEnd(24),
    `best ${ratio.toFixed(3)}`,
    `median ${(other.median / base.median).toFixed(3)}`,
    `${runs} runs`,
  ];
  console.log(`${cells.join('  ')}${ratio > WITHIN ? '  SLOWER' : ''}`);
}
const mean = Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length);
console.log(`geometric mean ${mean.toFixed(3)} over ${logs.length} layers`);
