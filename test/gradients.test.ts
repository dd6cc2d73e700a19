import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it, test } from 'vitest';
import * as convolith from '../lib/index.js';
import { type Tensor as AnyTensor, tensor } from '../lib/index.js';
import { loadBinding } from '../lib/native/load.js';
import { Random } from './support/random.js';
import { expectRefusal, untyped } from './support/refusal.js';
import { buildSpec } from './support/spec.js';

const ENGINES = (['reference', 'native'] as const).filter(
  (engine) => (process.env.CONVOLITH_TEST_ENGINES ?? engine) === engine || process.env.CONVOLITH_TEST_ENGINES === 'all',
);

type Tensor = AnyTensor<readonly number[]>;

/** A tensor of the numbers 1, 2, 3, … */
function counting(...shape: number[]) {
  const length = shape.reduce((all, size) => all * size);
  return tensor(
    Float32Array.from({ length }, (_, index) => index + 1),
    shape,
  );
}

function of(values: readonly number[], ...shape: number[]) {
  return tensor(Float32Array.from(values), shape);
}

describe.each(ENGINES)('by hand, %s', (engine) => {
  it('a 2×2 kernel on a 3×3 map', () => {
    const grad = of([1, 2, 3, 4], 1, 1, 2, 2);
    const byWeight = convolith.conv2dWeightGrad(counting(1, 1, 3, 3), grad, [1, 1, 2, 2], { engine });
    expect([...byWeight.data]).toEqual([37, 47, 67, 77]);
    expect(byWeight.shape).toEqual([1, 1, 2, 2]);
    const byInput = convolith.conv2dInputGrad(grad, counting(1, 1, 2, 2), [1, 1, 3, 3], { engine });
    expect([...byInput.data]).toEqual([1, 4, 4, 6, 20, 16, 9, 24, 16]);
    expect(byInput.shape).toEqual([1, 1, 3, 3]);
  });

  it('stride 2 leaves an input out', () => {
    const grad = of([1, 10], 1, 1, 2);
    const options = { engine, stride: 2 } as const;
    expect([...convolith.conv1dWeightGrad(counting(1, 1, 5), grad, [1, 1, 2], options).data]).toEqual([31, 42]);
    const byInput = convolith.conv1dInputGrad(grad, counting(1, 1, 2), [1, 1, 5], options);
    expect([...byInput.data]).toEqual([1, 2, 10, 20, 0]);
  });

  it('dilation 2', () => {
    const options = { engine, dilation: 2 } as const;
    const grad = counting(1, 1, 3);
    expect([...convolith.conv1dWeightGrad(counting(1, 1, 5), grad, [1, 1, 2], options).data]).toEqual([14, 26]);
    const byInput = convolith.conv1dInputGrad(grad, of([1, 10], 1, 1, 2), [1, 1, 5], options);
    expect([...byInput.data]).toEqual([1, 2, 13, 20, 30]);
  });

  it('padding gives no gradient to what it adds', () => {
    const grad = of([1, 1, 1], 1, 1, 3);
    const byWeight = convolith.conv1dWeightGrad(counting(1, 1, 3), grad, [1, 1, 3], { engine, padding: 1 });
    expect([...byWeight.data]).toEqual([3, 6, 5]);
  });

  it('circular padding gives its gradient to the other end', () => {
    const options = { engine, padding: [[1, 0]], paddingMode: 'circular' } as const;
    const byInput = convolith.conv1dInputGrad(counting(1, 1, 3), of([10, 1], 1, 1, 2), [1, 1, 3], options);
    expect([...byInput.data]).toEqual([21, 32, 13]);
  });

  it('a depthwise filter meets its own channel alone', () => {
    const grad = of([1, 1, 10, 10], 1, 2, 1, 2);
    const options = { engine } as const;
    const byWeight = convolith.depthwiseConv2dWeightGrad(counting(1, 2, 1, 3), grad, [2, 1, 1, 2], options);
    expect([...byWeight.data]).toEqual([3, 5, 90, 110]);
    const byInput = convolith.depthwiseConv2dInputGrad(grad, counting(2, 1, 1, 2), [1, 2, 1, 3], options);
    expect([...byInput.data]).toEqual([1, 3, 2, 30, 70, 40]);
  });

  it('a transposed convolution of stride 2', () => {
    const [input, grad, options] = [counting(1, 1, 2), counting(1, 1, 4), { engine, stride: 2 } as const];
    expect([...convolith.convTranspose1dWeightGrad(input, grad, [1, 1, 2], options).data]).toEqual([7, 10]);
    const byInput = convolith.convTranspose1dInputGrad(grad, of([3, 4], 1, 1, 2), [1, 1, 2], options);
    expect([...byInput.data]).toEqual([11, 25]);
  });

  it('fills and returns out', () => {
    const out = counting(1, 1, 2, 2);
    const grad = of([1, 2, 3, 4], 1, 1, 2, 2);
    expect(convolith.conv2dWeightGrad(counting(1, 1, 3, 3), grad, [1, 1, 2, 2], { engine, out })).toBe(out);
    expect([...out.data]).toEqual([37, 47, 67, 77]);
  });
});

