// node bench/tfjs/train.mjs [--steps N] [--cpu-steps N] [--batch N] [--threads N]   (after `npm run bench:tfjs` has installed)
// Trains one CNN from the same weights on the same drawn digits, on TensorFlow.js's CPU backend and on Convolith, and
// prints both loss curves and the median time of a step. The WASM backend has no gradients of convolutions.
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { drawDigits, SIDE } from '../../test/support/digits.mjs';

const require = createRequire(import.meta.url);
const tf = require('@tensorflow/tfjs');
const { register } = require('../../dist/tfjs/index.js');

const { values: options } = parseArgs({
  options: {
    steps: { type: 'string', default: '200' },
    'cpu-steps': { type: 'string', default: '5' },
    batch: { type: 'string', default: '16' },
    threads: { type: 'string' },
  },
});
const batch = Number(options.batch);

/** Numbers from 0 to 1: a linear congruential generator (Numerical Recipes), so that every run is the same. */
function generator(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function makeModel() {
  const { conv2d, depthwiseConv2d, maxPooling2d, flatten, dense } = tf.layers;
  const start = (seed) => tf.initializers.heNormal({ seed });
  const model = tf.sequential({
    layers: [
      conv2d({
        inputShape: [SIDE, SIDE, 1],
        filters: 16,
        kernelSize: 3,
        activation: 'relu',
        kernelInitializer: start(1),
      }),
      maxPooling2d({ poolSize: 2 }),
      conv2d({ filters: 32, kernelSize: 3, activation: 'relu', padding: 'same', kernelInitializer: start(2) }),
      depthwiseConv2d({ kernelSize: 3, activation: 'relu', padding: 'same', depthwiseInitializer: start(3) }),
      conv2d({ filters: 32, kernelSize: 3, strides: 2, activation: 'relu', kernelInitializer: start(4) }),
      flatten(),
      dense({ units: 10, activation: 'softmax', kernelInitializer: start(5) }),
    ],
  });
  model.compile({ optimizer: tf.train.adam(0.002), loss: 'categoricalCrossentropy' });
  return model;
}

async function train(backend, steps) {
  await tf.setBackend(backend);
  const model = makeModel();
  const random = generator(1);
  const [losses, times] = [[], []];
  for (let step = 0; step < steps; step++) {
    const { images, labels } = drawDigits(batch, random);
    const x = tf.tensor4d(images, [batch, SIDE, SIDE, 1]);
    const y = tf.oneHot(tf.tensor1d(labels, 'int32'), 10);
    const begin = performance.now();
    losses.push(await model.trainOnBatch(x, y));
    times.push(performance.now() - begin);
    tf.dispose([x, y]);
  }
  model.dispose();
  return { losses, median: times.toSorted((a, b) => a - b)[steps >> 1] };
}

register({ tf, ...(options.threads === undefined ? {} : { threads: Number(options.threads) }) });
const ours = await train('convolith', Number(options.steps));
const theirs = await train('cpu', Number(options['cpu-steps']));

console.log('step   Convolith   CPU backend');
ours.losses.forEach((loss, step) => {
  const theirLoss = theirs.losses[step];
  if (theirLoss === undefined && (step + 1) % 20 !== 0) return;
  console.log(`${String(step + 1).padStart(4)}   ${loss.toFixed(6).padStart(9)}   ${theirLoss?.toFixed(6) ?? ''}`);
});
const worst = Math.max(...theirs.losses.map((loss, step) => Math.abs(ours.losses[step] / loss - 1)));
console.log(
  `A step of ${batch} digits: Convolith ${ours.median.toFixed(1)} ms, CPU backend ${theirs.median.toFixed(1)} ms, `,
);
console.log(
  `${(theirs.median / ours.median).toFixed(1)} times. Losses differ by ${worst.toExponential(1)} at the most.`,
);
