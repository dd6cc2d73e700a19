import { afterEach, describe, expect, it } from 'vitest';
import type { Layer } from '../lib/index.js';
import { Conv2d, DepthwiseConv2d, getThreads, PointwiseConv2d, Sequential, setThreads, tensor } from '../lib/index.js';
import { loadBinding } from '../lib/native/load.js';

/** Reproducible numbers in [0, 1) (Marsaglia, "Xorshift RNGs", 2003). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** The activations' order of magnitude stays as it is, so that no layer's output drowns in rounding. */
function randomTensor(next: () => number, ...shape: number[]) {
  const count = shape.reduce((all, size) => all * size);
  return tensor(
    Float32Array.from({ length: count }, () => next() - 0.5),
    shape,
  );
}

interface Case {
  readonly name: string;
  /** `[batch, height, width, channels]` */
  readonly input: readonly [number, number, number, number];
  readonly layers: (next: () => number) => Layer<2, 'NHWC'>[];
}

const common = { layout: 'NHWC', engine: 'native', activation: 'relu6' } as const;
const pointwise = (next: () => number, from: number, to: number) =>
  new PointwiseConv2d({ ...common, weight: randomTensor(next, to, from, 1, 1), bias: randomTensor(next, to).data });
const depthwise = (next: () => number, channels: number, kernel: number, options: object = {}) =>
  new DepthwiseConv2d({
    ...common,
    weight: randomTensor(next, channels, 1, kernel, kernel),
    bias: randomTensor(next, channels).data,
    padding: kernel >> 1,
    ...options,
  });

/** Maps beyond a MiB, as they lie in MobileNets, and what is awkward about rows: odd numbers, strides, long kernels. */
const cases: readonly Case[] = [
  {
    name: 'expansion, depthwise by a stride, projection',
    input: [1, 112, 112, 16],
    layers: (next) => [pointwise(next, 16, 96), depthwise(next, 96, 3, { stride: 2 }), pointwise(next, 96, 24)],
  },
  {
    name: 'a first layer of three channels, odd sizes',
    input: [1, 223, 221, 3],
    layers: (next) => [
      new Conv2d({ ...common, weight: randomTensor(next, 32, 3, 3, 3), stride: 2, padding: 1 }),
      depthwise(next, 32, 3),
      pointwise(next, 32, 40),
      depthwise(next, 40, 3, { stride: 2 }),
      pointwise(next, 40, 8),
    ],
  },
  {
    name: '5x5 and 7x7 kernels, two images, a dilated kernel behind',
    input: [2, 75, 64, 48],
    layers: (next) => [
      pointwise(next, 48, 80),
      depthwise(next, 80, 5),
      depthwise(next, 80, 7),
      depthwise(next, 80, 3, { dilation: 2, padding: 2 }),
      pointwise(next, 80, 16),
    ],
  },
  {
    name: 'strides that leap over rows, no padding',
    input: [1, 131, 128, 24],
    layers: (next) => [
      pointwise(next, 24, 32),
      new PointwiseConv2d({ ...common, weight: randomTensor(next, 64, 32, 1, 1), stride: [2, 1] }),
      depthwise(next, 64, 3, { padding: 0 }),
      pointwise(next, 64, 16),
    ],
  },
  {
    name: 'paired pixels of odd rows',
    input: [1, 61, 57, 104],
    layers: (next) => [pointwise(next, 104, 160), depthwise(next, 160, 3), pointwise(next, 160, 136)],
  },
];

const oneByOne = (layers: readonly Layer<2, 'NHWC'>[], input: ReturnType<typeof randomTensor>) =>
  layers.reduce((x, layer) => layer.forward(x), input as ReturnType<Layer<2, 'NHWC'>['forward']>);

const bytes = (array: Float32Array): Buffer => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
const sameBits = (a: Float32Array, b: Float32Array): boolean => bytes(a).equals(bytes(b));

const { binding } = loadBinding();
const isas = binding?.isas() ?? [];
const BANDS = /^layers \d+-\d+ in \d+ bands/;