it('the gradient by the bias sums over images and points', () => {
  expect(convolith.convBiasGrad(counting(2, 2, 2))).toEqual({ data: Float32Array.of(14, 22), shape: [2] });
  const last = convolith.convBiasGrad(counting(2, 2, 2), { layout: 'NWC' });
  expect([...last.data]).toEqual([16, 20]);
});

/** A convolution and its gradients, as the numeric test calls all of them. */
interface Functions {
  readonly rank: 1 | 2 | 3;
  readonly forward: (input: Tensor, weight: Tensor, options: object) => Tensor;
  readonly inputGrad: (grad: Tensor, weight: Tensor, shape: readonly number[], options: object) => Tensor;
  readonly weightGrad: (input: Tensor, grad: Tensor, shape: readonly number[], options: object) => Tensor;
}

const BY_NAME: { readonly [name: string]: unknown } = { ...convolith };

/** The public functions of a kind: `conv2d`, `conv2dInputGrad`, `conv2dWeightGrad`. */
function functionsOf(name: string, rank: 1 | 2 | 3): Functions {
  return {
    rank,
    forward: untyped(BY_NAME[name]),
    inputGrad: untyped(BY_NAME[`${name}InputGrad`]),
    weightGrad: untyped(BY_NAME[`${name}WeightGrad`]),
  };
}

const KINDS: readonly (readonly [kind: string, Functions])[] = [
  ['standard 1-D', functionsOf('conv1d', 1)],
  ['standard 2-D', functionsOf('conv2d', 2)],
  ['standard 3-D', functionsOf('conv3d', 3)],
  ['depthwise 2-D', functionsOf('depthwiseConv2d', 2)],
  ['transposed 1-D', functionsOf('convTranspose1d', 1)],
  ['transposed 2-D', functionsOf('convTranspose2d', 2)],
  ['transposed 3-D', functionsOf('convTranspose3d', 3)],
];

const axis = fc.record({
  size: fc.integer({ min: 4, max: 8 }),
  kernel: fc.integer({ min: 1, max: 3 }),
  stride: fc.integer({ min: 1, max: 3 }),
  padding: fc.tuple(fc.nat(2), fc.nat(2)),
});

