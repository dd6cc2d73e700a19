import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConvStage } from '../lib/engine.js';
import { replaceEngine } from '../lib/engines.js';
import {
  type Activation,
  Conv1d,
  Conv2d,
  ConvTranspose2d,
  DepthwiseConv2d,
  DepthwiseSeparableConv2d,
  DilatedConv2d,
  PointwiseConv2d,
  tensor,
} from '../lib/index.js';
import { FakeEngine } from './support/fake-engine.js';
import { expectRefusal, untyped } from './support/refusal.js';

const engine = 'reference';
let fake: FakeEngine;
let restore: () => void;

beforeAll(() => {
  restore = replaceEngine(new FakeEngine());
});
beforeEach(() => {
  fake = new FakeEngine();
  replaceEngine(fake);
});
afterAll(() => restore());

function range(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => index);
}

/** The stage that the engine was given last. */
function stageOf(make: () => unknown): ConvStage {
  make();
  return fake.stages[fake.stages.length - 1];
}

describe('a resolved spec', () => {
  const weight = tensor(range(2 * 3 * 9), [2, 3, 3, 3]);

  it('has every default settled, and is frozen', () => {
    const { spec, bias } = stageOf(() => new Conv2d({ weight, engine }));
    expect(spec).toEqual({
      transposed: false,
      rank: 2,
      channelsLast: false,
      inChannels: 3,
      outChannels: 2,
      groups: 1,
      kernel: [1, 3, 3],
      stride: [1, 1, 1],
      dilation: [1, 1, 1],
      paddingMode: 'zeros',
      activation: { op: 'clip', min: -Infinity, max: Infinity, alpha: 0, slope: null },
      algorithm: 'auto',
      math: 'fast',
    });
    expect(bias).toBeNull();
    expect(Object.isFrozen(spec)).toBe(true);
  });

  it('takes a bare array beside named sizes', () => {
    const layer = new Conv2d({ weight: range(54), inChannels: 3, outChannels: 2, kernelSize: 3, engine });
    expect([layer.inChannels, layer.outChannels, layer.kernelSize]).toEqual([3, 2, [3, 3]]);
    expectRefusal(
      () => new Conv2d({ weight: range(54), outChannels: 2, kernelSize: 3, engine }),
      'ERR_OPTION',
      'inChannels',
    );
    expectRefusal(
      () => new Conv2d({ weight: range(53), inChannels: 3, outChannels: 2, kernelSize: 3, engine }),
      'ERR_BUFFER',
      'Expected 54 elements for weight',
      '53',
    );
  });

  it('reads TensorFlow’s order: [kH, kW, in / groups, out]', () => {
    // Element [h][w][i][o] holds its OIHW index, so that the reordered data must count up.
    const hwio = new Float32Array(54);
    for (let o = 0; o < 2; o++)
      for (let i = 0; i < 3; i++) for (let k = 0; k < 9; k++) hwio[(k * 3 + i) * 2 + o] = (o * 3 + i) * 9 + k;
    const stage = stageOf(() => new Conv2d({ weight: tensor(hwio, [3, 3, 3, 2]), weightLayout: 'HWIO', engine }));
    expect(stage.weight).toEqual(range(54));
    const bare = { weight: hwio, inChannels: 3, outChannels: 2, kernelSize: 3, weightLayout: 'HWIO', engine } as const;
    expect(stageOf(() => new Conv2d(bare)).weight).toEqual(range(54));
  });

  it('reads a depthwise [kH, kW, channels, multiplier]: output channel c * multiplier + q', () => {
    const hwio = new Float32Array(2 * 3 * 2);
    for (let c = 0; c < 3; c++)
      for (let q = 0; q < 2; q++) for (let k = 0; k < 2; k++) hwio[(k * 3 + c) * 2 + q] = (c * 2 + q) * 2 + k;
    const options = { weight: tensor(hwio, [1, 2, 3, 2]), weightLayout: 'HWIO', engine } as const;
    const { spec, weight: canonical } = stageOf(() => new DepthwiseConv2d(options));
    expect(canonical).toEqual(range(12));
    expect([spec.inChannels, spec.outChannels, spec.groups]).toEqual([3, 6, 3]);
    expectRefusal(() => new DepthwiseConv2d({ ...options, multiplier: 3 }), 'ERR_OPTION', 'multiplier', '3');
  });

  it('reads a transposed [kH, kW, out / groups, in]', () => {
    const hwio = new Float32Array(4 * 3);
    for (let i = 0; i < 3; i++) for (let o = 0; o < 4; o++) hwio[o * 3 + i] = i * 4 + o;
    const options = { weight: tensor(hwio, [1, 1, 4, 3]), weightLayout: 'HWIO', engine } as const;
    const { spec, weight: canonical } = stageOf(() => new ConvTranspose2d(options));
    expect(canonical).toEqual(range(12));
    expect([spec.inChannels, spec.outChannels]).toEqual([3, 4]);
  });

  it('settles a depthwise multiplier', () => {
    const depthwise = tensor(range(54), [6, 1, 3, 3]);
    expect(new DepthwiseConv2d({ weight: depthwise, engine }).inChannels).toBe(6);
    expect(new DepthwiseConv2d({ weight: depthwise, multiplier: 2, engine }).inChannels).toBe(3);
    expect(new DepthwiseConv2d({ weight: depthwise, inChannels: 2, engine }).outChannels).toBe(6);
    expectRefusal(() => new DepthwiseConv2d({ weight: depthwise, multiplier: 4, engine }), 'ERR_OPTION', 'inChannels');
    expectRefusal(() => new DepthwiseConv2d({ weight, engine }), 'ERR_SHAPE', '[channels * multiplier, 1');
  });

  it('folds batch norm into weight and bias in float64', () => {
    const batchNorm = { mean: [1, 2], variance: [3.99999, 0.24999], scale: [2, 1], offset: [0.5, -1] };
    const options = { weight: tensor(new Float32Array([1, 2]), [2, 1, 1]), bias: [3, 4], batchNorm, engine } as const;
    const stage = stageOf(() => new Conv1d(options));
    // Variance + 1e-5 is 4 and 0.25: factors 2/2 and 1/0.5. Bias (3 - 1) * 1 + 0.5 and (4 - 2) * 2 - 1.
    expect(Array.from(stage.weight, (value) => value.toFixed(5))).toEqual(['1.00000', '4.00000']);
    expect(Array.from(stage.bias ?? [], (value) => value.toFixed(4))).toEqual(['2.5000', '3.0000']);
    expectRefusal(
      () => new Conv1d({ ...options, batchNorm: { mean: [0, 0], variance: [1, -1] } }),
      'ERR_OPTION',
      'batchNorm.variance[1]',
    );
  });

  it('folds batch norm of a grouped transposed layer by output channel', () => {
    // [in 2, out / groups 2] in 2 groups: rows belong to output channels 0, 1 and 2, 3.
    const transposed = tensor(new Float32Array([1, 1, 1, 1]), [2, 2, 1, 1]);
    const batchNorm = { mean: [0, 0, 0, 0], variance: [1, 1, 1, 1], scale: [1, 2, 3, 4], epsilon: 0 };
    const stage = stageOf(() => new ConvTranspose2d({ weight: transposed, groups: 2, batchNorm, engine }));
    expect(stage.weight).toEqual(new Float32Array([1, 2, 3, 4]));
  });

  it('refuses channels, groups and kernels that do not agree', () => {
    expectRefusal(
      () => new Conv2d({ weight, groups: 4, engine }),
      'ERR_OPTION',
      'divisor of outChannels 2',
      'groups',
      '4',
    );
    expectRefusal(() => new Conv2d({ weight, inChannels: 4, engine }), 'ERR_OPTION', '3, as weight has it', '4');
    expectRefusal(() => new Conv2d({ weight, kernelSize: 5, engine }), 'ERR_OPTION', 'kernelSize', '[5, 5]');
    expectRefusal(() => new PointwiseConv2d({ weight, engine }), 'ERR_SHAPE', 'a kernel of 1', '[2, 3, 3, 3]');
    expectRefusal(() => new Conv2d({ weight, bias: [1], engine }), 'ERR_SHAPE', 'Expected 2 values', 'bias', '1');
    expectRefusal(() => new DilatedConv2d(untyped({ weight, engine })), 'ERR_OPTION', 'dilation', 'undefined');
  });

  it('names the nearest known option for one that is not', () => {
    expectRefusal(() => new Conv2d(untyped({ weight, strides: 2 })), 'ERR_OPTION', '"strides"', "'stride'");
    expectRefusal(() => new Conv2d(untyped({ weight, dilatoin: 2 })), 'ERR_OPTION', "did you mean 'dilation'?");
    expectRefusal(() => new Conv2d(untyped({ weight, multiplier: 2 })), 'ERR_OPTION', '"multiplier"');
    expectRefusal(() => new Conv2d({ weight, algorithm: 'fastest', engine }), 'ERR_OPTION', "'fake', 'reference'");
    expectRefusal(() => new Conv2d(untyped({ weight, layout: 'NCW' })), 'ERR_OPTION', "'NCHW', 'NHWC'", '"NCW"');
  });

  it('joins the stages of a separable layer', () => {
    const depthwise = { weight: tensor(range(27), [3, 1, 3, 3]) };
    const pointwise = { weight: tensor(range(12), [4, 3, 1, 1]) };
    const layer = new DepthwiseSeparableConv2d({ depthwise: { ...depthwise, layout: 'NHWC' }, pointwise, engine });
    expect(fake.stages.map(({ spec }) => spec.channelsLast)).toEqual([true, true]);
    expect(layer.outputShape([1, 5, 5, 3])).toEqual([1, 3, 3, 4]);
    expectRefusal(
      () => new DepthwiseSeparableConv2d({ depthwise, pointwise: { weight: tensor(range(8), [4, 2, 1, 1]) }, engine }),
      'ERR_OPTION',
      'pointwise.inChannels',
    );
    expectRefusal(
      () => new DepthwiseSeparableConv2d(untyped({ depthwise, pointwise: { ...pointwise, stride: 2 }, engine })),
      'ERR_OPTION',
      '"stride"',
    );
    expectRefusal(
      () =>
        new DepthwiseSeparableConv2d(
          untyped({ layout: 'NCHW', depthwise: { ...depthwise, layout: 'NHWC' }, pointwise }),
        ),
      'ERR_OPTION',
      'depthwise.layout',
    );
  });
});

