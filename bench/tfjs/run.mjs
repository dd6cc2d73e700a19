// npm run bench:tfjs [-- --models REGEX] [--rounds N] [--seconds S] [--no-check] [--json FILE]
// Times models that npm packages ship on TensorFlow.js WASM (SIMD, one thread) and on Convolith (one thread, and all),
// each trial a process of its own, the two in alternation, and compares the outputs with those of the CPU backend.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { MODELS } from './models.mjs';

const require = createRequire(import.meta.url);
const Table = require('cli-table3');
const here = dirname(fileURLToPath(import.meta.url));
const cache = join(here, '..', '..', '.cache', 'tfjs');
const threads = availableParallelism();

const { values: options } = parseArgs({
  allowNegative: true,
  options: {
    models: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    check: { type: 'boolean', default: true },
    json: { type: 'string' },
  },
});

/** What a trial printed last: TensorFlow.js itself writes to standard output too. */
async function trial(model, backend, ...more) {
  const args = [join(here, 'trial.mjs'), model, backend, '--seconds', options.seconds, ...more];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 26, timeout: 30 * 60_000 });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1));
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

function readOutputs(path) {
  const file = readFileSync(path);
  const end = file.indexOf('\n');
  let at = end + 1;
  return JSON.parse(file.subarray(0, end).toString()).map(({ shape, length }) => {
    const data = new Float32Array(file.buffer.slice(file.byteOffset + at, file.byteOffset + at + 4 * length));
    at += 4 * length;
    return { shape, data };
  });
}

/** The largest difference between two models' outputs, in parts of the largest value of the output it is in. */
function worstError(ours, theirs) {
  let worst = 0;
  theirs.forEach(({ data }, output) => {
    let [scale, difference] = [0, 0];
    for (let i = 0; i < data.length; i++) {
      scale = Math.max(scale, Math.abs(data[i]));
      difference = Math.max(difference, Math.abs(data[i] - ours[output].data[i]));
    }
    if (scale > 0) worst = Math.max(worst, difference / scale);
  });
  return worst;
}

async function check(model) {
  mkdirSync(cache, { recursive: true });
  const slug = model.replace(/\W+/g, '-');
  const [theirs, ours] = [join(cache, `${slug}.cpu`), join(cache, `${slug}.convolith`)];
  if (!existsSync(theirs)) await trial(model, 'cpu', '--runs', '0', '--save', theirs);
  await trial(model, 'convolith', '--runs', '0', '--save', ours, '--before', '5');
  return worstError(readOutputs(ours), readOutputs(theirs));
}

async function measure(model) {
  const sides = { wasm: [], one: [], all: [] };
  for (let round = 0; round < Number(options.rounds); round++) {
    sides.wasm.push(median((await trial(model, 'wasm')).times));
    sides.one.push(median((await trial(model, 'convolith', '--threads', '1')).times));
    if (threads > 1) {
      sides.all.push(median((await trial(model, 'convolith', '--threads', String(threads))).times));
    }
  }
  const [wasm, one] = [median(sides.wasm), median(sides.one)];
  return { model, wasm, one, all: threads > 1 ? median(sides.all) : one };
}

const wanted = MODELS.map(({ name }) => name).filter((name) => new RegExp(options.models).test(name));
const rows = [];
for (const model of wanted) {
  const row = { ...(await measure(model)), error: options.check ? await check(model) : null };
  rows.push(row);
  console.log(`${model}: ${(row.wasm / row.one).toFixed(1)} times WASM`);
}
const geometricMean = (values) => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
const mean = geometricMean(rows.map(({ wasm, one }) => wasm / one));
const meanAll = geometricMean(rows.map(({ wasm, all }) => wasm / all));
const table = new Table({
  head: ['model', 'WASM ms', '1 thread ms', 'times', `${threads} threads ms`, 'times', 'error / scale'],
  style: { head: [], border: [] },
});
for (const { model, wasm, one, all, error } of rows) {
  const ratio = (ms) => (wasm / ms).toFixed(1);
  table.push([
    model,
    wasm.toFixed(2),
    one.toFixed(2),
    ratio(one),
    all.toFixed(2),
    ratio(all),
    error === null ? '–' : error.toExponential(1),
  ]);
}
table.push(['geometric mean', '', '', mean.toFixed(1), '', meanAll.toFixed(1), '']);
console.log(table.toString());
const wrong = rows.filter(({ error }) => error !== null && !(error < 1e-4)).map(({ model }) => model);
if (wrong.length > 0) {
  console.error(`Expected outputs within 1e-4 of their scale of the CPU backend's, but not so: ${wrong.join(', ')}`);
  process.exitCode = 1;
}
if (options.json) writeFileSync(options.json, `${JSON.stringify({ threads, rows, mean, meanAll }, null, 2)}\n`);
