// Trains one small CNN from the same weights on the same pictures of digits, on the CPU backend and on ours:
// `node test/support/tfjs-training.mjs [STEPS]`. The last line is a JSON object of both: losses, and the median time of
// a step in milliseconds.
import { drawDigits, SIDE } from './digits.mjs';
import { registerConvolith, tf } from './tfjs-modules.mjs';

const BATCH = 8;
const steps = Number(process.argv[2] ?? 6);

/** Numbers from 0 to 1 (Mulberry32). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const digits = drawDigits(BATCH * steps, generator(1));

function makeNetwork() {
  const random = generator(2);
  const weight = (shape, scale) => {
    const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => scale * (2 * random() - 1));
    return tf.variable(tf.tensor(values, shape));
  };
  const weights = {
    first: weight([5, 5, 1, 16], 0.3),
    depthwise: weight([3, 3, 16, 1], 0.4),
    second: weight([3, 3, 16, 32], 0.15),
    bias: weight([32], 0.01),
    dense: weight([7 * 7 * 32, 10], 0.05),
  };
  const logits = (images) => {
    const half = tf.maxPool(tf.relu(tf.conv2d(images, weights.first, 1, 'same')), 2, 2, 'valid');
    const mixed = tf.relu(tf.depthwiseConv2d(half, weights.depthwise, 1, 'same'));
    const features = tf.relu(tf.add(tf.conv2d(mixed, weights.second, 1, 'same'), weights.bias));
    const quarter = tf.avgPool(features, 2, 2, 'valid');
    return tf.matMul(tf.reshape(quarter, [BATCH, 7 * 7 * 32]), weights.dense);
  };
  return { logits, dispose: () => tf.dispose(Object.values(weights)) };
}

async function train(backend) {
  await tf.setBackend(backend);
  const network = makeNetwork();
  const optimizer = tf.train.adam(0.005);
  const losses = [];
  const times = [];
  for (let step = 0; step < steps; step++) {
    const [from, to] = [step * BATCH, (step + 1) * BATCH];
    const start = performance.now();
    const images = tf.tensor4d(digits.images.slice(from * SIDE * SIDE, to * SIDE * SIDE), [BATCH, SIDE, SIDE, 1]);
    const labels = tf.oneHot(tf.tensor1d(digits.labels.slice(from, to), 'int32'), 10);
    const loss = optimizer.minimize(() => tf.losses.softmaxCrossEntropy(labels, network.logits(images)), true);
    losses.push(loss.dataSync()[0]);
    times.push(performance.now() - start);
    tf.dispose([images, labels, loss]);
  }
  network.dispose();
  optimizer.dispose();
  return { losses, median: times.toSorted((a, b) => a - b)[steps >> 1] };
}

registerConvolith();
const result = { cpu: await train('cpu'), convolith: await train('convolith') };
process.stdout.write(`\n${JSON.stringify(result)}\n`);