/** A call of a kind: the options, and the shapes of input and weight. */
function anyCall(kind: string, rank: number) {
  return fc
    .record({
      axes: fc.array(axis, { minLength: rank, maxLength: rank }),
      groups: fc.integer({ min: 1, max: 3 }),
      groupIn: fc.integer({ min: 1, max: 4 }),
      groupOut: fc.integer({ min: 1, max: 4 }),
      batch: fc.integer({ min: 1, max: 2 }),
      dilation: fc.integer({ min: 1, max: 2 }),
      channelsLast: fc.boolean(),
      hwio: fc.boolean(),
      same: fc.boolean(),
      seed: fc.nat(),
    })
    .map(({ axes, groups, batch, dilation, channelsLast, hwio, same, seed, ...count }) => {
      const [depthwise, transposed] = [kind.startsWith('depthwise'), kind.startsWith('transposed')];
      const groupIn = depthwise ? 1 : count.groupIn;
      const { groupOut } = count;
      const size = axes.map((one) => one.size);
      const kernel = axes.map((one) => one.kernel);
      const channels = groups * groupIn;
      const major = transposed ? channels : groups * groupOut;
      const minor = transposed ? groupOut : groupIn;
      const tensorFlow = depthwise ? [...kernel, groups, groupOut] : [...kernel, minor, major];
      const first = ['NCW', 'NCHW', 'NCDHW'][rank - 1];
      const last = ['NWC', 'NHWC', 'NDHWC'][rank - 1];
      const options = {
        stride: axes.map((one) => one.stride),
        dilation,
        padding: same && !transposed ? 'same' : axes.map((one) => one.padding),
        layout: channelsLast ? last : first,
        weightLayout: hwio ? 'HWIO' : 'OIHW',
        ...(depthwise ? (hwio ? {} : { multiplier: groupOut }) : { groups }),
      };
      const inputShape = channelsLast ? [batch, ...size, channels] : [batch, channels, ...size];
      return { options, inputShape, weightShape: hwio ? tensorFlow : [major, minor, ...kernel], seed };
    });
}

describe.each(ENGINES)('numeric differentiation, %s', (engine) => {
  test.each(KINDS)('%s', (kind, { forward, inputGrad, weightGrad, rank }) => {
    fc.assert(
      fc.property(anyCall(kind, rank), ({ options: given, inputShape, weightShape, seed }) => {
        const random = new Random(seed);
        const draw = (shape: readonly number[]) =>
          tensor(random.integers(shape.reduce((all, size) => all * size)), [...shape]);
        const options = { ...given, engine };
        const [input, weight] = [draw(inputShape), draw(weightShape)];
        const output = () => forward(input, weight, options);
        let grad: Tensor;
        try {
          grad = draw(output().shape);
        } catch (error) {
          // Padding that leaves no output, or crops more than there is.
          if ((error as { code?: string }).code === 'ERR_SHAPE') return;
          throw error;
        }
        // The loss Σ output · grad is linear in each entry: whole numbers make its difference exact.
        const loss = () => output().data.reduce((sum, value, at) => sum + value * grad.data[at], 0);
        const slope = (data: Float32Array, at: number): number => {
          data[at] += 1;
          const above = loss();
          data[at] -= 2;
          const below = loss();
          data[at] += 1;
          return (above - below) / 2;
        };
        const byInput = inputGrad(grad, weight, inputShape, options).data;
        const byWeight = weightGrad(input, grad, weightShape, options).data;
        for (let probe = 0; probe < 4; probe++) {
          const [i, w] = [random.integer(0, byInput.length - 1), random.integer(0, byWeight.length - 1)];
          expect(byInput[i]).toBe(slope(input.data, i));
          expect(byWeight[w]).toBe(slope(weight.data, w));
        }
      }),
      { numRuns: engine === 'native' ? 30 : 8 },
    );
  });
});

