// One trial, in a process of its own: `node bench/tfjs/trial.mjs MODEL BACKEND [--threads N] [--runs N] [--seconds S] [--save FILE]
// [--before N]`. Prints one line of JSON: the times of single predictions in milliseconds, outputs read back. FILE gets
// the outputs of prediction N.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { MODELS } from './models.mjs';

const require = createRequire(import.meta.url);
const tf = require('@tensorflow/tfjs');

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '1' },
    runs: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '3' },
    save: { type: 'string' },
    before: { type: 'string', default: '1' },
  },
});
const [modelName, backend] = positionals;
const model = MODELS.find(({ name }) => name === modelName);
if (model === undefined) throw new Error(`Expected one of ${MODELS.map(({ name }) => name)} but received ${modelName}`);

if (backend === 'wasm') require('@tensorflow/tfjs-backend-wasm');
if (backend === 'convolith') {
  require('../../dist/tfjs/index.js').register({ tf, threads: Number(options.threads) });
}
await tf.setBackend(backend);
await tf.ready();

const loadStart = performance.now();
const { run } = await model.load(tf);
const loadMs = performance.now() - loadStart;

/** One prediction, as its user waits for it. */
function predict() {
  const start = performance.now();
  const outputs = [run()].flat();
  const data = outputs.map((output) => output.dataSync());
  const ms = performance.now() - start;
  const read = outputs.map(({ shape }, i) => ({ shape, data: data[i] }));
  tf.dispose(outputs);
  return { ms, read };
}

const first = predict();
if (options.save) {
  // The last of as many as it takes until a graph model runs from its trace, whose values the user gets.
  let { read } = first;
  for (let run = 1; run < Number(options.before); run++) ({ read } = predict());
  const parts = read.map(({ data }) => Buffer.from(Float32Array.from(data).buffer));
  const head = Buffer.from(`${JSON.stringify(read.map(({ shape, data }) => ({ shape, length: data.length })))}\n`);
  writeFileSync(options.save, Buffer.concat([head, ...parts]));
}
const times = [];
const limit = Number(options.seconds) * 1000;
const runs = Number(options.runs);
for (let spent = 0; times.length < runs && spent < limit; ) {
  const { ms } = predict();
  times.push(ms);
  spent += ms;
}
const { numTensors, numBytes } = tf.memory();
process.stdout.write(`${JSON.stringify({ first: first.ms, load: loadMs, times, numTensors, numBytes })}\n`);
