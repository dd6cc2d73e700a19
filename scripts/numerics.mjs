// node scripts/numerics.mjs [--write | --check] [--samples N]
// The error of every algorithm that serves a layer of bench/shapes/table.txt, against a float64 oracle on sampled
// outputs. --write puts the table between the marks in docs/numerics.md; --check prints what passes its limit, and exits
// 1 where anything does.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Conv2d, ConvTranspose2d } from 'convolith';
import descriptors from '../dist/descriptor.js';
import load from '../dist/native/load.js';

const { parseNetwork, descriptorWeightShape, formatDescriptor } = descriptors;
const ROOT = new URL('..', import.meta.url);
const DOC = new URL('docs/numerics.md', ROOT);
const [BEGIN, END] = ['<!-- numerics:begin -->', '<!-- numerics:end -->'];

const { values: options } = parseArgs({
  options: { write: { type: 'boolean' }, check: { type: 'boolean' }, samples: { type: 'string', default: '4000' } },
});

/**
 * Largest errors as parts of the largest output: of those which `math: 'strict'` leaves out, and of algorithms that only
 * reorder sums.
 */
const LIMITS = { winograd: 2e-5, strassen: 1e-5, others: 2e-6 };

/** xorshift32, so that the table can be made again. */
function randomValues(count, seed) {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 31 - 1;
  });
}

const product = (sizes) => sizes.reduce((total, size) => total * size, 1);

/** Pairs of input position and tap that meet in output position `at` of one axis. */
function meetings(descriptor, axis, at) {
  const { kernelSize, stride, padding, dilation } = descriptor.options;
  const size = descriptor.inputShape[2 + axis];
  const found = [];
  for (let tap = 0; tap < kernelSize[axis]; tap++) {
    if (descriptor.kind === 'conv') {
      const position = at * stride[axis] - padding[axis][0] + tap * dilation[axis];
      if (position >= 0 && position < size) found.push([position, tap]);
    } else {
      const scaled = at + padding[axis][0] - tap * dilation[axis];
      if (scaled % stride[axis] === 0 && scaled >= 0 && scaled / stride[axis] < size)
        found.push([scaled / stride[axis], tap]);
    }
  }
  return found;
}

/** One output value in float64; channels first, 2-D. */
function oracle(descriptor, data, [batch, out, y, x]) {
  const [, , height, width] = descriptor.inputShape;
  const { inChannels, outChannels, groups, kernelSize } = descriptor.options;
  const [kernelHeight, kernelWidth] = kernelSize;
  const groupIn = inChannels / groups;
  const groupOut = outChannels / groups;
  const first = Math.floor(out / groupOut) * groupIn;
  const rows = meetings(descriptor, 0, y);
  const columns = meetings(descriptor, 1, x);
  let sum = data.bias[out];
  for (let channel = 0; channel < groupIn; channel++) {
    const input = (batch * inChannels + first + channel) * height * width;
    const filter =
      descriptor.kind === 'conv' ? out * groupIn + channel : (first + channel) * groupOut + (out % groupOut);
    for (const [row, ky] of rows) {
      for (const [column, kx] of columns) {
        sum += data.input[input + row * width + column] * data.weight[(filter * kernelHeight + ky) * kernelWidth + kx];
      }
    }
  }
  return sum;
}

/** Largest and root mean square error over the samples, as parts of the largest output among them. */
function errors(output, samples) {
  let largest = 0;
  let worst = 0;
  let squares = 0;
  for (const { index, value } of samples) {
    const error = Math.abs(output[index] - value);
    largest = Math.max(largest, Math.abs(value));
    worst = Math.max(worst, error);
    squares += error * error;
  }
  return { worst: worst / largest, mean: Math.sqrt(squares / samples.length) / largest };
}

/** [batch, rows, columns] as [batch, columns, rows]. */
function turn(values, [_batch, rows, columns]) {
  const turned = new Float32Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const image = Math.floor(at / (rows * columns));
    const row = Math.floor(at / columns) % rows;
    turned[(image * columns + (at % columns)) * rows + row] = values[at];
  }
  return turned;
}

/** Channels first, or last where the algorithm serves that layout alone; the output channels first. */
function runLayer(descriptor, data, algorithm) {
  const [batch, channels, height, width] = descriptor.inputShape;
  for (const layout of ['NCHW', 'NHWC']) {
    const layer = makeLayer(descriptor, data, algorithm, layout);
    try {
      if (layout === 'NCHW') return layer.forward({ data: data.input, shape: descriptor.inputShape });
      const input = turn(data.input, [batch, channels, height * width]);
      const output = layer.forward({ data: input, shape: [batch, height, width, channels] });
      const [, rows, columns, out] = output.shape;
      return { data: turn(output.data, [batch, rows * columns, out]), shape: [batch, out, rows, columns] };
    } catch (error) {
      if (error.code !== 'ERR_UNSUPPORTED') throw error;
    } finally {
      layer.dispose();
    }
  }
  return null;
}