describe.each(ENGINES)("against TensorFlow.js's CPU backend, %s", (engine) => {
  beforeAll(() => tf.setBackend('cpu'));
  const random = new Random(3);
  const whole = (...shape: number[]) => tf.tensor(random.integers(shape.reduce((all, size) => all * size)), shape);
  const plain = (of: tf.Tensor) => tensor(of.dataSync() as Float32Array, [...of.shape]);
  const kernel = (name: string, inputs: tf.NamedTensorMap, attrs: object) =>
    (tf.engine().runKernel(name, inputs, untyped(attrs)) as tf.Tensor).dataSync();

  test.each([
    { pad: 'same', strides: 1 },
    { pad: 'valid', strides: 2 },
    { pad: 'same', strides: 2 },
  ] as const)('of conv2d, depthwise, transposed and conv3d, $pad, stride $strides', ({ pad, strides }) => {
    const settings = { padding: pad, stride: strides, weightLayout: 'HWIO', engine } as const;
    const flat = { ...settings, layout: 'NHWC' } as const;
    const [x, w] = [whole(2, 9, 8, 5), whole(3, 2, 5, 7)] as [tf.Tensor4D, tf.Tensor4D];
    const dy = whole(...tf.conv2d(x, w, strides, pad).shape) as tf.Tensor4D;
    const attrs = { strides, pad, dataFormat: 'NHWC', dilations: 1, inputShape: x.shape, filterShape: w.shape };
    const byInput = convolith.conv2dInputGrad(plain(dy), plain(w), x.shape, flat);
    expect(byInput.data).toEqual(kernel('Conv2DBackpropInput', { dy, filter: w }, attrs));
    const byWeight = convolith.conv2dWeightGrad(plain(x), plain(dy), w.shape, flat);
    expect(byWeight.data).toEqual(kernel('Conv2DBackpropFilter', { x, dy }, attrs));

    // A transposed convolution is a gradient by the input, so the roles of input and output are exchanged.
    const up = { ...flat, padding: 0 } as const;
    const z = whole(2, 4, 5, 7) as tf.Tensor4D;
    const dz = whole(2, 3 * strides + 3, 4 * strides + 2, 5) as tf.Tensor4D;
    const valid = { ...attrs, pad: 'valid', inputShape: dz.shape };
    const transposedInput = convolith.convTranspose2dInputGrad(plain(dz), plain(w), z.shape, up);
    expect(transposedInput.data).toEqual(tf.conv2d(dz, w, strides, 'valid').dataSync());
    const transposedWeight = convolith.convTranspose2dWeightGrad(plain(z), plain(dz), w.shape, up);
    expect(transposedWeight.data).toEqual(kernel('Conv2DBackpropFilter', { x: dz, dy: z }, valid));

    const d = whole(3, 3, 5, 2) as tf.Tensor4D;
    const dd = whole(...tf.depthwiseConv2d(x, d, strides, pad).shape);
    const deep = { ...attrs, filterShape: d.shape };
    const deepInput = convolith.depthwiseConv2dInputGrad(plain(dd), plain(d), x.shape, flat);
    expect(deepInput.data).toEqual(kernel('DepthwiseConv2dNativeBackpropInput', { dy: dd, filter: d }, deep));
    const deepWeight = convolith.depthwiseConv2dWeightGrad(plain(x), plain(dd), d.shape, flat);
    expect(deepWeight.data).toEqual(kernel('DepthwiseConv2dNativeBackpropFilter', { x, dy: dd }, deep));

    const [v, k] = [whole(2, 5, 6, 4, 3), whole(2, 3, 2, 3, 4)] as [tf.Tensor5D, tf.Tensor5D];
    const dv = whole(...tf.conv3d(v, k, strides, pad).shape);
    const solid = { strides, pad, inputShape: v.shape, filterShape: k.shape };
    const volumes = { ...settings, layout: 'NDHWC' } as const;
    const solidInput = convolith.conv3dInputGrad(plain(dv), plain(k), v.shape, volumes);
    expect(solidInput.data).toEqual(kernel('Conv3DBackpropInputV2', { dy: dv, filter: k }, solid));
    const solidWeight = convolith.conv3dWeightGrad(plain(v), plain(dv), k.shape, volumes);
    expect(solidWeight.data).toEqual(kernel('Conv3DBackpropFilterV2', { x: v, dy: dv }, solid));
  });
});

