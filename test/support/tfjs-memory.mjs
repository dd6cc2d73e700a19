// Predicts again and again with one small network on the backend `convolith`:
// `node --expose-gc test/support/tfjs-memory.mjs [PREDICTIONS]`. The last line is a JSON object: what tf.memory() and the
// resident size (bytes) were after the first hundred, and at the end.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const tf = require('@tensorflow/tfjs-core');
require('../../dist/tfjs/index.js').register({ tf });

const predictions = Number(process.argv[2] ?? 10_000);
const conv1 = tf.randomUniform([3, 3, 3, 16], -1, 1);
const depthwise = tf.randomUniform([3, 3, 16, 1], -1, 1);
const conv2 = tf.randomUniform([1, 1, 16, 32], -1, 1);
const dense = tf.randomUniform([32, 10], -1, 1);

/** What recycles memory and what leaves it: kernels of both backends, slices, values read. */
function predict() {
  const data = tf.tidy(() => {
    const image = tf.randomUniform([1, 16, 16, 3]);
    const bias = tf.scalar(0.1);
    const first = tf.fused.conv2d({ x: image, filter: conv1, strides: 2, pad: 'same', bias, activation: 'relu' });
    const second = tf.relu(tf.depthwiseConv2d(first, depthwise, 1, 'same'));
    const halves = [tf.slice(second, [0, 0, 0, 0], [1, 4, 8, 16]), tf.slice(first, [0, 4, 0, 0], [1, 4, 8, 16])];
    const third = tf.conv2d(tf.concat(halves, 1), conv2, 1, 'same');
    const pooled = tf.mean(tf.maximum(tf.floor(third), tf.sin(third)), [1, 2]);
    return tf.softmax(tf.matMul(pooled, dense));
  });
  const values = data.dataSync();
  data.dispose();
  return values;
}

/** Node frees what addons hold in turns of the event loop, which any server has and a bare loop has not. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function measure() {
  await turn();
  globalThis.gc();
  const { numTensors, numDataBuffers, numBytes } = tf.memory();
  return { numTensors, numDataBuffers, numBytes, resident: process.memoryUsage.rss() };
}

for (let run = 0; run < 100; run++) predict();
const before = await measure();
for (let run = 100; run < predictions; run++) {
  predict();
  if (run % 20 === 0) await turn();
  // A wrong input, now and then, must leave memory as it was.
  if (run % 100 === 0) {
    try {
      tf.tidy(() => tf.conv2d(tf.zeros([1, 8, 8, 4]), conv1, 1, 'same'));
    } catch {
      continue;
    }
    throw new Error('Expected an input of another depth to be refused');
  }
}
process.stdout.write(`\n${JSON.stringify({ before, after: await measure() })}\n`);
