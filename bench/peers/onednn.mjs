// One trial of oneDNN: `node onednn.mjs REQUEST`, both ways in JSON. No npm package carries the library, so it is the
// system's (on Debian: libdnnl-dev); onednn.cpp says how it is called, and is compiled on first use.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import statistics from '../../dist/cli/bench/statistics.js';
import workloads from '../../dist/cli/bench/workload.js';
import geometry from '../../dist/spec/geometry.js';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const source = here('onednn.cpp');
const program = here('node_modules/onednn');

/** The reason why there is no program, or null. */
function compile() {
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return null;
  const words = ['-O2', '-std=c++20', source, '-o', program, '-ldnnl'];
  const { status, stderr, error } = spawnSync('c++', words, { encoding: 'utf8' });
  if (status === 0) return null;
  return `no oneDNN 2 to compile against: ${error?.message ?? stderr.split('\n').find((line) => /error/.test(line))}`;
}

const u32 = (...values) => Buffer.from(Uint32Array.from(values).buffer);
const f32 = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength);

/** Padding after an axis is what makes its output come out: a transposed layer's output padding is taken from it. */
function axisOf({ kind, options }, input, axis) {
  const { kernelSize, stride, dilation, padding, outputPadding } = options;
  const window = { kernel: kernelSize[axis], stride: stride[axis], dilation: dilation[axis] };
  const [before, after] = padding === 'valid' ? [0, 0] : padding[axis];
  const pads = padding === 'same' ? null : { before, after };
  if (kind === 'conv') return geometry.convAxis(input, window, pads);
  const extra = outputPadding[axis];
  const sizes = geometry.convTransposeAxis(input, window, pads, extra);
  return { ...sizes, after: sizes.after - extra };
}

/** A layer as the program reads it, and its output's shape. */
function layerParts({ descriptor, weight, bias }, shape) {
  const { kind, options } = descriptor;
  const { inChannels, outChannels, groups, kernelSize, stride, dilation } = options;
  const axes = shape.slice(2).map((input, axis) => axisOf(descriptor, input, axis));
  const output = [shape[0], outChannels, ...axes.map((axis) => axis.output)];
  const kernel =
    groups > 1
      ? [groups, outChannels / groups, inChannels / groups, ...kernelSize]
      : [outChannels, inChannels, ...kernelSize];
  const numbers = u32(
    kind === 'convTranspose' ? 1 : 0,
    groups > 1 ? 1 : 0,
    ...output,
    ...kernel,
    ...stride,
    ...dilation,
    ...axes.map(({ before }) => before),
    ...axes.map(({ after }) => after),
  );
  return { parts: [numbers, f32(weight), f32(bias)], output };
}

function chainParts({ layers, input, inputShape }) {
  const parts = [u32(layers.length, inputShape.length, ...inputShape), f32(input)];
  let shape = inputShape;
  for (const layer of layers) {
    const { parts: more, output } = layerParts(layer, shape);
    parts.push(...more);
    shape = output;
  }
  return { parts, output: shape };
}

function run(request) {
  const chains = workloads.readWorkload(request.workload).map(chainParts);
  const workload = [
    u32(chains.length, request.workload.activation === 'relu' ? 1 : 0),
    ...chains.flatMap(({ parts }) => parts),
  ];
  const folder = mkdtempSync(join(tmpdir(), 'convolith-bench-'));
  const file = join(folder, 'result');
  try {
    const version = execFileSync(program, [String(request.seconds), file], {
      input: Buffer.concat(workload),
      encoding: 'utf8',
      env: { ...process.env, OMP_NUM_THREADS: String(request.threads) },
    });
    return { version, ...resultOf(readFileSync(file), chains) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function resultOf(bytes, chains) {
  const runs = bytes.readUInt32LE(8);
  const times = Array.from({ length: runs }, (_, index) => bytes.readDoubleLE(12 + 8 * index));
  let at = 12 + 8 * runs;
  const sample = chains.flatMap(({ output }) => {
    const length = output.reduce((product, size) => product * size);
    const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + 4 * length));
    at += 4 * length;
    return workloads.sampleOf(values, output, false);
  });
  return {
    runs,
    medianMs: statistics.median(times),
    bestMs: statistics.least(times),
    firstMs: bytes.readDoubleLE(0),
    sample,
  };
}

const reason = compile();
process.stdout.write(JSON.stringify(reason === null ? run(JSON.parse(process.argv[2])) : { refused: reason }));
