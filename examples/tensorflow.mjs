// TensorFlow.js with Convolith under it, and what the two examples share.
import { createRequire } from 'node:module';
import 'convolith/tfjs';

// A program of one's own says `import * as tf from '@tensorflow/tfjs'`. This checkout has the parts that it needs.
const require = createRequire(import.meta.url);
const requireModel = createRequire(new URL('models/', import.meta.url));
export const tf = {
  ...require('@tensorflow/tfjs-core'),
  ...requireModel('@tensorflow/tfjs-converter'),
  ...requireModel('@tensorflow/tfjs-layers'),
};
await tf.ready();

/** [1, height, width, 3], values from 0 to `most`. */
export function photographTensor({ data, shape }, most) {
  return tf.tensor4d(
    data.map((value) => value * most),
    shape,
  );
}

/** The result of `run`, with the time of a run after the first, which packs the weights. */
export async function timed(run) {
  tf.dispose(run());
  const start = performance.now();
  const result = run();
  await Promise.all([result].flat().map((tensor) => tensor.data()));
  return { result, milliseconds: performance.now() - start };
}
