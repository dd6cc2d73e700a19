import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ConvStage } from '../lib/engine.js';
import { enginesUnderTest } from './support/engines.js';
import { Random } from './support/random.js';
import {
  type Built,
  buildSpec,
  type CaseOptions,
  inputLength,
  outputLength,
  pointwiseAfter,
  weightLength,
} from './support/spec.js';

type Padding = 'same' | 'valid';
type Shape4 = [number, number, number, number];
type Shape5 = [number, number, number, number, number];

beforeAll(() => tf.setBackend('cpu'));

/** TensorFlow's rule: `same` gives ⌈I/s⌉ outputs, and the odd one of the padding goes behind. */
function pads(options: CaseOptions, padding: Padding): (readonly [number, number])[] {
  return options.size.map((size, axis) => {
    if (padding === 'valid') return [0, 0] as const;
    const at = (value: number | readonly number[] | undefined) =>
      typeof value === 'number' ? value : (value?.[axis] ?? 1);
    const stride = at(options.stride);
    const reach = at(options.dilation) * (options.kernel[axis] - 1) + 1;
    const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size);
    return [Math.floor(total / 2), total - Math.floor(total / 2)] as const;
  });
}

/** `[rows, columns, taps]` to `[taps, columns, rows]`: canonical order to `HWIO`. */
function reorder(weight: Float32Array, rows: number, columns: number, swap: boolean): Float32Array {
  const taps = weight.length / (rows * columns);
  const to = new Float32Array(weight.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let tap = 0; tap < taps; tap++) {
        const inner = swap ? row * columns + column : column * rows + row;
        to[tap * rows * columns + inner] = weight[(row * columns + column) * taps + tap];
      }
    }
  }
  return to;
}

const layers: readonly CaseOptions[] = [
  { inChannels: 5, outChannels: 6, size: [9, 12], kernel: [3, 3] },
  { inChannels: 16, outChannels: 17, size: [11, 8], kernel: [3, 3] },
  { inChannels: 4, outChannels: 3, size: [9, 12], kernel: [5, 2], stride: 2 },
  { inChannels: 4, outChannels: 3, size: [13, 12], kernel: [3, 3], dilation: 2 },
  { inChannels: 12, outChannels: 9, size: [6, 7], kernel: [1, 1] },
];
const paddings: readonly Padding[] = ['same', 'valid'];