describe('a gradient is refused', () => {
  const engine = 'reference';
  const input = counting(2, 4, 6, 6);
  const grad = counting(2, 8, 6, 6);
  const weight = counting(8, 4, 3, 3);
  const options = { padding: 1, engine } as const;
  const byWeight =
    (changed: object, x: unknown = input, dy: unknown = grad, shape: unknown = [8, 4, 3, 3]) =>
    () =>
      convolith.conv2dWeightGrad(untyped(x), untyped(dy), untyped(shape), untyped({ ...options, ...changed }));
  const byInput =
    (changed: object, dy: unknown = grad, w: unknown = weight, shape: unknown = [2, 4, 6, 6]) =>
    () =>
      convolith.conv2dInputGrad(untyped(dy), untyped(w), untyped(shape), untyped({ ...options, ...changed }));

  it.each([
    ['an activation', byWeight({ activation: 'relu' }), 'ERR_OPTION', ['activation']],
    ['a bias', byInput({ bias: new Float32Array(8) }), 'ERR_OPTION', ['bias']],
    ['an unknown option', byWeight({ strides: 2 }), 'ERR_OPTION', ['strides']],
    ['stride 0', byInput({ stride: 0 }), 'ERR_OPTION', ['stride', '0']],
    ['groups that do not divide', byWeight({ groups: 3 }), 'ERR_OPTION', ['3']],
    ['another output', byWeight({ padding: 0 }), 'ERR_SHAPE', ['[2, 8, 4, 4]', 'gradOutput.shape', '[2, 8, 6, 6]']],
    ['another batch', byInput({}, grad, weight, [1, 4, 6, 6]), 'ERR_SHAPE', ['gradOutput.shape']],
    ['other input channels', byInput({}, grad, weight, [2, 5, 6, 6]), 'ERR_SHAPE', ['inputShape', '[2, 5, 6, 6]']],
    ['an input of size 0', byInput({}, grad, weight, [2, 4, 0, 6]), 'ERR_SHAPE', ['inputShape', '0']],
    ['a fractional input', byInput({}, grad, weight, [2, 4, 6.5, 6]), 'ERR_SHAPE', ['inputShape', '6.5']],
    ['an input shape of a wrong rank', byInput({}, grad, weight, [2, 4, 6]), 'ERR_SHAPE', ['inputShape']],
    ['no input shape', byInput({}, grad, weight, null), 'ERR_SHAPE', ['inputShape', 'null']],
    ['a weight of a wrong rank', byWeight({}, input, grad, [8, 4, 3]), 'ERR_SHAPE', ['weightShape', '[8, 4, 3]']],
    ['an empty weight', byWeight({}, input, grad, [8, 4, 0, 3]), 'ERR_SHAPE', ['weightShape[2]', '0']],
    ['a huge weight', byWeight({}, input, grad, [65536, 65536, 1, 1]), 'ERR_MEMORY', ['2^31 - 1']],
    [
      'another dtype',
      byWeight({}, { data: new Float64Array(288), shape: [2, 4, 6, 6] }),
      'ERR_DTYPE',
      ['input.data', 'Float64Array(288)'],
    ],
    ['a short gradient', byInput({}, { data: new Float32Array(3), shape: [2, 8, 6, 6] }), 'ERR_BUFFER', ['576', '3']],
    ['a short out', byWeight({ out: new Float32Array(3) }), 'ERR_BUFFER', ['288', 'out']],
    ['an out of another shape', byWeight({ out: counting(8, 4, 9) }), 'ERR_SHAPE', ['out.shape']],
    ['an out that is read', byWeight({ out: input.data.subarray(0, 288) }), 'ERR_BUFFER', ['input', 'overlapping']],
    ['an unknown engine', byWeight({ engine: 'gpu' }), 'ERR_OPTION', ['"gpu"']],
  ] as const)('%s', (_, call, code, parts) => {
    expectRefusal(call, code, ...parts);
  });

  it('and out stays as it was', () => {
    const out = counting(8, 4, 3, 3);
    expectRefusal(byWeight({ out, padding: 0 }), 'ERR_SHAPE');
    expect(out.data).toEqual(counting(8, 4, 3, 3).data);
  });
});