function makeLayer(descriptor, data, algorithm, layout) {
  const Layer = descriptor.kind === 'conv' ? Conv2d : ConvTranspose2d;
  const { outputPadding, ...rest } = descriptor.options;
  const sizes = descriptor.kind === 'conv' ? rest : { ...rest, outputPadding };
  const weight = { data: data.weight, shape: descriptorWeightShape(descriptor) };
  return new Layer({ ...sizes, weight, bias: data.bias, engine: 'native', algorithm, layout });
}

function sampleOutputs(descriptor, data, outputShape, count) {
  const total = product(outputShape);
  const [, channels, height, width] = outputShape;
  const step = Math.max(1, Math.floor(total / count)) | 1;
  const samples = [];
  for (let index = 0; index < total; index += step) {
    const x = index % width;
    const y = Math.floor(index / width) % height;
    const out = Math.floor(index / (width * height)) % channels;
    const batch = Math.floor(index / (width * height * channels));
    samples.push({ index, value: oracle(descriptor, data, [batch, out, y, x]) });
  }
  return samples;
}

function rowsOf({ name, descriptor }, algorithms) {
  const { inChannels, outChannels, groups, kernelSize } = descriptor.options;
  const data = {
    input: randomValues(product(descriptor.inputShape), 0x9e3779b9),
    weight: randomValues((inChannels / groups) * outChannels * product(kernelSize), 0x7f4a7c15),
    bias: randomValues(outChannels, 0x2545f491),
  };
  let samples;
  const rows = [];
  for (const algorithm of algorithms) {
    const output = runLayer(descriptor, data, algorithm);
    if (output === null) continue;
    samples ??= sampleOutputs(descriptor, data, output.shape, Number(options.samples));
    const { worst, mean } = errors(output.data, samples);
    rows.push({ name, descriptor: formatDescriptor(descriptor), algorithm, worst, mean });
  }
  return rows;
}

const { binding, reason } = load.loadBinding();
if (binding === null) throw new Error(`The native engine cannot load: ${reason}`);
const layers = parseNetwork(readFileSync(new URL('bench/shapes/table.txt', ROOT), 'utf8'), 'table.txt');
// The reference sums in float64 and takes most of the time.
const algorithms = binding.algorithms().filter((name) => !options.check || name !== 'reference');
const rows = [];
for (const layer of layers) {
  if (!options.check) process.stderr.write(`${layer.name}\n`);
  rows.push(...rowsOf(layer, algorithms));
}

const table = () =>
  [
    `Native engine, ${binding.getIsa()}, ${options.samples} outputs sampled a layer, input, weights and bias uniform in [-1, 1).`,
    '',
    '| layer | descriptor | algorithm | largest error | RMS error |',
    '|---|---|---|---|---|',
    ...rows.map(
      ({ name, descriptor, algorithm, worst, mean }) =>
        `| ${name} | \`${descriptor}\` | ${algorithm} | ${worst.toExponential(1)} | ${mean.toExponential(1)} |`,
    ),
  ].join('\n');

if (options.check) {
  const limitOf = (algorithm) => LIMITS[algorithm] ?? LIMITS.others;
  const beyond = rows.filter(({ algorithm, worst }) => !(worst <= limitOf(algorithm)));
  for (const { descriptor, algorithm, worst } of beyond)
    console.log(
      `${descriptor}: ${algorithm} ${worst.toExponential(2)}, at most ${limitOf(algorithm).toExponential(0)}`,
    );
  console.log(`${rows.length} checked on ${binding.getIsa()}, ${beyond.length} beyond their limit`);
  process.exitCode = beyond.length > 0 ? 1 : 0;
} else if (options.write) {
  const text = readFileSync(DOC, 'utf8');
  const [before, after] = [text.slice(0, text.indexOf(BEGIN) + BEGIN.length), text.slice(text.indexOf(END))];
  writeFileSync(DOC, `${before}\n\n${table()}\n\n${after}`);
  // The table as the formatter wants it, so that a page just made passes the check.
  spawnSync('npx', ['biome', 'format', '--write', fileURLToPath(DOC)], {
    cwd: fileURLToPath(ROOT),
    stdio: 'inherit',
    timeout: 60_000,
  });
} else {
  console.log(table());
}
