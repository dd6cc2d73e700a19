// One trial of TensorFlow.js on its WASM backend: `node tfjs-wasm.mjs REQUEST`, both ways in JSON. As its user calls it:
// channels last, a fresh output tensor each run, disposed of afterwards; its data is not read back. One thread: the
// backend has no others in Node.js.

import { setThreadsCount, version_wasm as version } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import timing from '../../dist/cli/bench/timing.js';
import workloads from '../../dist/cli/bench/workload.js';

/** Thrown where the backend lacks what a layer needs. */
class Refusal extends Error {}

const refuseUnless = (can, what) => {
  if (!can) throw new Refusal(what);
};

const axisPairs = (padding, rank) =>
  typeof padding === 'string' ? padding : rank === 1 ? [[0, 0], ...padding] : padding;

/** Explicit padding as TensorFlow.js takes it: batch, height, width, channels. */
const explicit = (pairs) => (typeof pairs === 'string' ? pairs : [[0, 0], ...pairs.map((pair) => [...pair]), [0, 0]]);

/** `[out, in, …kernel]` to `[…kernel, in, out]`, which is also `[in, out, …]` to the transposed `[…kernel, out, in]`. */
function filterOf(weight, first, second, kernel) {
  const area = kernel.reduce((total, size) => total * size, 1);
  const values = new Float32Array(weight.length);
  for (let a = 0; a < first; a++)
    for (let b = 0; b < second; b++)
      for (let tap = 0; tap < area; tap++)
        values[(tap * second + b) * first + a] = weight[(a * second + b) * area + tap];
  return tf.tensor(values, [...kernel, second, first]);
}

/** A function from a layer's input tensor to its output. 1-D layers run as 2-D ones of height 1. */
function compile({ descriptor, weight, bias }, activation) {
  const { kind, rank, options } = descriptor;
  const flat = rank === 1 ? (axes) => [1, ...axes] : (axes) => axes;
  const [kernel, strides, dilations] = [options.kernelSize, options.stride, options.dilation].map(flat);
  const { inChannels, outChannels, groups } = options;
  const padding = axisPairs(options.padding, rank);
  const biases = tf.tensor1d(bias);
  const finish = (x) => (activation === 'relu' ? tf.relu(x) : x);
  if (kind === 'convTranspose') {
    refuseUnless(rank < 3, '3-D transposed convolution');
    refuseUnless(groups === 1, 'groups of a transposed convolution');
    refuseUnless(
      dilations.every((value) => value === 1),
      'dilation of a transposed convolution',
    );
    const filter = filterOf(weight, inChannels, outChannels, kernel);
    const extra = flat(options.outputPadding).map((value, axis) => (rank === 1 && axis === 0 ? 0 : value));
    return (x) => {
      const [batch, ...sizes] = x.shape;
      const out = kernel.map((size, axis) => {
        const [before, after] = typeof padding === 'string' ? [0, 0] : padding[axis];
        return (sizes[axis] - 1) * strides[axis] - before - after + size + extra[axis];
      });
      return finish(
        tf.add(tf.conv2dTranspose(x, filter, [batch, ...out, outChannels], strides, explicit(padding)), biases),
      );
    };
  }
  if (rank === 3) {
    refuseUnless(groups === 1, 'groups of a 3-D convolution');
    refuseUnless(
      dilations.every((value) => value === 1),
      'dilation of a 3-D convolution',
    );
    const filter = filterOf(weight, outChannels, inChannels, kernel);
    const padded = padding.some(([before, after]) => before + after > 0);
    return (x) =>
      finish(tf.add(tf.conv3d(padded ? tf.pad(x, explicit(padding)) : x, filter, strides, 'valid'), biases));
  }
  const common = { strides, pad: explicit(padding), dilations, bias: biases, activation };
  if (groups > 1 && groups === inChannels) {
    const multiplier = outChannels / groups;
    // [channels · multiplier, 1, h, w] read as [channels, multiplier, h, w] is a transposed layer's order.
    const filter = tf.transpose(filterOf(weight, inChannels, multiplier, kernel), [0, 1, 3, 2]);
    return (x) => tf.fused.depthwiseConv2d({ x, filter, ...common });
  }
  refuseUnless(groups === 1, 'groups');
  const filter = filterOf(weight, outChannels, inChannels, kernel);
  return (x) => tf.fused.conv2d({ x, filter, ...common });
}

async function trial(request) {
  setThreadsCount(1);
  await tf.setBackend('wasm');
  const { activation } = request.workload;
  const chains = workloads.readWorkload(request.workload).map(({ layers, input, inputShape }) => {
    const [batch, channels, ...sizes] = inputShape;
    const shape = [batch, ...(sizes.length === 1 ? [1, ...sizes] : sizes), channels];
    return { layers, x: tf.tensor(workloads.toChannelsLast(input, inputShape), shape) };
  });
  const start = performance.now();
  const ready = chains.map(({ layers, x }) => ({ x, functions: layers.map((layer) => compile(layer, activation)) }));
  const outputsOf = () => ready.map(({ x, functions }) => functions.reduce((value, layer) => layer(value), x));
  const run = () => tf.dispose(tf.tidy(outputsOf));
  const outputs = tf.tidy(outputsOf);
  const firstMs = performance.now() - start;
  const sample = outputs.flatMap((output) => {
    const [batch, ...rest] = output.shape;
    const sizes = rest.slice(0, -1);
    return workloads.sampleOf(output.dataSync(), [batch, rest[rest.length - 1], ...sizes], true);
  });
  tf.dispose(outputs);
  const times = await timing.timeRuns(run, request.seconds);
  return { version, ...times, firstMs, sample };
}

try {
  process.stdout.write(JSON.stringify(await trial(JSON.parse(process.argv[2]))));
} catch (error) {
  // The backend says the rest itself: kernels it has not, sizes that it does not take.
  if (!(error instanceof Error)) throw error;
  process.stdout.write(JSON.stringify({ refused: error instanceof Refusal ? `no ${error.message}` : error.message }));
}
