import { describe, expect, it } from 'vitest';
import {
  Conv2d,
  ConvTranspose2d,
  convCost,
  DepthwiseConv2d,
  DepthwiseSeparableConv2d,
  receptiveField,
  Sequential,
  tensor,
} from '../lib/index.js';
import { expectRefusal, untyped } from './support/refusal.js';

const engine = 'reference';
const zeros = (...shape: number[]) => tensor(new Float32Array(shape.reduce((all, size) => all * size)), shape);

describe('the cost of a layer', () => {
  it('is K² · Cin · H · W · Cout for a standard convolution', () => {
    // 9 · 64 · 56 · 56 · 64 = 115,605,504
    const cost = convCost({ inputShape: [1, 64, 56, 56], outChannels: 64, kernelSize: 3, padding: 1, bias: true });
    expect(cost).toEqual({
      macs: 115_605_504,
      flops: 231_211_008,
      params: 36_928,
      inputBytes: 802_816,
      outputBytes: 802_816,
      weightBytes: 147_712,
      outputShape: [1, 64, 56, 56],
    });
    const { outputShape: _, ...plain } = cost;
    const layer = new Conv2d({ weight: zeros(64, 64, 3, 3), bias: new Float32Array(64), padding: 1, engine });
    expect(layer.cost([1, 64, 56, 56])).toEqual(plain);
  });

  it('is divided by the groups', () => {
    const spec = { inputShape: [2, 8, 4, 4], outChannels: 16, kernelSize: 1 };
    expect(convCost(spec).macs).toBe(2 * 16 * 8 * 16);
    expect(convCost({ ...spec, groups: 4 }).macs).toBe((2 * 16 * 8 * 16) / 4);
  });

  it('is K² · Cin · H · W for a depthwise one', () => {
    // 9 · 32 · 112 · 112 = 3,612,672
    const spec = { kind: 'depthwise', inputShape: [1, 32, 112, 112], kernelSize: 3, padding: 1 } as const;
    expect(convCost(spec)).toMatchObject({ macs: 3_612_672, params: 288 });
    expect(convCost({ ...spec, multiplier: 2 })).toMatchObject({ macs: 7_225_344, outputShape: [1, 64, 112, 112] });
    const layer = new DepthwiseConv2d({ weight: zeros(32, 1, 3, 3), padding: 1, engine });
    expect(layer.cost([1, 32, 112, 112]).macs).toBe(3_612_672);
  });

  it('is H · W · Cin · Cout for a pointwise one', () => {
    const spec = { kind: 'pointwise', inputShape: [1, 112, 112, 32], outChannels: 64, layout: 'NHWC' } as const;
    expect(convCost(spec)).toMatchObject({ macs: 25_690_112, params: 2048, outputShape: [1, 112, 112, 64] });
  });

  it('is the sum for a separable one, and 1/Cout + 1/K² of the standard', () => {
    const spec = {
      kind: 'separable',
      inputShape: [1, 32, 112, 112],
      outChannels: 64,
      kernelSize: 3,
      padding: 1,
    } as const;
    const cost = convCost(spec);
    expect(cost.macs).toBe(3_612_672 + 25_690_112);
    expect(cost.params).toBe(288 + 2048);
    expect(cost.ratio).toBeCloseTo(1 / 64 + 1 / 9, 12);
    const layer = new DepthwiseSeparableConv2d({
      depthwise: { weight: zeros(32, 1, 3, 3), padding: 1 },
      pointwise: { weight: zeros(64, 32, 1, 1) },
      engine,
    });
    expect(layer.cost([1, 32, 112, 112])).toMatchObject({
      macs: cost.macs,
      params: cost.params,
      inputBytes: cost.inputBytes,
    });
  });

  it('counts each input against each weight for a transposed one', () => {
    // 16 · 512 · 256 · 8 · 8 = 134,217,728
    const spec = { inputShape: [1, 512, 8, 8], outChannels: 256, kernelSize: 4, stride: 2, padding: 1 } as const;
    expect(convCost({ kind: 'transposed', ...spec })).toMatchObject({
      macs: 134_217_728,
      outputShape: [1, 256, 16, 16],
      outputBytes: 262_144,
    });
    const layer = new ConvTranspose2d({ weight: zeros(512, 256, 4, 4), stride: 2, padding: 1, engine });
    expect(layer.cost([1, 512, 8, 8]).macs).toBe(134_217_728);
  });

  it('serves 1-D and 3-D, and refuses what it does not know', () => {
    expect(convCost({ inputShape: [1, 2, 10], outChannels: 3, kernelSize: 3 }).macs).toBe(3 * 2 * 3 * 8);
    expect(convCost({ inputShape: [1, 2, 4, 4, 4], outChannels: 3, kernelSize: 2 }).macs).toBe(8 * 2 * 3 * 27);
    expectRefusal(() => convCost({ inputShape: [1, 2, 10], kernelSize: 3 }), 'ERR_OPTION', 'outChannels');
    expectRefusal(
      () => convCost(untyped({ inputShape: [1, 2, 10], kind: 'dense' })),
      'ERR_OPTION',
      "'separable'",
      '"dense"',
    );
    expectRefusal(
      () => convCost({ inputShape: [1, 3, 9], outChannels: 4, kernelSize: 1, groups: 2 }),
      'ERR_OPTION',
      'inChannels 3',
    );
  });
});

describe('the receptive field of a stack', () => {
  it('is 1 + Σ d(K - 1) · Π strides before', () => {
    // VGG: two 3×3, pool 2/2, two 3×3: 1 + 2 + 2 + 1 + 2·2 + 2·2 = 14
    const conv = { kernelSize: 3 };
    expect(receptiveField([conv, conv, { kernelSize: 2, stride: 2 }, conv, conv])).toEqual({ size: [14], stride: [2] });
    expect(receptiveField([{ kernelSize: 7, stride: 2 }, { kernelSize: 3, stride: 2 }, conv])).toEqual({
      size: [19],
      stride: [4],
    });
    expect(
      receptiveField([
        { kernelSize: 3, dilation: 4 },
        { kernelSize: [1, 3], stride: [1, 2] },
      ]),
    ).toEqual({
      size: [9, 11],
      stride: [1, 2],
    });
  });

  it('shrinks by transposed layers', () => {
    const up = { kernelSize: 2, stride: 2, transposed: true };
    // Each output of a 2×2 stride-2 enlargement sees one input; three neighbours of it see two.
    expect(receptiveField([up])).toEqual({ size: [1], stride: [0.5] });
    expect(receptiveField([up, { kernelSize: 3 }])).toEqual({ size: [2], stride: [0.5] });
    expect(receptiveField([{ kernelSize: 4, stride: 2, transposed: true }])).toEqual({ size: [2], stride: [0.5] });
    expect(receptiveField([{ kernelSize: 3, stride: 2 }, up])).toEqual({ size: [3], stride: [1] });
  });

  it('is read from layers and stacks', () => {
    const layers = () => [
      new Conv2d({ weight: zeros(1, 1, 3, 5), stride: [2, 1], engine }),
      new Sequential([new Conv2d({ weight: zeros(1, 1, 3, 3), dilation: 2, engine })]),
    ];
    expect(new Sequential(layers()).receptiveField()).toEqual({ size: [11, 9], stride: [2, 1] });
    expectRefusal(() => receptiveField([]), 'ERR_OPTION', 'at least one layer');
    expectRefusal(() => receptiveField(untyped([{ stride: 1 }])), 'ERR_OPTION', 'layers[0].kernelSize');
  });
});
