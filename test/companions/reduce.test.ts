import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { argMax, REDUCE_OPS, reduce, softmax, topK } from '../../lib/companions/index.js';
import { awkward, companionsUnderTest, expectClose, guarded } from '../support/companions.js';
import { Random } from '../support/random.js';
import { expectRefusal } from '../support/refusal.js';

beforeAll(() => tf.setBackend('cpu'));

const OPS = { sum: tf.sum, mean: tf.mean, max: tf.max };
const SHAPES: readonly { readonly shape: readonly number[]; readonly axes: readonly number[] }[] = [
  { shape: [5], axes: [0] },
  { shape: [1000], axes: [0] },
  { shape: [7, 33], axes: [1] },
  { shape: [7, 33], axes: [0] },
  { shape: [2, 9, 9, 19], axes: [1, 2] },
  { shape: [2, 19, 9, 9], axes: [2, 3] },
  { shape: [2, 5, 6, 7], axes: [0, 2] },
  { shape: [2, 5, 6, 7], axes: [1, 3] },
  { shape: [3, 4, 5], axes: [0, 1, 2] },
  { shape: [3, 4, 5], axes: [] },
  { shape: [1, 6, 1], axes: [0, 2] },
  { shape: [1, 300, 130], axes: [1] },
];

describe.each(companionsUnderTest())('$label reductions', ({ select }) => {
  test.each(REDUCE_OPS)('%s', (op) => {
    const kernels = select();
    const random = new Random(31);
    for (const { shape, axes } of SHAPES) {
      const count = shape.reduce((product, size) => product * size, 1);
      const samples = [random.integers(count), random.reals(count)];
      if (op === 'max') samples.push(awkward(random, count));
      for (const x of samples) {
        const wanted = OPS[op](tf.tensor(x, [...shape]), [...axes]);
        const actual = guarded(wanted.size, (out) => reduce(kernels, op, x, shape, axes, out));
        const exact = op === 'max' || (op === 'sum' && x === samples[0]);
        expectClose(actual, wanted.dataSync(), exact ? 0 : 4, exact ? 0 : 1e-5);
      }
    }
  });

  test('argMax', () => {
    const kernels = select();
    const random = new Random(32);
    for (const [shape, axis] of [
      [[7], 0],
      [[5, 100], 1],
      [[100, 5], 0],
      [[3, 40, 21], 1],
      [[2, 3, 17], 2],
    ] as const) {
      const count = shape.reduce((product: number, size) => product * size, 1);
      for (const x of [random.integers(count), random.reals(count), awkward(random, count)]) {
        const wanted = tf.argMax(tf.tensor(x, [...shape]), axis).dataSync();
        const out = new Int32Array(wanted.length).fill(-1);
        argMax(kernels, x, shape, axis, out);
        expect([...out]).toEqual([...wanted]);
      }
    }
  });

  test('softmax', () => {
    const kernels = select();
    const random = new Random(33);
    for (const [rows, columns] of [
      [1, 1],
      [3, 2],
      [5, 7],
      [4, 16],
      [9, 91],
      [1, 1001],
    ]) {
      const x = random.reals(rows * columns).map((value) => value * 30);
      const wanted = tf.softmax(tf.tensor2d(x, [rows, columns])).dataSync();
      const actual = guarded(x.length, (out) => softmax(kernels, x, columns, out));
      expectClose(actual, wanted, 6, 1e-9);
      softmax(kernels, x, columns, x);
      expect(x).toEqual(actual);
    }
    const nan = new Float32Array([1, Number.NaN, 2]);
    expectClose(
      guarded(3, (out) => softmax(kernels, nan, 3, out)),
      [Number.NaN, Number.NaN, Number.NaN],
      0,
    );
  });

  test('topK', () => {
    const kernels = select();
    const random = new Random(34);
    for (const [rows, columns, k] of [
      [1, 5, 5],
      [4, 100, 3],
      [2, 1001, 10],
      [3, 7, 1],
      [2, 4, 0],
    ]) {
      for (const x of [random.integers(rows * columns), random.reals(rows * columns)]) {
        const indices = new Int32Array(rows * k).fill(-1);
        const values = guarded(rows * k, (out) => topK(kernels, x, columns, k, out, indices));
        if (k === 0) continue;
        const wanted = tf.topk(tf.tensor2d(x, [rows, columns]), k, true);
        expect([...values]).toEqual([...wanted.values.dataSync()]);
        expect([...indices]).toEqual([...wanted.indices.dataSync()]);
      }
    }
  });

  test('empty inputs, and refusals', () => {
    const kernels = select();
    const none = new Float32Array(0);
    const wanted = { sum: 0, mean: 0, max: Number.NaN };
    for (const op of REDUCE_OPS) {
      const actual = guarded(2, (out) => reduce(kernels, op, none, [2, 0], [1], out));
      expectClose(actual, [wanted[op], wanted[op]], 0);
    }
    const x = new Float32Array(6);
    expectRefusal(() => reduce(kernels, 'sum', x, [2, 3], [2], new Float32Array(2)), 'ERR_SHAPE');
    expectRefusal(() => reduce(kernels, 'sum', x, [2, 3], [1], new Float32Array(3)), 'ERR_BUFFER');
    expectRefusal(() => reduce(kernels, 'sum', x, [2, 3], [1], x.subarray(0, 2)), 'ERR_BUFFER');
    expectRefusal(() => softmax(kernels, x, 4, new Float32Array(6)), 'ERR_SHAPE');
    expectRefusal(() => topK(kernels, x, 3, 4, new Float32Array(8), new Int32Array(8)), 'ERR_SHAPE');
  });
});