describe.runIf(ENGINES.includes('native'))('the addon', () => {
  const binding = () => loadBinding().binding as NonNullable<ReturnType<typeof loadBinding>['binding']>;
  const built = (options: object = {}) =>
    buildSpec({ inChannels: 40, outChannels: 40, size: [17, 15], kernel: [3, 3], padding: 1, batch: 3, ...options });
  const make = (kind: unknown, { spec, geometry } = built(), layout: unknown = 'HWIO') =>
    new (binding().Operation)(untyped(kind), spec, geometry, untyped(layout));
  const code = (call: () => unknown): unknown => {
    try {
      call();
    } catch (error) {
      return (error as { code?: unknown }).code;
    }
    return null;
  };

  it('refuses what a caller around the TypeScript checks may give it', () => {
    const sizes = { x: 3 * 40 * 17 * 15, w: 9 * 40 * 40 };
    const operation = make('weightGrad');
    const [x, dy, w] = [new Float32Array(sizes.x), new Float32Array(sizes.x), new Float32Array(sizes.w)];
    expect(code(() => make('forward'))).toBe('ERR_OPTION');
    expect(code(() => make('weightGrad', built(), 'OHWI'))).toBe('ERR_OPTION');
    expect(code(() => make('weightGrad', built({ transposed: true })))).toBe('ERR_OPTION');
    expect(code(() => operation.run(x.subarray(1), dy, w))).toBe('ERR_BUFFER');
    expect(code(() => operation.run(x, dy, w.subarray(1)))).toBe('ERR_BUFFER');
    expect(code(() => operation.run(untyped(new Float64Array(sizes.x)), dy, w))).toBe('ERR_DTYPE');
    expect(code(() => operation.run(x, dy, x.subarray(0, sizes.w)))).toBe('ERR_BUFFER');
    expect(code(() => operation.run(x, dy, w))).toBe(null);
    operation.dispose();
    operation.dispose();
    expect(code(() => operation.run(x, dy, w))).toBe('ERR_DISPOSED');
    expect(code(() => operation.explain())).toBe('ERR_DISPOSED');
  });

  it.each([
    ['many tiles', {}],
    ['few tiles, points in slices', { inChannels: 1, outChannels: 8, size: [60, 60], batch: 2 }],
    ['taps merged with channels', { inChannels: 3, outChannels: 20, size: [40, 40], batch: 2 }],
    ['a wide row', { size: [1500], kernel: [3], inChannels: 5 }],
    ['channels first', { channelsLast: false }],
    ['depthwise', { groups: 40 }],
    ['depthwise of few channels', { groups: 4, inChannels: 4, outChannels: 4, batch: 6 }],
  ])('gives the same bits on one thread and on two: %s', (_, options) => {
    const { spec, geometry } = built({ channelsLast: true, ...options });
    const random = new Random(5);
    const volume = (size: readonly number[]) => size.reduce((all, one) => all * one);
    const x = random.reals(geometry.batch * spec.inChannels * volume(geometry.input));
    const dy = random.reals(geometry.batch * spec.outChannels * volume(geometry.output));
    const results = [1, 2].map((threads) => {
      binding().setThreads(threads);
      const grad = new Float32Array((spec.inChannels / spec.groups) * spec.outChannels * volume(spec.kernel));
      const operation = make('weightGrad', { spec, geometry });
      operation.run(x, dy, grad);
      operation.dispose();
      return grad;
    });
    binding().setThreads(binding().availableThreads());
    expect(results[1]).toEqual(results[0]);
  });

  it('serves depthwise and other layers by an algorithm each', () => {
    const algorithm = (options: object) => {
      const operation = make('weightGrad', built(options));
      const { algorithm: name } = operation.explain();
      operation.dispose();
      return name;
    };
    expect(algorithm({})).toBe('gemm-weight-grad');
    expect(algorithm({ groups: 40 })).toBe('depthwise-weight-grad');
    expect(algorithm({ groups: 20 })).toBe('gemm-weight-grad');
  });
});
