import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, test } from 'vitest';
import { MATMUL_ACTIVATIONS, type MatMulEpilogue, matMul } from '../../lib/companions/index.js';
import { companionsUnderTest, expectClose, guarded } from '../support/companions.js';
import { Random } from '../support/random.js';
import { expectRefusal } from '../support/refusal.js';

beforeAll(() => tf.setBackend('cpu'));

const SIZES: readonly (readonly [m: number, n: number, k: number])[] = [
  [1, 1, 1],
  [1, 100, 37],
  [2, 65, 16],
  [3, 7, 5],
  [4, 130, 64],
  [5, 3, 9],
  [17, 33, 20],
  [14, 32, 200],
  [40, 50, 700],
  [200, 20, 30],
  [9, 4, 0],
];
const LINEAR = { bias: null, activation: 'linear', alpha: 0, slope: null } as const;

describe.each(companionsUnderTest())('$label matrix products', ({ select }) => {
  test.each(SIZES)('%i x %i over %i', (m, n, k) => {
    const kernels = select();
    const random = new Random(51);
    for (const [batchA, batchB] of [
      [1, 1],
      [3, 1],
      [1, 2],
      [2, 2],
    ]) {
      for (const [transposeA, transposeB] of [
        [false, false],
        [true, false],
        [false, true],
        [true, true],
      ]) {
        const a = random.integers(batchA * m * k);
        const b = random.integers(batchB * k * n);
        const left = tf.tensor3d(a, transposeA ? [batchA, k, m] : [batchA, m, k]);
        const right = tf.tensor3d(b, transposeB ? [batchB, n, k] : [batchB, k, n]);
        const wanted = tf.matMul(left, right, transposeA, transposeB);
        const shape = { m, n, k, batchA, batchB, transposeA, transposeB };
        expectClose(
          guarded(wanted.size, (out) => matMul(kernels, a, b, shape, out)),
          wanted.dataSync(),
          0,
        );
      }
    }
  });

  test.each(MATMUL_ACTIVATIONS)('%s after bias', (activation) => {
    const kernels = select();
    const random = new Random(52);
    for (const [m, n, k] of SIZES.slice(0, 9)) {
      const [a, b] = [random.reals(m * k), random.reals(k * n)];
      const epilogue: MatMulEpilogue = {
        bias: random.reals(n),
        activation,
        alpha: 0.25,
        slope: activation === 'prelu' ? random.reals(n) : null,
      };
      const wanted = tf.fused.matMul({
        a: tf.tensor2d(a, [m, k]),
        b: tf.tensor2d(b, [k, n]),
        bias: tf.tensor1d(epilogue.bias as Float32Array),
        activation: activation === 'leakyRelu' ? 'leakyrelu' : activation,
        preluActivationWeights: epilogue.slope === null ? undefined : tf.tensor1d(epilogue.slope),
        leakyreluAlpha: 0.25,
      });
      const shape = { m, n, k, batchA: 1, batchB: 1, transposeA: false, transposeB: false };
      const actual = guarded(m * n, (out) => matMul(kernels, a, b, shape, out, epilogue));
      // A float32 sum of k products of at most 1, against one in float64.
      expectClose(actual, wanted.dataSync(), 4, 1e-6 + 5e-8 * k);
    }
  });

  test('refusals', () => {
    const kernels = select();
    const x = new Float32Array(6);
    const shape = { m: 2, n: 2, k: 3, batchA: 1, batchB: 1, transposeA: false, transposeB: false };
    const out = new Float32Array(4);
    expectRefusal(() => matMul(kernels, x, x, { ...shape, k: 4 }, out), 'ERR_BUFFER');
    expectRefusal(() => matMul(kernels, x, x, shape, x.subarray(0, 4)), 'ERR_BUFFER');
    expectRefusal(() => matMul(kernels, x, x, { ...shape, batchA: 2, batchB: 3 }, out), 'ERR_SHAPE');
    expectRefusal(() => matMul(kernels, x, x, shape, out, { ...LINEAR, bias: x }), 'ERR_BUFFER');
    expectRefusal(() => matMul(kernels, x, x, shape, out, { ...LINEAR, activation: 'prelu' }), 'ERR_SHAPE');
  });
});