describe.skipIf(binding === null)('layers of far maps on the native engine', () => {
  const before = { threads: getThreads(), isa: binding?.getIsa() ?? '' };
  afterEach(() => {
    setThreads(before.threads);
    binding?.setIsa(before.isa);
  });

  describe.each(isas)('with %s', (isa) => {
    it.each(cases)('$name: in bands, to the bits of one after another', async ({ input: [n, h, w, c], layers }) => {
      binding?.setIsa(isa);
      const next = random(h);
      const input = randomTensor(next, n, h, w, c);
      setThreads(1);
      const wanted = oneByOne(layers(random(7)), input);
      const residual = randomTensor(next, ...wanted.shape);
      for (const count of [1, 2, 3]) {
        setThreads(count);
        using stack = new Sequential(layers(random(7)));
        expect(stack.explain(input.shape).tile).toMatch(BANDS);
        expect(sameBits(stack.forward(input).data, wanted.data)).toBe(true);
        expect(sameBits((await stack.forwardAsync(input)).data, wanted.data)).toBe(true);
        const chain = layers(random(7));
        const last = chain[chain.length - 1];
        const added = last.forward(oneByOne(chain.slice(0, -1), input), { residual });
        expect(sameBits(stack.forward(input, { residual }).data, added.data)).toBe(true);
      }
    });
  });

  // A band at the map's edge leaves out taps in the padding that the whole map multiplies.
  it.each(isas.filter((isa) => isa !== 'scalar'))(
    'cuts long sums alike in bands and in the whole map, with %s',
    (isa) => {
      binding?.setIsa(isa);
      const layers = () => {
        const next = random(9);
        const weight = randomTensor(next, 48, 64, 7, 7);
        return [pointwise(next, 16, 64), new Conv2d({ ...common, weight, padding: 3, math: 'strict' })];
      };
      const input = randomTensor(random(3), 1, 64, 112, 16);
      const wanted = oneByOne(layers(), input);
      setThreads(16);
      using stack = new Sequential(layers());
      expect(stack.explain(input.shape).tile).toMatch(BANDS);
      expect(sameBits(stack.forward(input).data, wanted.data)).toBe(true);
    },
  );

  it('runs layer by layer where an algorithm that was asked for needs more pixels than a band has', () => {
    const next = random(5);
    const chain = () => [
      new PointwiseConv2d({ ...common, weight: randomTensor(next, 1824, 64, 1, 1), algorithm: 'strassen' }),
      depthwise(next, 1824, 3),
    ];
    setThreads(1);
    using stack = new Sequential(chain());
    expect(stack.explain([1, 12, 12, 64]).tile).not.toMatch(BANDS);
    expect(stack.forward(randomTensor(next, 1, 12, 12, 64)).shape).toEqual([1, 12, 12, 1824]);
  });

  // Four pixels share sums, and two rows of an odd width are no whole fours.
  it.each(isas)('runs layer by layer where rows share sums with their neighbours, with %s', (isa) => {
    binding?.setIsa(isa);
    const layers = () => {
      const next = random(11);
      return [pointwise(next, 160, 256), depthwise(next, 256, 3)];
    };
    const input = randomTensor(random(3), 1, 57, 41, 160);
    setThreads(1);
    const wanted = oneByOne(layers(), input);
    using stack = new Sequential(layers());
    expect(sameBits(stack.forward(input).data, wanted.data)).toBe(true);
    const [first] = layers();
    if (first.explain(input.shape).tile.includes('49/64')) {
      expect(stack.explain(input.shape).tile).not.toMatch(BANDS);
    }
  });

  it('is the same for stacks of any heights, kernels, strides and paddings', () => {
    const next = random(1234);
    const below = (count: number) => Math.floor(next() * count);
    let inBands = 0;
    for (let round = 0; round < 40; round++) {
      const [height, width] = [40 + below(120), 56 + below(60)];
      const seed = 1 + below(1e6);
      const shapeOf = (pick: () => number) => {
        const layers: Layer<2, 'NHWC'>[] = [];
        let channels = 3;
        const count = 2 + Math.floor(pick() * 5);
        for (let i = 0; i < count; i++) {
          const kernel = [2, 3, 5, 7][Math.floor(pick() * 4)];
          const options = {
            stride: [1 + Math.floor(pick() * 1.4), 1],
            padding: Math.floor(pick() * (kernel >> 1) + 0.7),
            dilation: pick() < 0.1 ? 2 : 1,
          };
          const to = pick() < 0.2 ? 2 + Math.floor(pick() * 9) : 8 * (3 + Math.floor(pick() * 9));
          if (i > 0 && pick() < 0.5) layers.push(depthwise(pick, channels, kernel, options));
          else if (i > 0 && pick() < 0.8) layers.push(pointwise(pick, channels, to));
          else layers.push(new Conv2d({ ...common, weight: randomTensor(pick, to, channels, 3, 3), padding: 1 }));
          channels = layers[layers.length - 1].outChannels;
        }
        return layers;
      };
      const input = randomTensor(next, 1 + below(2), height, width, 3);
      setThreads(1 + below(3));
      using stack = new Sequential(shapeOf(random(seed)));
      if (BANDS.test(stack.explain(input.shape).tile)) inBands++;
      const wanted = oneByOne(shapeOf(random(seed)), input);
      expect(sameBits(stack.forward(input).data, wanted.data), `${round}: ${seed}, ${height}x${width}`).toBe(true);
    }
    expect(inBands).toBeGreaterThan(10);
  });

  it.each([2, 3])(
    'leaves no stripe a single row of a kernel of %d, which would be summed in another order',
    (kernel) => {
      // 13 rows of outputs in three stripes of an even number each.
      const layers = () => {
        const next = random(kernel);
        return [pointwise(next, 16, 96), depthwise(next, 96, kernel, { stride: 2, padding: 0 })];
      };
      const input = randomTensor(random(5), 1, 24 + kernel, 112, 16);
      setThreads(1);
      const wanted = oneByOne(layers(), input);
      expect(wanted.shape[1]).toBe(13);
      for (const count of [1, 2, 3, 4]) {
        setThreads(count);
        using stack = new Sequential(layers());
        expect(sameBits(stack.forward(input).data, wanted.data)).toBe(true);
      }
    },
  );

  it('keeps a plan made for other threads right', () => {
    const [{ input: shape, layers }] = cases;
    const input = randomTensor(random(3), ...shape);
    setThreads(2);
    using stack = new Sequential(layers(random(7)));
    const wanted = stack.forward(input);
    setThreads(1);
    expect(sameBits(stack.forward(input).data, wanted.data)).toBe(true);
  });

  it('does not cut maps that the caches hold, nor keep them whole where it cuts', () => {
    const [{ layers }] = cases;
    setThreads(1);
    using stack = new Sequential(layers(random(7)));
    expect(stack.explain([1, 28, 28, 16]).tile).toBe('');
    // The map of 96 channels alone would be 4.8 MB.
    expect(stack.explain([1, 112, 112, 16]).mapBytes).toBeLessThan(1 << 20);
  });

  it('stops between bands', async () => {
    const [{ input: shape, layers }] = cases;
    using stack = new Sequential(layers(random(7)));
    const input = randomTensor(random(3), ...shape);
    const controller = new AbortController();
    const run = stack.forwardAsync(input, { signal: controller.signal });
    controller.abort();
    await expect(run).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(stack.forward(input).shape).toEqual(stack.outputShape(shape));
  });
});