describe('an activation', () => {
  const resolve = (activation: Activation) =>
    stageOf(() => new Conv1d({ weight: tensor(range(2), [2, 1, 1]), activation, engine })).spec.activation;

  it.each([
    ['linear', 'clip', -Infinity, Infinity],
    ['relu', 'clip', 0, Infinity],
    ['relu6', 'clip', 0, 6],
    [{ type: 'relu', max: 2 }, 'clip', 0, 2],
    [{ type: 'clip', min: -1, max: 1 }, 'clip', -1, 1],
    ['silu', 'silu', -Infinity, Infinity],
  ] as const)('%o is %s from %d to %d', (activation, op, min, max) => {
    expect(resolve(activation)).toMatchObject({ op, min, max });
  });

  it('has parameters with defaults, rounded to float32', () => {
    expect(resolve('leakyRelu').alpha).toBe(Math.fround(0.01));
    expect(resolve({ type: 'leakyRelu', alpha: 0.2 }).alpha).toBe(Math.fround(0.2));
    expect(resolve('elu').alpha).toBe(1);
    expect(resolve({ type: 'prelu', slope: 0.5 }).slope).toEqual(new Float32Array([0.5, 0.5]));
    expect(resolve({ type: 'prelu', slope: [1, 2] }).slope).toEqual(new Float32Array([1, 2]));
  });

  it('refuses unknown types, foreign parameters and impossible bounds', () => {
    expectRefusal(() => resolve(untyped('swish')), 'ERR_OPTION', "'hardSwish'", '"swish"');
    expectRefusal(() => resolve(untyped('toString')), 'ERR_OPTION', "'relu'");
    expectRefusal(() => resolve(untyped({ type: 'tanh', alpha: 1 })), 'ERR_OPTION', 'no parameters', "'alpha'");
    expectRefusal(
      () => resolve(untyped({ type: 'elu', slope: 1 })),
      'ERR_OPTION',
      "only the parameters 'alpha'",
      "'slope'",
    );
    expectRefusal(() => resolve({ type: 'clip', min: 2, max: 1 }), 'ERR_OPTION', 'activation.max');
    expectRefusal(() => resolve({ type: 'leakyRelu', alpha: Number.NaN }), 'ERR_OPTION', 'activation.alpha', 'NaN');
    expectRefusal(() => resolve(untyped('prelu')), 'ERR_OPTION', 'activation.slope');
    expectRefusal(() => resolve({ type: 'prelu', slope: [1, 2, 3] }), 'ERR_SHAPE', 'activation.slope', '3');
  });
});
