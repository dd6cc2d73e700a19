import { describe, expect, it } from 'vitest';
import {
  Conv1d,
  Conv2d,
  ConvTranspose2d,
  DepthwiseSeparableConv2d,
  type Layer,
  Sequential,
  tensor,
} from '../lib/index.js';
import { expectRefusal, untyped } from './support/refusal.js';

const engine = 'reference';

/** Small integers, so that every order of summation gives the same. */
function filled(...shape: number[]) {
  const count = shape.reduce((all, size) => all * size);
  return tensor(
    Float32Array.from({ length: count }, (_, index) => ((index * 7) % 5) - 2),
    shape,
  );
}

const layers = (): Layer<2>[] => [
  new Conv2d({ weight: filled(4, 2, 3, 3), padding: 1, activation: 'relu', engine }),
  new DepthwiseSeparableConv2d({
    depthwise: { weight: filled(4, 1, 3, 3), stride: 2, padding: 1 },
    pointwise: { weight: filled(6, 4, 1, 1) },
    engine,
  }),
  new ConvTranspose2d({ weight: filled(6, 3, 2, 2), stride: 2, engine }),
];

describe('Sequential', () => {
  it('is its layers one after the other', () => {
    using stack = new Sequential(layers());
    for (const size of [8, 6, 8, 10]) {
      const input = filled(2, 2, size, size);
      const byHand = layers().reduce((x, layer) => layer.forward(x), input as ReturnType<Layer<2>['forward']>);
      expect(stack.forward(input)).toEqual(byHand);
      expect(stack.outputShape(input.shape)).toEqual(byHand.shape);
    }
  });

  it('flattens nested stacks, and adds the residual in the last layer', () => {
    const [first, second, third] = layers();
    using stack = new Sequential([new Sequential([first, second]), new Sequential([third])]);
    expect(stack.layers).toEqual([first, second, third]);
    const input = filled(1, 2, 4, 4);
    const plain = stack.forward(input);
    const residual = new Float32Array(plain.data.length).fill(1);
    const out = tensor(new Float32Array(plain.data.length), plain.shape);
    expect(stack.forward(input, { residual, out })).toBe(out);
    expect(out.data).toEqual(plain.data.map((value) => value + 1));
  });

  it('serves a stack of one', () => {
    using stack = new Sequential([new Conv1d({ weight: filled(1, 1, 1), engine })]);
    expect(Array.from(stack.forward(tensor(new Float32Array([1, 2]), [1, 1, 2])).data)).toEqual([-2, -4]);
  });

  it('sums costs, and explains each layer', () => {
    using stack = new Sequential(layers());
    const shape = [1, 2, 8, 8];
    expect(stack.cost(shape)).toEqual({
      macs: 9 * 2 * 4 * 64 + (9 * 4 * 16 + 4 * 6 * 16) + 4 * 6 * 3 * 16,
      flops: 2 * (9 * 2 * 4 * 64 + (9 * 4 * 16 + 4 * 6 * 16) + 4 * 6 * 3 * 16),
      params: 72 + 36 + 24 + 72,
      inputBytes: 4 * 128,
      outputBytes: 4 * 3 * 64,
      weightBytes: 4 * 204,
    });
    const explanation = stack.explain(shape);
    expect(explanation.layers.length).toBe(3);
    // The turned input of 2×8×8 and the map of 6×4×4 share a buffer, as do that of 4×8×8 and the output of 3×8×8.
    expect(explanation).toMatchObject({ algorithm: 'sequential', isa: 'js', mapBytes: 4 * (128 + 256) });
    expect(stack.receptiveField()).toEqual({ size: [5, 5], stride: [1, 1] });
  });

  it('refuses layers that do not fit, at construction', () => {
    const [first, second] = layers();
    expectRefusal(() => new Sequential([]), 'ERR_OPTION', 'at least one layer');
    expectRefusal(() => new Sequential(untyped([first, {}])), 'ERR_OPTION', 'a layer', 'layers[1]');
    expectRefusal(
      () => new Sequential([second, second]),
      'ERR_OPTION',
      '6 (layers[0].outChannels)',
      'layers[1].inChannels',
      '4',
    );
    const last = new Conv2d({ weight: filled(4, 4, 1, 1), layout: 'NHWC', engine });
    expectRefusal(() => new Sequential<2>([first, last]), 'ERR_OPTION', '"NCHW"', 'layers[1].layout', '"NHWC"');
    const one = new Conv1d({ weight: filled(4, 4, 1), engine });
    expectRefusal(() => new Sequential(untyped([first, one])), 'ERR_OPTION', 'layers[1].rank');
  });

  it('refuses bad calls before the first layer runs', () => {
    using stack = new Sequential(layers());
    const block = new Float32Array(2 * 64 + 3 * 64).fill(7);
    const input = { data: block.subarray(0, 128), shape: [1, 2, 8, 8] };
    expectRefusal(() => stack.forward(input, { out: block.subarray(100, 292) }), 'ERR_BUFFER', 'overlapping');
    expectRefusal(() => stack.forward({ data: block, shape: [1, 5, 8, 8] }), 'ERR_SHAPE', 'input channels 2');
    expect(block.every((value) => value === 7)).toBe(true);
    expect(stack.forward(input, { out: block.subarray(128) }).data.length).toBe(192);
  });

  it('names the layer whose output would be empty', () => {
    using stack = new Sequential([
      new Conv1d({ weight: filled(1, 1, 3), engine }),
      new Conv1d({ weight: filled(1, 1, 3), engine }),
    ]);
    expectRefusal(() => stack.outputShape([1, 1, 4]), 'ERR_SHAPE', 'at least 1', 'layers[1]');
  });

  it('disposes of its layers, and refuses where one was disposed of', () => {
    const [first, second] = layers();
    const stack = new Sequential([first, second]);
    stack.forward(filled(1, 2, 4, 4));
    second.dispose();
    expectRefusal(() => stack.forward(filled(1, 2, 4, 4)), 'ERR_DISPOSED', 'DepthwiseSeparableConv2d');
    stack.dispose();
    expectRefusal(() => stack.forward(filled(1, 2, 4, 4)), 'ERR_DISPOSED', 'Sequential');
    expectRefusal(() => first.forward(filled(1, 2, 4, 4)), 'ERR_DISPOSED', 'Conv2d');
  });
});
