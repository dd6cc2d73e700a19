import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, test } from 'vitest';
import { resizeBilinear, resizeNearestNeighbor } from '../../lib/companions/index.js';
import { companionsUnderTest, expectClose, guarded } from '../support/companions.js';
import { Random } from '../support/random.js';
import { expectRefusal } from '../support/refusal.js';

beforeAll(() => tf.setBackend('cpu'));

type Shape4 = [number, number, number, number];
const CASES: readonly { readonly shape: Shape4; readonly size: [number, number] }[] = [
  { shape: [2, 5, 7, 3], size: [10, 14] },
  { shape: [1, 5, 7, 1], size: [13, 4] },
  { shape: [1, 8, 8, 16], size: [16, 16] },
  { shape: [2, 9, 4, 21], size: [3, 9] },
  { shape: [1, 1, 1, 5], size: [4, 6] },
  { shape: [1, 6, 6, 33], size: [1, 1] },
  { shape: [1, 6, 5, 4], size: [6, 5] },
  { shape: [1, 100, 90, 6], size: [150, 130] },
];
const MODES = [
  { alignCorners: false, halfPixelCenters: false },
  { alignCorners: true, halfPixelCenters: false },
  { alignCorners: false, halfPixelCenters: true },
];

describe.each(companionsUnderTest())('$label resizing', ({ select }) => {
  test.each(CASES)('$shape to $size', ({ shape, size }) => {
    const kernels = select();
    const random = new Random(41);
    const x = random.reals(shape.reduce((product, side) => product * side, 1));
    const image = tf.tensor4d(x, shape);
    for (const mode of MODES) {
      const { alignCorners, halfPixelCenters } = mode;
      const nearest = tf.image.resizeNearestNeighbor(image, size, alignCorners, halfPixelCenters);
      expectClose(
        guarded(nearest.size, (out) => resizeNearestNeighbor(kernels, x, shape, size, mode, out)),
        nearest.dataSync(),
        0,
      );
      const bilinear = tf.image.resizeBilinear(image, size, alignCorners, halfPixelCenters);
      expectClose(
        guarded(bilinear.size, (out) => resizeBilinear(kernels, x, shape, size, mode, out)),
        bilinear.dataSync(),
        4,
        5e-7,
      );
    }
  });

  test('refusals', () => {
    const kernels = select();
    const x = new Float32Array(4);
    const [mode] = MODES;
    expectRefusal(() => resizeBilinear(kernels, x, [1, 2, 2, 1], [2, 1.5], mode, x), 'ERR_SHAPE');
    expectRefusal(() => resizeBilinear(kernels, x, [1, 2, 2, 1], [2, 2], mode, x), 'ERR_BUFFER');
    expectRefusal(() => resizeBilinear(kernels, x, [1, 2, 2, 1], [2, 2], mode, new Float32Array(5)), 'ERR_BUFFER');
    expectRefusal(() => resizeNearestNeighbor(kernels, x, [2, 2, 1], [2, 2], mode, new Float32Array(4)), 'ERR_SHAPE');
  });
});
