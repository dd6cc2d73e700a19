import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, expect, test } from 'vitest';
import type { Backend } from '../lib/tfjs/backend.js';
import { BACKEND_NAME, register } from '../lib/tfjs/index.js';

register({ tf });
afterAll(() => tf.setBackend('cpu'));

function wave(shape: number[], phase: number): tf.Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(i * 1.7 + phase)),
    shape,
  );
}

/** A map that a kernel of ours made, as in the middle of a network. */
const inner = (shape: number[], phase: number) => tf.neg(wave(shape, phase)) as tf.Tensor4D;
const filter = (shape: number[]) => wave(shape, 0.3) as tf.Tensor4D;

/** The values of `build` on both backends. */
async function both(build: () => tf.Tensor): Promise<[ArrayLike<number>, ArrayLike<number>]> {
  await tf.setBackend('cpu');
  const theirs = tf.tidy(() => build().dataSync());
  await tf.setBackend(BACKEND_NAME);
  return [tf.tidy(() => build().dataSync()), theirs];
}

function expectClose(ours: ArrayLike<number>, theirs: ArrayLike<number>): void {
  expect(ours.length).toBe(theirs.length);
  for (let i = 0; i < ours.length; i++) expect(Math.abs(ours[i] - theirs[i])).toBeLessThan(2e-5);
}

const conv = () => tf.conv2d(inner([1, 9, 8, 6], 0), filter([3, 3, 6, 5]), 1, 'same');
const norm = (x: tf.Tensor) =>
  tf.batchNorm(
    x as tf.Tensor4D,
    wave([5], 1) as tf.Tensor1D,
    tf.abs(wave([5], 2)) as tf.Tensor1D,
    wave([5], 3) as tf.Tensor1D,
    wave([5], 4) as tf.Tensor1D,
  );
const swish = (x: tf.Tensor, sixth = 1 / 6) => tf.mul(tf.mul(tf.scalar(sixth), x), tf.relu6(tf.add(x, 3)));
const add2 = (x: tf.Tensor, by: typeof swish) => tf.add(by(x), tf.sqrt(tf.abs(x)));
const residual = () => inner([1, 9, 8, 5], 5);

test.each<[string, () => tf.Tensor]>([
  ['a bias and a relu', () => tf.relu(tf.add(conv(), wave([5], 1)))],
  ['a bias before it', () => tf.relu6(tf.add(wave([1, 1, 1, 5], 1), conv()))],
  ['a batch norm, twice', () => norm(norm(conv()))],
  ['a scale and a quotient', () => tf.div(tf.mul(conv(), wave([5], 1)), tf.scalar(3))],
  ['a residual after a batch norm', () => tf.relu(tf.add(norm(conv()), residual()))],
  ['a residual before it', () => tf.sigmoid(tf.add(residual(), norm(conv())))],
  ['two convolutions added', () => tf.tanh(tf.add(conv(), norm(conv())))],
  [
    'the same twice',
    () =>
      tf.tidy(() => {
        const y = conv();
        return tf.add(y, y);
      }),
  ],
  ['clips in a row', () => tf.clipByValue(tf.relu(conv()), -1, 0.5)],
  ['clips that leave one value', () => tf.clipByValue(tf.clipByValue(conv(), 0.5, 1), -2, 0)],
  ['bounds as constants', () => tf.minimum(tf.maximum(conv(), tf.scalar(0)), tf.tensor1d([0.5]))],
  ['a constant and a bound', () => tf.maximum(tf.tensor4d([[[[0.1]]]]), tf.add(conv(), wave([5], 1)))],
  ['a bound that is none', () => tf.cast(tf.isNaN(tf.maximum(conv(), tf.scalar(Number.NaN))), 'float32')],
  ['a bias after the activation', () => tf.add(tf.relu(conv()), wave([5], 1))],
  ['slopes', () => tf.prelu(conv(), wave([5], 1))],
  ['a bias as long as a row', () => tf.add(conv(), wave([8, 5], 1))],
  ['a reshaped map', () => tf.add(tf.reshape(conv(), [9, 40]), wave([40], 1))],
  ['a hard swish', () => swish(conv())],
  ['a hard swish by a float16 of a sixth', () => swish(conv(), 0.1666259765625)],
  ['a hard swish of what is read again', () => add2(conv(), swish)],
  ['a depthwise one', () => norm(tf.depthwiseConv2d(residual(), filter([3, 3, 5, 1]), 1, 'same'))],
  [
    'a transposed one',
    () =>
      tf.relu(
        tf.add(tf.conv2dTranspose(inner([1, 4, 4, 6], 0), filter([3, 3, 5, 6]), [1, 8, 8, 5], 2, 'same'), wave([5], 1)),
      ),
  ],
])('one pass gives what kernels one after the other do: %s', async (_, build) => {
  // Chains are passed through where what lies between is disposed of, and, once, where it is not.
  const [ours, theirs] = await both(build);
  expectClose(ours, theirs);
  expectClose(...(await both(() => tf.tidy(build))));
});

