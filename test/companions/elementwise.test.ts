import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  addN,
  BINARY_OPS,
  type BinaryOp,
  batchNorm,
  binary,
  broadcastShape,
  UNARY_OPS,
  type UnaryOp,
  unary,
} from '../../lib/companions/index.js';
import { awkward, companionsUnderTest, expectClose, guarded, shifted } from '../support/companions.js';
import { Random } from '../support/random.js';
import { expectRefusal } from '../support/refusal.js';

beforeAll(() => tf.setBackend('cpu'));

const ALPHA = 0.25;
/** The same operation in TensorFlow.js, and the units in the last place that ours may differ by. */
const UNARY: {
  readonly [op in UnaryOp]: { run(x: tf.Tensor): tf.Tensor; units: number; first?: number; second?: number };
} = {
  relu: { run: tf.relu, units: 0 },
  relu6: { run: tf.relu6, units: 0 },
  leakyRelu: { run: (x) => tf.leakyRelu(x, ALPHA), units: 0, first: ALPHA },
  elu: { run: tf.elu, units: 3 },
  sigmoid: { run: tf.sigmoid, units: 3 },
  tanh: { run: tf.tanh, units: 3 },
  clip: { run: (x) => tf.clipByValue(x, -0.5, 1.25), units: 0, first: -0.5, second: 1.25 },
  abs: { run: tf.abs, units: 0 },
  neg: { run: tf.neg, units: 0 },
  exp: { run: tf.exp, units: 2 },
  sqrt: { run: tf.sqrt, units: 0 },
  rsqrt: { run: tf.rsqrt, units: 1 },
  square: { run: tf.square, units: 0 },
  hardSwish: { run: (x) => tf.mul(tf.mul(x, ALPHA), tf.relu6(tf.add(x, 3))), units: 1, first: ALPHA, second: 3 },
};
const BINARY: { readonly [op in BinaryOp]: { run(a: tf.Tensor, b: tf.Tensor): tf.Tensor; units: number } } = {
  add: { run: tf.add, units: 0 },
  sub: { run: tf.sub, units: 0 },
  mul: { run: tf.mul, units: 0 },
  div: { run: tf.div, units: 0 },
  maximum: { run: tf.maximum, units: 0 },
  minimum: { run: tf.minimum, units: 0 },
  squaredDifference: { run: tf.squaredDifference, units: 2 },
  prelu: { run: tf.prelu, units: 0 },
};
const LENGTHS = [0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 100, 1023, 4097];
/** Results of TensorFlow.js below the normal float32 numbers are denormal or 0. */
const TINY = 2e-38;
const SHAPES: readonly (readonly [readonly number[], readonly number[]])[] = [
  [
    [5, 7],
    [5, 7],
  ],
  [[2, 3, 4, 5], [5]],
  [[5], [2, 3, 4, 5]],
  [[2, 9, 33], [33]],
  [
    [2, 33, 9],
    [2, 33, 1],
  ],
  [
    [2, 33, 9],
    [1, 33, 1],
  ],
  [
    [1, 4, 4, 17],
    [1, 1, 1, 17],
  ],
  [
    [3, 4, 4, 17],
    [3, 1, 1, 17],
  ],
  [[40, 3], [3]],
  [[900, 3], [3]],
  [[3], [900, 3]],
  [
    [900, 1],
    [900, 3],
  ],
  [
    [4, 1, 6],
    [1, 5, 1],
  ],
  [
    [2, 1, 3, 1, 5],
    [1, 4, 1, 6, 1],
  ],
  [[6, 1], []],
  [[], [6, 2]],
  [[], []],
  [[1], [1, 1]],
  [[0, 3], [3]],
];

