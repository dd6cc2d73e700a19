import { describe, expect, it } from 'vitest';
import { replaceEngine } from '../lib/engines.js';
import {
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  DepthwiseConv2d,
  DepthwiseSeparableConv2d,
  DilatedConv2d,
  depthwiseConv2d,
  PointwiseConv2d,
  pointwiseConv2d,
  separableConv2d,
  type Tensor,
  tensor,
} from '../lib/index.js';
import { FakeEngine } from './support/fake-engine.js';
import { expectRefusal } from './support/refusal.js';

const engine = 'reference';
const ones = (...shape: number[]) => tensor(new Float32Array(shape.reduce((all, size) => all * size)).fill(1), shape);
const count = (...shape: number[]) =>
  tensor(
    Float32Array.from({ length: shape.reduce((all, size) => all * size) }, (_, index) => index + 1),
    shape,
  );
const values = ({ data }: Tensor<readonly number[]>) => Array.from(data);

describe('each class computes', () => {
  it('Conv1d', () => {
    using layer = new Conv1d({ weight: ones(1, 1, 3), padding: 1, engine });
    expect(layer.forward(count(1, 1, 4))).toEqual(tensor(new Float32Array([3, 6, 9, 7]), [1, 1, 4]));
  });

  it('Conv2d, with bias, residual and activation in that order', () => {
    using layer = new Conv2d({ weight: ones(1, 2, 1, 1), bias: [-10], activation: 'relu', engine });
    const input = count(1, 2, 1, 3);
    expect(values(layer.forward(input))).toEqual([0, 0, 0]);
    expect(values(layer.forward(input, { residual: new Float32Array([4, 4, 4]) }))).toEqual([0, 1, 3]);
  });

  it('Conv2d in both layouts alike', () => {
    const weight = count(2, 2, 1, 1);
    const first = new Conv2d({ weight, engine }).forward(tensor(new Float32Array([1, 2, 3, 4]), [1, 2, 1, 2]));
    const last = new Conv2d({ weight, layout: 'NHWC', engine }).forward(
      tensor(new Float32Array([1, 3, 2, 4]), [1, 1, 2, 2]),
    );
    expect(values(first)).toEqual([7, 10, 15, 22]);
    expect(values(last)).toEqual([7, 15, 10, 22]);
    expect(last.shape).toEqual([1, 1, 2, 2]);
  });

  it('Conv3d', () => {
    using layer = new Conv3d({ weight: ones(1, 1, 2, 2, 2), engine });
    expect(values(layer.forward(count(1, 1, 2, 2, 2)))).toEqual([36]);
  });

  it('DepthwiseConv2d', () => {
    using layer = new DepthwiseConv2d({ weight: count(4, 1, 1, 1), multiplier: 2, engine });
    expect(values(layer.forward(tensor(new Float32Array([1, 10]), [1, 2, 1, 1])))).toEqual([1, 2, 30, 40]);
  });

  it('PointwiseConv2d, strided too', () => {
    using layer = new PointwiseConv2d({ weight: ones(1, 1, 1, 1), stride: 2, engine });
    expect(values(layer.forward(count(1, 1, 3, 3)))).toEqual([1, 3, 7, 9]);
  });

  it('DilatedConv2d', () => {
    using layer = new DilatedConv2d({ weight: ones(1, 1, 2, 2), dilation: 2, engine });
    expect(values(layer.forward(count(1, 1, 3, 3)))).toEqual([1 + 3 + 7 + 9]);
  });

  it('DepthwiseSeparableConv2d', () => {
    using layer = new DepthwiseSeparableConv2d({
      depthwise: { weight: count(2, 1, 1, 1), bias: [0, -1], activation: 'relu' },
      pointwise: { weight: new Float32Array([1, 1]), outChannels: 1 },
      engine,
    });
    expect(values(layer.forward(tensor(new Float32Array([3, 5]), [1, 2, 1, 1])))).toEqual([3 + 9]);
  });

  it('ConvTranspose1d, 2d, 3d', () => {
    using one = new ConvTranspose1d({ weight: count(1, 1, 3), stride: 2, engine });
    expect(values(one.forward(count(1, 1, 2)))).toEqual([1, 2, 5, 4, 6]);
    using two = new ConvTranspose2d({ weight: ones(1, 1, 2, 2), stride: 2, engine });
    expect(values(two.forward(count(1, 1, 1, 2)))).toEqual([1, 1, 2, 2, 1, 1, 2, 2]);
    using three = new ConvTranspose3d({ weight: ones(1, 1, 1, 1, 2), stride: [1, 1, 2], engine });
    expect(three.forward(count(1, 1, 1, 1, 2))).toEqual(tensor(new Float32Array([1, 1, 2, 2]), [1, 1, 1, 1, 4]));
  });
});