const places = (...rows: number[][]) => tf.tensor2d(rows, undefined, 'int32');

test.each<[string, () => tf.Tensor]>([
  ['values', () => tf.gatherND(conv(), places([0, 1, 2, 3], [0, 8, 7, 4]))],
  ['rows', () => tf.gatherND(conv(), places([0, 1], [0, 8], [0, 0]))],
  ['channels', () => tf.gather(conv(), tf.tensor1d([4, 0, 4], 'int32'), 3)],
  ['rows of each of two images', () => tf.gather(inner([2, 5, 3, 2], 0), places([4, 1], [0, 0]), 1, 1)],
])('gathers %s', async (_, build) => {
  expectClose(...(await both(build)));
});

test('refuses places outside as the CPU backend does', async () => {
  await tf.setBackend(BACKEND_NAME);
  expect(() => tf.gatherND(inner([1, 2, 2, 1], 0), places([0, 2, 0, 0]))).toThrow(/does not index into/);
  expect(() => tf.gather(inner([1, 2, 2, 1], 0), tf.tensor1d([2], 'int32'), 1)).toThrow(/index value 2 is not in/);
});

test('what lies between can be read before and after the end of its chain', async () => {
  const build = (order: 'first' | 'last') => () => {
    const y = conv();
    const sum = tf.add(y, wave([5], 1));
    const end = tf.relu(sum);
    const parts = order === 'first' ? [tf.abs(y), tf.abs(sum), end] : [tf.square(end), tf.abs(sum), tf.abs(y)];
    return tf.concat(parts, 0);
  };
  for (const order of ['first', 'last'] as const) {
    for (let run = 0; run < 2; run++) expectClose(...(await both(build(order))));
  }
});

test('an array of the caller is read when the kernel is called', async () => {
  await tf.setBackend(BACKEND_NAME);
  const values = new Float32Array(16).fill(1);
  const y = tf.conv2d(tf.tensor4d(values, [1, 4, 4, 1]), tf.ones([1, 1, 1, 1]) as tf.Tensor4D, 1, 'same');
  values.fill(9);
  expect(y.dataSync()[0]).toBe(1);
});

test('a map that was read may be written to before the convolution of it is', async () => {
  await tf.setBackend(BACKEND_NAME);
  for (const size of [4, 64]) {
    const x = tf.neg(tf.fill([1, size, size, 1], -1)) as tf.Tensor4D;
    const y = tf.conv2d(x, tf.ones([1, 1, 1, 1]) as tf.Tensor4D, 1, 'same');
    x.dataSync().fill(9);
    expect(y.dataSync()[0]).toBe(1);
  }
});

test('what nobody reads is never computed, and its memory is free again', async () => {
  await tf.setBackend(BACKEND_NAME);
  const weights = filter([3, 3, 6, 5]);
  const { pool } = tf.backend() as unknown as Backend;
  const idleAfter = () => {
    tf.dispose(tf.tidy(() => tf.relu(tf.conv2d(inner([1, 32, 32, 6], 0), weights, 1, 'same'))));
    return pool.idleBytes;
  };
  const idle = idleAfter();
  for (let run = 0; run < 10; run++) expect(idleAfter()).toBe(idle);
  const before = tf.memory().numTensors;
  idleAfter();
  expect(tf.memory().numTensors).toBe(before);
});
