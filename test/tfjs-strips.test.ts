import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, describe, expect, test } from 'vitest';
import { BACKEND_NAME, register } from '../lib/tfjs/index.js';
import { planStrips, type StripStage } from '../lib/tfjs/strips.js';

register({ tf });
afterAll(() => tf.setBackend('cpu'));

interface Depthwise {
  readonly kernel: number;
  readonly stride?: number;
  readonly dilation?: number;
}

function stage(height: number, channels: number, { kernel, stride = 1, dilation = 1 }: Depthwise): StripStage {
  const output = Math.ceil(height / stride);
  const reach = Math.max(0, (output - 1) * stride + dilation * (kernel - 1) + 1 - height);
  const before = reach >> 1;
  return {
    shape: {
      window: {
        batch: 1,
        kernel: [1, kernel, kernel],
        stride: [1, stride, stride],
        dilation: [1, dilation, dilation],
        input: [1, height, 100],
        output: [1, output, 100],
        padBefore: [0, before, 0],
      },
      rank: 2,
      channelsLast: true,
      inChannels: channels,
      outChannels: channels,
      groups: channels,
      transposed: false,
    },
    geometry: {
      batch: 1,
      input: [1, height, 100],
      output: [1, output, 100],
      padBefore: [0, before, 0],
      padAfter: [0, reach - before, 0],
    },
  };
}

describe('strips', () => {
  test.each<[string, number, Depthwise[]]>([
    ['two of 3', 50, [{ kernel: 3 }, { kernel: 3 }]],
    ['strides', 61, [{ kernel: 3, stride: 2 }, { kernel: 1 }, { kernel: 5, stride: 2 }]],
    ['a stride beyond the kernel', 60, [{ kernel: 3 }, { kernel: 1, stride: 3 }]],
    ['a dilation', 47, [{ kernel: 1 }, { kernel: 3, dilation: 4 }, { kernel: 1 }, { kernel: 3 }]],
  ])('read, row for row, what was computed: %s', (_, height, kernels) => {
    const all: StripStage[] = [];
    for (const kernel of kernels) all.push(stage(all.at(-1)?.geometry.output[1] ?? height, 100, kernel));
    const row = 100 * 100;
    const plan = planStrips(all, 1);
    if (plan === null) throw new Error('Expected strips');
    const stages = all.slice(-plan.stages);
    expect(plan.strips.length).toBeGreaterThan(2);
    // The row of its map that each row of the scratch memory holds.
    const held = new Map<number, string>();
    const last = stages.length - 1;
    let finished = 0;
    for (const { moves, calls } of plan.strips) {
      for (const { begin, end, to } of moves) {
        for (let at = begin; at < end; at += row) held.set(to + at - begin, held.get(at) ?? 'nothing');
      }
      for (const { stage: index, geometry, input, output, residual } of calls) {
        const { stride } = stages[index].shape.window;
        const first = (residual.begin / row) * stride[1] - stages[index].geometry.padBefore[1] + geometry.padBefore[1];
        expect((input.end - input.begin) / row).toBe(geometry.input[1]);
        expect((output.end - output.begin) / row).toBe(geometry.output[1]);
        for (let at = 0; at < geometry.input[1]; at++) {
          if (index === 0) expect(input.begin / row + at).toBe(first + at);
          else expect(held.get(input.begin + at * row)).toBe(`${index - 1} ${first + at}`);
        }
        for (let at = 0; at < geometry.output[1]; at++) {
          if (index === last) expect(output.begin / row + at).toBe(finished++);
          else held.set(output.begin + at * row, `${index} ${residual.begin / row + at}`);
        }
        expect(index === last || output.end <= plan.scratch).toBe(true);
      }
    }
    expect(finished).toBe(stages[last].geometry.output[1]);
  });

  test('are none where one would do', () => {
    expect(planStrips([stage(8, 4, { kernel: 3 }), stage(8, 4, { kernel: 3 })], 1)).toBe(null);
  });
});

function wave(shape: number[], phase: number): tf.Tensor4D {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const values = Float32Array.from({ length: size }, (_, i) => Math.sin(i * 1.7 + phase));
  return tf.tensor<tf.Rank.R4>(values, shape as [number, number, number, number]);
}

const depthwise = (x: tf.Tensor4D, stride: number, pad: 'same' | 'valid' = 'same') =>
  tf.depthwiseConv2d(x, wave([3, 3, 32, 1], 1), stride, pad);
const pointwise = (x: tf.Tensor4D, to = 32) => tf.conv2d(x, wave([1, 1, x.shape[3], to], 2), 1, 'same');
const bias = (x: tf.Tensor4D) => tf.relu6(tf.add(x, wave([1, 1, 1, x.shape[3]], 3))) as tf.Tensor4D;
const inner = () => tf.neg(wave([1, 52, 64, 32], 0)) as tf.Tensor4D;

/** Zeros below and on the right, as the layers of a converted MobileNet have them. */
const padded = (x: tf.Tensor4D) =>
  tf.pad(x, [
    [0, 0],
    [0, 1],
    [0, 1],
    [0, 0],
  ]);

const networks: [string, () => tf.Tensor][] = [
  ['a depthwise one and a pointwise one', () => pointwise(bias(depthwise(inner(), 1)))],
  [
    'an inverted residual',
    () => {
      const x = inner();
      return tf.add(pointwise(bias(depthwise(bias(pointwise(x)), 1))), x);
    },
  ],
  ['a stride, and margins of zeros', () => pointwise(depthwise(padded(bias(pointwise(inner()))), 2, 'valid'), 8)],
  [
    'more than one chain',
    () => {
      let x = inner();
      for (let i = 0; i < 3; i++) x = bias(pointwise(bias(depthwise(x, 1))));
      return x;
    },
  ],
  [
    'a residual within',
    () => {
      const x = inner();
      return pointwise(bias(depthwise(tf.relu(tf.add(pointwise(x), x)) as tf.Tensor4D, 1)));
    },
  ],
  ['two images', () => pointwise(depthwise(tf.concat([inner(), tf.neg(inner())], 0) as tf.Tensor4D, 1))],
  [
    'what lies between is read again',
    () => {
      const x = bias(pointwise(inner()));
      return tf.concat([pointwise(bias(depthwise(x, 1))), tf.sqrt(x)], 3);
    },
  ],
];

test.each(networks)('a chain in strips gives what its convolutions do one after the other: %s', async (_, build) => {
  await tf.setBackend('cpu');
  const theirs = tf.tidy(() => build().dataSync());
  await tf.setBackend(BACKEND_NAME);
  const before = tf.memory().numTensors;
  // Disposed of as it goes, at the end, and once more when the backend has seen what is read again.
  for (const run of [() => tf.tidy(() => tf.tidy(build).dataSync()), () => tf.tidy(() => build().dataSync())]) {
    for (let times = 0; times < 2; times++) {
      const ours = run();
      expect(ours.length).toBe(theirs.length);
      let worst = 0;
      for (let i = 0; i < ours.length; i++) worst = Math.max(worst, Math.abs(ours[i] - theirs[i]));
      expect(worst).toBeLessThan(1e-3);
    }
  }
  expect(tf.memory().numTensors).toBe(before);
});