describe.each(await enginesUnderTest())('$label against the CPU backend of TensorFlow.js', ({ select }) => {
  function run(
    options: CaseOptions,
    padding: Padding,
    seed: number,
  ): { built: Built; stage: ConvStage; input: Float32Array } {
    const built = buildSpec({ ...options, channelsLast: true, padding: pads(options, padding), math: 'strict' });
    const random = new Random(seed);
    const stage = { spec: built.spec, weight: random.integers(weightLength(built.spec)), bias: null };
    return { built, stage, input: random.integers(inputLength(built)) };
  }

  function ours({ built, stage, input }: ReturnType<typeof run>): Float32Array {
    const output = new Float32Array(outputLength(built));
    const layer = select().createConv(stage);
    layer.plan(built.geometry).run(input, output, null);
    layer.dispose();
    return output;
  }

  function same(output: Float32Array, theirs: tf.Tensor): void {
    expect(output).toEqual(theirs.dataSync());
  }

  test.each(paddings.flatMap((padding) => layers.map((options) => ({ padding, options }))))(
    'conv2d and depthwiseConv2d, $padding, $options',
    ({ padding, options }) => {
      const [kernelHeight, kernelWidth] = options.kernel;
      const one = run({ ...options, batch: 2 }, padding, 1);
      const shape: Shape4 = [2, options.size[0], options.size[1], options.inChannels];
      const dilation = (options.dilation as number) ?? 1;
      const stride = (options.stride as number) ?? 1;
      const weight = reorder(one.stage.weight, options.outChannels, options.inChannels, false);
      const filter = tf.tensor4d(weight, [kernelHeight, kernelWidth, options.inChannels, options.outChannels]);
      const input = tf.tensor4d(one.input, shape);
      same(ours(one), tf.conv2d(input, filter, stride, padding, 'NHWC', dilation));

      const multiplier = 2;
      const outChannels = options.inChannels * multiplier;
      const each = run({ ...options, batch: 2, groups: options.inChannels, outChannels }, padding, 2);
      const eachWeight = reorder(each.stage.weight, options.inChannels, multiplier, true);
      const eachFilter = tf.tensor4d(eachWeight, [kernelHeight, kernelWidth, options.inChannels, multiplier]);
      const eachInput = tf.tensor4d(each.input, shape);
      same(ours(each), tf.depthwiseConv2d(eachInput, eachFilter, stride, padding, 'NHWC', dilation));
    },
  );

  test.each(paddings)('conv1d, %s', (padding) => {
    for (const stride of [1, 2]) {
      const one = run({ inChannels: 5, outChannels: 7, size: [23], kernel: [4], stride, batch: 2 }, padding, 3);
      const filter = tf.tensor3d(reorder(one.stage.weight, 7, 5, false), [4, 5, 7]);
      same(ours(one), tf.conv1d(tf.tensor3d(one.input, [2, 23, 5]), filter, stride, padding));
    }
  });

  test.each(paddings)('conv3d, %s', (padding) => {
    for (const stride of [1, 2]) {
      const one = run(
        { inChannels: 3, outChannels: 5, size: [5, 6, 7], kernel: [2, 3, 3], stride, batch: 2 },
        padding,
        4,
      );
      const filter = tf.tensor5d(reorder(one.stage.weight, 5, 3, false), [2, 3, 3, 3, 5]);
      const input = tf.tensor5d(one.input, [2, 5, 6, 7, 3] as Shape5);
      same(ours(one), tf.conv3d(input, filter, stride, padding));
    }
  });

  test.each(paddings)('conv2dTranspose, %s', (padding) => {
    for (const [stride, kernel] of [
      [2, 4],
      [2, 3],
      [3, 3],
      [1, 3],
    ]) {
      const size = [5, 6];
      const total = padding === 'same' ? kernel - stride : 0;
      const before = Math.floor(total / 2);
      const pair = [before, total - before] as const;
      const built = buildSpec({
        transposed: true,
        inChannels: 4,
        outChannels: 3,
        size,
        kernel: [kernel, kernel],
        stride,
        padding: [pair, pair],
        channelsLast: true,
        batch: 2,
      });
      const random = new Random(5);
      const stage = { spec: built.spec, weight: random.integers(weightLength(built.spec)), bias: null };
      const input = random.integers(inputLength(built));
      const filter = tf.tensor4d(reorder(stage.weight, 4, 3, false), [kernel, kernel, 3, 4]);
      const [, height, width] = built.geometry.output;
      const theirs = tf.conv2dTranspose(
        tf.tensor4d(input, [2, 5, 6, 4]),
        filter,
        [2, height, width, 3],
        stride,
        padding,
      );
      same(ours({ built, stage, input }), theirs);
    }
  });

  test.each(paddings)('separableConv2d, %s', (padding) => {
    for (const stride of [1, 2]) {
      const options = { inChannels: 5, outChannels: 10, groups: 5, size: [9, 10], kernel: [3, 3], stride, batch: 2 };
      const { built, stage, input } = run(options, padding, 6);
      const second = pointwiseAfter(built, { outChannels: 7 });
      const pointwise = { spec: second.spec, weight: new Random(7).integers(weightLength(second.spec)), bias: null };
      const output = new Float32Array(outputLength(second));
      const layer = select().createSeparable(stage, pointwise);
      layer.plan(built.geometry).run(input, output, null);
      layer.dispose();
      const depthFilter = tf.tensor4d(reorder(stage.weight, 5, 2, true), [3, 3, 5, 2]);
      const pointFilter = tf.tensor4d(reorder(pointwise.weight, 7, 10, false), [1, 1, 10, 7]);
      same(output, tf.separableConv2d(tf.tensor4d(input, [2, 9, 10, 5]), depthFilter, pointFilter, stride, padding));
    }
  });
});