describe.each(companionsUnderTest())('$label elementwise', ({ select }) => {
  test.each(UNARY_OPS)('%s', (op) => {
    const kernels = select();
    const { run, units, first, second } = UNARY[op];
    const random = new Random(1);
    for (const length of LENGTHS) {
      const x = shifted(awkward(random, length, op === 'exp' || op === 'sigmoid' ? 110 : 6));
      const wanted = run(tf.tensor1d(x)).dataSync();
      const actual = guarded(length, (out) => unary(kernels, op, x, out, first, second));
      expectClose(actual, wanted, units, units > 0 ? TINY : 0);
      const inPlace = x.slice();
      unary(kernels, op, inPlace, inPlace, first, second);
      expect(inPlace).toEqual(actual);
    }
  });

  test.each(BINARY_OPS)('%s', (op) => {
    const kernels = select();
    const { run, units } = BINARY[op];
    const random = new Random(2);
    for (const length of LENGTHS) {
      const [a, b] = [shifted(awkward(random, length)), awkward(random, length)];
      const wanted = run(tf.tensor1d(a), tf.tensor1d(b)).dataSync();
      const actual = guarded(length, (out) => binary(kernels, op, a, [length], b, [length], out));
      expectClose(actual, wanted, units);
      const [left, right] = [a.slice(), b.slice()];
      binary(kernels, op, left, [length], b, [length], left);
      binary(kernels, op, a, [length], right, [length], right);
      expectClose(left, actual, 0);
      expectClose(right, actual, 0);
    }
  });

  test('broadcasts', () => {
    const kernels = select();
    const random = new Random(3);
    for (const op of BINARY_OPS) {
      for (const [aShape, bShape] of SHAPES) {
        const size = (shape: readonly number[]) => shape.reduce((product, side) => product * side, 1);
        const [a, b] = [awkward(random, size(aShape)), awkward(random, size(bShape))];
        const wanted = BINARY[op].run(tf.tensor(a, [...aShape]), tf.tensor(b, [...bShape]));
        expect(broadcastShape(aShape, bShape)).toEqual(wanted.shape);
        const actual = guarded(wanted.size, (out) => binary(kernels, op, a, aShape, b, bShape, out));
        expectClose(actual, wanted.dataSync(), BINARY[op].units);
      }
    }
  });

  test('large arrays, on all threads', () => {
    const kernels = select();
    const random = new Random(4);
    const [rows, columns] = [400, 1001];
    const x = shifted(random.reals(rows * columns));
    const y = random.reals(rows * columns);
    const vector = random.reals(columns);
    const sum = guarded(x.length, (out) => binary(kernels, 'add', x, [x.length], y, [x.length], out));
    const product = guarded(x.length, (out) => binary(kernels, 'mul', x, [rows, columns], vector, [columns], out));
    const relu = guarded(x.length, (out) => unary(kernels, 'relu', x, out));
    for (let i = 0; i < x.length; i++) {
      const isRight =
        sum[i] === Math.fround(x[i] + y[i]) &&
        product[i] === Math.fround(x[i] * vector[i % columns]) &&
        relu[i] === Math.max(0, x[i]);
      if (!isRight) throw new Error(`Wrong at ${i}: ${sum[i]}, ${product[i]}, ${relu[i]}`);
    }
  });

  test('addN', () => {
    const kernels = select();
    const random = new Random(5);
    for (const count of [1, 2, 3, 5]) {
      const inputs = Array.from({ length: count }, () => awkward(random, 77));
      const wanted = tf.addN(inputs.map((input) => tf.tensor1d(input))).dataSync();
      expectClose(
        guarded(77, (out) => addN(kernels, inputs, out)),
        wanted,
        0,
      );
    }
  });

  test('batch norm', () => {
    const kernels = select();
    const random = new Random(6);
    for (const channels of [1, 2, 3, 16, 19, 64]) {
      const x = random.reals(2 * 3 * 4 * channels);
      const [mean, offset, scale] = [random.reals(channels), random.reals(channels), random.reals(channels)];
      const variance = random.reals(channels).map(Math.abs);
      for (const vectors of [
        { mean, variance, offset, scale, epsilon: 0.001 },
        { mean, variance, epsilon: 0.01 },
      ]) {
        const wanted = tf.batchNorm(
          tf.tensor4d(x, [2, 3, 4, channels]),
          tf.tensor1d(mean),
          tf.tensor1d(variance),
          vectors.offset && tf.tensor1d(vectors.offset),
          vectors.scale && tf.tensor1d(vectors.scale),
          vectors.epsilon,
        );
        const actual = guarded(x.length, (out) => batchNorm(kernels, x, vectors, out));
        expectClose(actual, wanted.dataSync(), 4, 1e-6);
      }
    }
  });

  test('refusals', () => {
    const kernels = select();
    const [x, y] = [new Float32Array(6), new Float32Array(6)];
    const shared = new Float32Array(12);
    const overlap = [shared.subarray(0, 6), shared.subarray(2, 8)] as const;
    expectRefusal(() => unary(kernels, 'relu', x, y.subarray(1)), 'ERR_BUFFER');
    expectRefusal(() => unary(kernels, 'relu', ...overlap), 'ERR_BUFFER');
    expectRefusal(() => binary(kernels, 'add', x, [6], y, [5], new Float32Array(6)), 'ERR_BUFFER');
    expectRefusal(() => binary(kernels, 'add', x, [2, 3], y, [3, 2], new Float32Array(6)), 'ERR_SHAPE');
    expectRefusal(() => binary(kernels, 'add', overlap[0], [6], y, [6], overlap[1]), 'ERR_BUFFER');
    expectRefusal(() => binary(kernels, 'add', x.subarray(0, 1), [1], y, [6], x), 'ERR_BUFFER');
    expectRefusal(() => addN(kernels, [], y), 'ERR_SHAPE');
    const vectors = { mean: x, variance: new Float32Array(4), epsilon: 0 };
    expectRefusal(() => batchNorm(kernels, x, vectors, y), 'ERR_SHAPE');
  });
});
