import { describe, expect, it } from 'vitest';
import type { Layer } from '../lib/index.js';
import { Conv2d, Conv3d, ConvTranspose2d, DepthwiseConv2d, PointwiseConv2d, Sequential, tensor } from '../lib/index.js';
import { loadBinding } from '../lib/native/load.js';

const engines = loadBinding().binding === null ? (['reference'] as const) : (['native', 'reference'] as const);

/** Small whole numbers, so that every order of summation gives the same; 'strict' leaves out what does more than that. */
function filled(...shape: number[]) {
  const count = shape.reduce((all, size) => all * size);
  return tensor(
    Float32Array.from({ length: count }, (_, index) => ((index * 7) % 5) - 2),
    shape,
  );
}

/** Maps of 16 channels between ends of 2 and 3: worth turning once. */
function wide(engine: 'native' | 'reference'): Layer<2>[] {
  return [
    new Conv2d({
      weight: filled(16, 2, 3, 3),
      bias: filled(16).data,
      padding: 1,
      activation: 'relu',
      math: 'strict',
      engine,
    }),
    new DepthwiseConv2d({ weight: filled(16, 1, 3, 3), padding: 1, math: 'strict', bias: filled(16).data, engine }),
    new PointwiseConv2d({ weight: filled(8, 16, 1, 1), activation: 'relu6', math: 'strict', engine }),
    new ConvTranspose2d({ weight: filled(8, 3, 2, 2), stride: 2, bias: filled(3).data, math: 'strict', engine }),
  ];
}

const oneByOne = (layers: readonly Layer<2>[], input: ReturnType<typeof filled>) =>
  layers.reduce((x, layer) => layer.forward(x), input as ReturnType<Layer<2>['forward']>);

describe.each(engines)('a channels-first stack on the %s engine', (engine) => {
  it('keeps its maps channels last, to the same result', async () => {
    using stack = new Sequential(wide(engine));
    for (const size of [9, 16]) {
      const input = filled(2, 2, size, size);
      const wanted = oneByOne(wide(engine), input);
      expect(stack.forward(input)).toEqual(wanted);
      expect(await stack.forwardAsync(input)).toEqual(wanted);
    }
    // The turned input, the maps of 16, 16 and 8 channels, and the output before it is turned back, in turns.
    const { layers, mapBytes } = stack.explain([2, 2, 9, 9]);
    expect(layers).toHaveLength(4);
    expect(mapBytes).toBe(4 * 2 * (Math.max(16 * 81, 3 * 18 * 18) + 16 * 81));
  });

  it('adds a residual in the last layer', () => {
    using stack = new Sequential(wide(engine));
    const input = filled(1, 2, 9, 9);
    const plain = stack.forward(input);
    const residual = filled(...plain.shape).data;
    const sum = stack.forward(input, { residual });
    expect(sum.data).toEqual(plain.data.map((value, index) => value + residual[index]));
    expect(stack.forward(input)).toEqual(plain);
  });

  it('leaves maps as they are where its ends are larger than what lies between', () => {
    const layers = [
      new Conv2d({ weight: filled(1, 4, 3, 3), padding: 1, math: 'strict', engine }),
      new Conv2d({ weight: filled(4, 1, 3, 3), padding: 1, math: 'strict', engine }),
    ];
    using stack = new Sequential(layers);
    expect(stack.explain([1, 4, 8, 8]).mapBytes).toBe(4 * 64);
    const input = filled(1, 4, 8, 8);
    expect(stack.forward(input)).toEqual(oneByOne(layers, input));
  });

  it('turns three-dimensional maps', () => {
    const layers = () => [
      new Conv3d({ weight: filled(20, 1, 3, 3, 3), padding: 1, math: 'strict', engine }),
      new Conv3d({ weight: filled(1, 20, 1, 1, 1), engine }),
    ];
    using stack = new Sequential(layers());
    const input = filled(1, 1, 4, 5, 6);
    const [first, second] = layers();
    expect(stack.forward(input)).toEqual(second.forward(first.forward(input)));
    expect(stack.explain(input.shape).mapBytes).toBe(4 * (120 + 20 * 120));
  });
});