describe('each function is its class for one call', () => {
  const options = { engine } as const;
  it.each([
    ['conv1d', () => conv1d(count(1, 1, 3), ones(1, 1, 2), options), [3, 5]],
    ['conv2d', () => conv2d(count(1, 1, 2, 2), ones(1, 1, 2, 2), options), [10]],
    ['conv3d', () => conv3d(count(1, 1, 1, 1, 2), ones(1, 1, 1, 1, 2), options), [3]],
    ['depthwiseConv2d', () => depthwiseConv2d(count(1, 2, 1, 1), count(2, 1, 1, 1), options), [1, 4]],
    ['pointwiseConv2d', () => pointwiseConv2d(count(1, 2, 1, 1), ones(1, 2, 1, 1), options), [3]],
    ['separableConv2d', () => separableConv2d(count(1, 2, 1, 1), count(2, 1, 1, 1), ones(1, 2, 1, 1), options), [5]],
    [
      'separableConv2d of an object',
      () => {
        const weights = { depthwise: count(2, 1, 1, 1), pointwise: ones(1, 2, 1, 1) };
        return separableConv2d(count(1, 2, 1, 1), weights, { ...options, bias: [1], depthwise: { bias: [1, 1] } });
      },
      [8],
    ],
    ['convTranspose1d', () => convTranspose1d(count(1, 1, 2), ones(1, 1, 2), options), [1, 3, 2]],
    ['convTranspose2d', () => convTranspose2d(count(1, 1, 1, 2), ones(1, 1, 1, 2), options), [1, 3, 2]],
    ['convTranspose3d', () => convTranspose3d(count(1, 1, 1, 1, 2), ones(1, 1, 1, 1, 2), options), [1, 3, 2]],
  ] as const)('%s', (_, call, expected) => {
    expect(values(call())).toEqual(expected);
  });

  it('takes out and residual', () => {
    const out = new Float32Array(2);
    const y = conv1d(count(1, 1, 3), ones(1, 1, 2), { engine, out, residual: new Float32Array([1, 1]) });
    expect(y.data).toBe(out);
    expect(Array.from(out)).toEqual([4, 6]);
  });
});

describe('a layer', () => {
  it('fills and returns out, or wraps a bare array', () => {
    using layer = new Conv1d({ weight: ones(1, 1, 1), engine });
    const out = tensor(new Float32Array(2), [1, 1, 2]);
    expect(layer.forward(count(1, 1, 2), { out })).toBe(out);
    expect(values(out)).toEqual([1, 2]);
    const data = new Float32Array(2);
    expect(layer.forward(count(1, 1, 2), { out: data })).toEqual({ data, shape: [1, 1, 2] });
  });

  it('takes onnxruntime’s dims and contiguous ndarrays', () => {
    using layer = new Conv1d({ weight: ones(1, 1, 1), engine });
    const data = new Float32Array([7, 1, 2]);
    expect(values(layer.forward({ data, dims: [1, 1, 3] }))).toEqual([7, 1, 2]);
    expect(values(layer.forward({ data, shape: [1, 1, 2], stride: [2, 2, 1], offset: 1 }))).toEqual([1, 2]);
    expectRefusal(
      () => layer.forward({ data, shape: [1, 1, 2], stride: [1, 1, 2], offset: 0 }),
      'ERR_SHAPE',
      'contiguous row-major',
      'copy it',
    );
  });

  it('keeps its weights when the caller changes theirs', () => {
    const weight = ones(1, 1, 1);
    using layer = new Conv1d({ weight, engine });
    weight.data.fill(5);
    expect(values(layer.forward(count(1, 1, 2)))).toEqual([1, 2]);
  });

  it('plans a shape once, and forgets the ninth', () => {
    const fake = new FakeEngine();
    const restore = replaceEngine(fake);
    using layer = new Conv1d({ weight: ones(1, 1, 1), engine });
    for (let round = 0; round < 3; round++) for (let size = 1; size <= 8; size++) layer.forward(ones(1, 1, size));
    expect(fake.geometries.length).toBe(8);
    layer.forward(ones(1, 1, 9));
    layer.forward(ones(1, 1, 8));
    expect(fake.geometries.length).toBe(9);
    layer.forward(ones(1, 1, 1));
    expect(fake.geometries.length).toBe(10);
    restore();
  });

  it('gives a shape that the caller may change', () => {
    using layer = new Conv1d({ weight: ones(1, 1, 1), engine });
    layer.forward(count(1, 1, 2)).shape[2] = 9;
    layer.outputShape([1, 1, 2])[2] = 9;
    expect(layer.outputShape([1, 1, 2])).toEqual([1, 1, 2]);
  });

  it('explains its plan', () => {
    using layer = new Conv2d({ weight: ones(1, 1, 3, 3), algorithm: 'reference', engine });
    const { algorithm, isa, refused } = layer.explain([1, 1, 5, 5]);
    expect({ algorithm, isa }).toEqual({ algorithm: 'reference', isa: 'js' });
    expect(refused.length).toBeGreaterThan(0);
  });

  it('is disposed of once, and refuses afterwards', () => {
    const fake = new FakeEngine();
    const restore = replaceEngine(fake);
    const layer = new Conv1d({ weight: ones(1, 1, 1), engine });
    layer.forward(ones(1, 1, 2));
    layer.dispose();
    layer.dispose();
    layer[Symbol.dispose]();
    expect(fake.disposed).toBe(1);
    expectRefusal(() => layer.forward(ones(1, 1, 2)), 'ERR_DISPOSED', 'Conv1d');
    expectRefusal(() => layer.explain([1, 1, 2]), 'ERR_DISPOSED');
    expectRefusal(() => layer.outputShape([1, 1, 2]), 'ERR_DISPOSED');
    expectRefusal(() => layer.cost([1, 1, 2]), 'ERR_DISPOSED');
    restore();
  });
});
