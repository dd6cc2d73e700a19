// Runs models that npm packages ship on the CPU backend and on ours: `node test/support/tfjs-models.mjs`. The last line
// is a JSON object: for each the largest difference, in parts of the output's scale.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fromFile, MODELS } from '../../examples/models/load.mjs';

const require = createRequire(import.meta.url);
const requireModel = createRequire(new URL('../../examples/models/', import.meta.url));
const tf = {
  ...require('@tensorflow/tfjs-core'),
  ...requireModel('@tensorflow/tfjs-converter'),
  ...requireModel('@tensorflow/tfjs-layers'),
};
require('@tensorflow/tfjs-backend-cpu');
require('../../dist/tfjs/index.js').register({ tf });

const graph = (name) => tf.loadGraphModel(fromFile(tf, join(MODELS, '@vladmandic/human/models', `${name}.json`)));

async function upscaler() {
  const definition = requireModel('@upscalerjs/default-model');
  definition.setup?.(tf);
  return tf.loadLayersModel(fromFile(tf, join(MODELS, '@upscalerjs/default-model/models/model.json')));
}

/** What each is, how it is loaded, and its input's shape. */
const CASES = [
  ['emotion, a classifier with depthwise layers', () => graph('emotion'), [1, 64, 64, 1]],
  ['liveness, a small classifier', () => graph('liveness'), [1, 32, 32, 3]],
  ['iris, landmarks with prelu', () => graph('iris'), [1, 64, 64, 3]],
  ['upscaler, an enlargement', upscaler, [1, 20, 24, 3]],
];

/** Predictions before the one that counts, on other pictures: after two a graph model runs from its trace. */
const BEFORE = { cpu: 0, convolith: 3 };

/** The outputs of one prediction; waves of many lengths stand for a picture. */
async function predict(backend, load, shape) {
  await tf.setBackend(backend);
  const model = await load();
  let outputs = [];
  for (let left = BEFORE[backend]; left >= 0; left--) {
    const values = Float32Array.from(
      { length: tf.util.sizeFromShape(shape) },
      (_, i) => 0.5 + 0.5 * Math.sin(i * i * 1e-4 + left),
    );
    const input = tf.tensor(values, shape);
    outputs = [model.predict(input)].flat().map((tensor) => tensor.dataSync().slice());
    input.dispose();
  }
  model.dispose();
  return outputs;
}

const errors = {};
for (const [name, load, shape] of CASES) {
  const theirs = await predict('cpu', load, shape);
  const ours = await predict('convolith', load, shape);
  let worst = 0;
  theirs.forEach((values, output) => {
    const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    values.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - ours[output][i]) / scale);
    });
  });
  errors[name] = worst;
}
process.stdout.write(`\n${JSON.stringify(errors)}\n`);
