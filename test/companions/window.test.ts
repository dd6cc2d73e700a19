import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, test } from 'vitest';
import { avgPoolGrad, maxPoolGrad, type PoolGeometry, pool } from '../../lib/companions/index.js';
import { awkward, companionsUnderTest, expectClose, guarded } from '../support/companions.js';
import { Random } from '../support/random.js';
import { expectRefusal } from '../support/refusal.js';

beforeAll(() => tf.setBackend('cpu'));

interface Case {
  /** [batch, depth?, height, width, channels] */
  readonly shape: readonly number[];
  readonly window: readonly number[];
  readonly stride: readonly number[];
  readonly pad: 'same' | 'valid';
}

const CASES: readonly Case[] = [
  { shape: [2, 7, 9, 5], window: [3, 3], stride: [2, 2], pad: 'same' },
  { shape: [1, 8, 8, 16], window: [2, 2], stride: [2, 2], pad: 'valid' },
  { shape: [1, 9, 6, 33], window: [3, 2], stride: [1, 3], pad: 'same' },
  { shape: [2, 7, 7, 20], window: [7, 7], stride: [1, 1], pad: 'valid' },
  { shape: [1, 5, 5, 3], window: [5, 4], stride: [1, 1], pad: 'same' },
  { shape: [1, 4, 11, 1], window: [1, 3], stride: [3, 2], pad: 'valid' },
  { shape: [3, 2, 2, 70], window: [3, 3], stride: [1, 1], pad: 'same' },
  { shape: [1, 40, 41, 64], window: [3, 3], stride: [1, 1], pad: 'same' },
  { shape: [1, 4, 6, 5, 3], window: [2, 2, 2], stride: [2, 2, 2], pad: 'valid' },
  { shape: [2, 5, 6, 7, 18], window: [3, 3, 3], stride: [2, 1, 2], pad: 'same' },
];

type Axes = readonly [number, number, number];
const three = (sizes: readonly number[], filler: number): Axes =>
  (sizes.length === 3 ? sizes : [filler, ...sizes]) as unknown as Axes;

function geometryOf({ shape, window, stride, pad }: Case): PoolGeometry {
  const spatial = shape.slice(1, -1);
  const output = spatial.map((size, axis) =>
    pad === 'same' ? Math.ceil(size / stride[axis]) : Math.floor((size - window[axis]) / stride[axis]) + 1,
  );
  const padding = spatial.map((size, axis) =>
    pad === 'valid' ? 0 : Math.floor(Math.max(0, (output[axis] - 1) * stride[axis] + window[axis] - size) / 2),
  );
  return {
    rank: spatial.length === 3 ? 3 : 2,
    batch: shape[0],
    channels: shape[shape.length - 1],
    input: three(spatial, 1),
    output: three(output, 1),
    window: three(window, 1),
    stride: three(stride, 1),
    dilation: [1, 1, 1],
    padding: three(padding, 0),
  };
}

type Pair = [number, number];
type Three = [number, number, number];

function pooled({ shape, window, stride, pad }: Case, op: 'max' | 'avg', x: tf.Tensor): tf.Tensor {
  if (shape.length === 5) {
    const run = op === 'max' ? tf.maxPool3d : tf.avgPool3d;
    return run(x as tf.Tensor5D, [...window] as Three, [...stride] as Three, pad);
  }
  const run = op === 'max' ? tf.maxPool : tf.avgPool;
  return run(x as tf.Tensor4D, [...window] as Pair, [...stride] as Pair, pad);
}

/** TensorFlow.js's gradient kernels, called by name: their registered gradients need the whole library. */
function gradientOf(
  { shape, window, stride, pad }: Case,
  op: 'max' | 'avg',
  input: tf.Tensor,
  dy: tf.Tensor,
): tf.Tensor {
  const name = `${op === 'max' ? 'Max' : 'Avg'}Pool${shape.length === 5 ? '3D' : ''}Grad`;
  const attributes = { filterSize: [...window], strides: [...stride], pad };
  return tf.engine().runKernel(name, { dy, input, output: input }, attributes) as tf.Tensor;
}

describe.each(companionsUnderTest())('$label windows', ({ select }) => {
  test.each(CASES)('$shape, $window by $stride, $pad', (row) => {
    const kernels = select();
    const geometry = geometryOf(row);
    const random = new Random(21);
    const count = row.shape.reduce((product, size) => product * size, 1);
    for (const x of [random.integers(count), random.reals(count), awkward(random, count)]) {
      for (const op of ['max', 'avg'] as const) {
        const wanted = pooled(row, op, tf.tensor(x, [...row.shape]));
        const actual = guarded(wanted.size, (out) => pool(kernels, op, x, geometry, out));
        // Sums of a few values around 1, and of 3e38 that pass the largest float32 on the way.
        if (op === 'avg' && x.some(Number.isNaN)) continue;
        expectClose(actual, wanted.dataSync(), op === 'max' ? 0 : 2, 1e-6);
      }
    }
  });

  test.each(CASES)('gradients of $shape, $window by $stride, $pad', (row) => {
    const kernels = select();
    const geometry = geometryOf(row);
    const random = new Random(22);
    const count = row.shape.reduce((product, size) => product * size, 1);
    // The CPU backend's 3-D gradient mistakes the place within windows that are not square (4.22).
    const x = random.integers(count, 2);
    for (const op of ['max', 'avg'] as const) {
      const input = tf.tensor(x, [...row.shape]);
      const output = pooled(row, op, input);
      const dy = random.integers(output.size);
      const wanted = gradientOf(row, op, input, tf.tensor(dy, output.shape)).dataSync();
      const actual = guarded(count, (dx) => {
        if (op === 'avg') avgPoolGrad(kernels, dy, geometry, dx);
        else maxPoolGrad(kernels, dy, x, geometry, dx);
      });
      expectClose(actual, wanted, op === 'max' ? 0 : 4, 1e-6);
    }
  });

  test('windows without a value, and refusals', () => {
    const kernels = select();
    const empty = geometryOf({ shape: [1, 1, 1, 2], window: [1, 1], stride: [1, 1], pad: 'valid' });
    const beyond = { ...empty, output: [1, 2, 1] as const };
    const x = new Float32Array([3, 4]);
    expectClose(
      guarded(4, (out) => pool(kernels, 'avg', x, beyond, out)),
      [3, 4, Number.NaN, Number.NaN],
      0,
    );
    expectClose(
      guarded(4, (out) => pool(kernels, 'avg', x, { ...beyond, rank: 3 }, out)),
      [3, 4, 0, 0],
      0,
    );
    const least = Number.NEGATIVE_INFINITY;
    expectClose(
      guarded(4, (out) => pool(kernels, 'max', x, beyond, out)),
      [3, 4, least, least],
      0,
    );
    expectRefusal(() => pool(kernels, 'max', x, beyond, new Float32Array(3)), 'ERR_BUFFER');
    expectRefusal(() => pool(kernels, 'max', x, { ...empty, stride: [1, 0, 1] }, new Float32Array(2)), 'ERR_SHAPE');
  });
});
