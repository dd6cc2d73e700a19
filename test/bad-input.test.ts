import { afterEach, describe, expect, it, vi } from 'vitest';
import { Conv1d, Conv2d, DepthwiseSeparableConv2d, getThreads, info, setThreads, tensor } from '../lib/index.js';
import { expectRefusal, untyped } from './support/refusal.js';

const engine = 'reference';
const weight = tensor(new Float32Array(8 * 4 * 9).fill(1), [8, 4, 3, 3]);
const conv = () => new Conv2d({ weight, padding: 1, groups: 2, engine });
const zeros = (...shape: number[]) => tensor(new Float32Array(shape.reduce((all, size) => all * size)), shape);

describe('a layer is refused at its construction', () => {
  it.each([
    ['stride 0', { stride: 0 }, 'ERR_OPTION', ['at least 1', 'stride', '0']],
    ['a negative stride', { stride: [1, -1] }, 'ERR_OPTION', ['stride[1]', '-1']],
    ['a fractional dilation', { dilation: 1.5 }, 'ERR_OPTION', ['dilation', '1.5']],
    ['NaN', { stride: Number.NaN }, 'ERR_OPTION', ['stride', 'NaN']],
    ['infinity', { padding: Infinity }, 'ERR_OPTION', ['padding', 'Infinity']],
    ['a string', { stride: '2' }, 'ERR_OPTION', ['stride', '"2"']],
    ['a size beyond 2^31', { padding: 2 ** 40 }, 'ERR_OPTION', ['2^31 - 1', 'padding']],
    ['groups that do not divide', { groups: 3 }, 'ERR_OPTION', ['divisor of outChannels 8', '3']],
    ['too many axes', { stride: [1, 1, 1] }, 'ERR_OPTION', ['2, one an axis', '[1, 1, 1]']],
    ['an unknown engine', { engine: 'gpu' }, 'ERR_OPTION', ["'native', 'reference'", '"gpu"']],
    ['an unknown math', { math: 'exact' }, 'ERR_OPTION', ["'fast', 'strict'", '"exact"']],
    ['an unknown padding mode', { paddingMode: 'mirror' }, 'ERR_OPTION', ["'reflect'", '"mirror"']],
    [
      'another dtype',
      { weight: { data: new Float64Array(9), shape: [1, 1, 3, 3] } },
      'ERR_DTYPE',
      ['Float32Array', 'weight.data', 'Float64Array(9)', 'Float32Array.from'],
    ],
    ['plain numbers', { weight: [1, 2, 3] }, 'ERR_OPTION', ['inChannels']],
    ['no weight', { weight: undefined }, 'ERR_OPTION', ['weight', 'undefined']],
    [
      'a weight of the wrong rank',
      { weight: zeros(8, 4, 3) },
      'ERR_SHAPE',
      ['4 dimensions', '[outChannels, inChannels / groups, kH, kW]', '[8, 4, 3]'],
    ],
    [
      'a weight of size 0',
      { weight: { data: new Float32Array(0), shape: [8, 0, 3, 3] } },
      'ERR_SHAPE',
      ['weight.shape[1]', '0'],
    ],
    [
      'a weight that is too short',
      { weight: { data: new Float32Array(8), shape: [1, 1, 3, 3] } },
      'ERR_BUFFER',
      ['Expected 9 elements', 'weight.data', '8'],
    ],
    [
      'a weight beyond 2^31 elements',
      { weight: { data: new Float32Array(1), shape: [65536, 65536, 1, 1] } },
      'ERR_MEMORY',
      ['2^31 - 1', 'weight'],
    ],
    ['a bias of another dtype', { bias: new Int32Array(8) }, 'ERR_DTYPE', ['bias', 'Int32Array(8)']],
  ] as const)('%s', (_, options, code, parts) => {
    expectRefusal(() => new Conv2d(untyped({ weight, engine, ...options })), code, ...parts);
  });

  it('options that are none', () => {
    for (const options of [undefined, null, 3, 'x', []])
      expectRefusal(() => new Conv2d(untyped(options)), 'ERR_OPTION', 'an object', 'options');
  });

  it('an algorithm that no engine knows, in a separable layer beside the stages or in one of them', () => {
    const depthwise = { weight: zeros(4, 1, 3, 3) };
    const pointwise = { weight: zeros(8, 4, 1, 1) };
    for (const options of [
      { depthwise, pointwise, algorithm: 'same' },
      { depthwise: { ...depthwise, algorithm: 'same' }, pointwise },
      { depthwise, pointwise: { ...pointwise, algorithm: 'same' } },
    ]) {
      const make = () => new DepthwiseSeparableConv2d(untyped({ engine: 'auto', ...options }));
      expectRefusal(make, 'ERR_OPTION', "'auto' or one of", 'algorithm', '"same"');
    }
    const differing = {
      depthwise: { ...depthwise, algorithm: 'separable' },
      pointwise: { ...pointwise, algorithm: 'dot' },
    };
    expectRefusal(
      () => new DepthwiseSeparableConv2d(untyped(differing)),
      'ERR_OPTION',
      'as beside it',
      '"dot"',
      '"separable"',
    );
  });
});

describe('a call is refused, out stays as it was, and the next call works', () => {
  const input = zeros(1, 8, 4, 4);
  const shared = new Float32Array(new SharedArrayBuffer(512));
  const resizable = () => new Float32Array(Reflect.construct(ArrayBuffer, [512, { maxByteLength: 1024 }]));
  const detached = (): Float32Array => {
    const data = new Float32Array(128);
    structuredClone(data.buffer, { transfer: [data.buffer] });
    return data;
  };
  const shape = [1, 8, 4, 4];

  it.each<[string, () => unknown, string, readonly string[]]>([
    ['another rank', () => zeros(8, 4, 4), 'ERR_SHAPE', ['4 dimensions, NCHW', 'batch of 1', '[8, 4, 4]']],
    [
      'other channels',
      () => zeros(1, 6, 4, 4),
      'ERR_SHAPE',
      ['Expected input channels 8 (weight.shape[1] * groups) but received 6 in input.shape [1, 6, 4, 4]'],
    ],
    ['a size of 0', () => ({ data: new Float32Array(0), shape: [0, 8, 4, 4] }), 'ERR_SHAPE', ['input.shape[0]', '0']],
    [
      'a negative size',
      () => ({ data: new Float32Array(8), shape: [1, 8, -1, 1] }),
      'ERR_SHAPE',
      ['input.shape[2]', '-1'],
    ],
    ['a fractional size', () => ({ data: new Float32Array(8), shape: [1, 8, 1.5, 1] }), 'ERR_SHAPE', ['1.5']],
    ['a NaN size', () => ({ data: new Float32Array(8), shape: [1, 8, Number.NaN, 1] }), 'ERR_SHAPE', ['NaN']],
    [
      'a shape that is none',
      () => ({ data: new Float32Array(8), shape: '1,8,1,1' }),
      'ERR_SHAPE',
      ['input.shape', '"1,8,1,1"'],
    ],
    ['no tensor', () => undefined, 'ERR_SHAPE', ['{ data, shape }', 'input', 'undefined']],
    ['a bare array', () => new Float32Array(128), 'ERR_SHAPE', ['tensor(data, shape)']],
    [
      'more than 2^31 elements',
      () => ({ data: new Float32Array(1), shape: [65536, 8, 256, 256] }),
      'ERR_MEMORY',
      ['2^31 - 1'],
    ],
    [
      'sizes beyond a double',
      () => ({ data: new Float32Array(1), shape: [1e200, 8, 1e200, 1] }),
      'ERR_MEMORY',
      ['2^31 - 1'],
    ],
    [
      'another dtype',
      () => ({ data: new Float64Array(128), shape }),
      'ERR_DTYPE',
      ['Float32Array', 'Float64Array(128)'],
    ],
    ['plain numbers', () => ({ data: new Array(128).fill(0), shape }), 'ERR_DTYPE', ['Float32Array.from()']],
    ['a short buffer', () => ({ data: new Float32Array(127), shape }), 'ERR_BUFFER', ['Expected 128 elements', '127']],
    [
      'a long buffer',
      () => ({ data: new Float32Array(129), shape }),
      'ERR_SHAPE',
      ['Expected 128 elements', '129', 'subarray'],
    ],
    ['a detached buffer', () => ({ data: detached(), shape }), 'ERR_BUFFER', ['detached', 'input.data']],
    ['a shared buffer', () => ({ data: shared, shape }), 'ERR_BUFFER', ['SharedArrayBuffer', 'slice()']],
    ['a resizable buffer', () => ({ data: resizable(), shape }), 'ERR_BUFFER', ['resizable']],
  ])('%s', (_, make, code, parts) => {
    using layer = conv();
    const out = zeros(1, 8, 4, 4);
    out.data.fill(7);
    expectRefusal(() => layer.forward(untyped(make()), { out }), untyped(code), ...parts);
    expect(out.data.every((value) => value === 7)).toBe(true);
    layer.forward(input, { out });
    expect(out.data.every((value) => value === 0)).toBe(true);
  });

  it.each<[string, (block: Float32Array) => object, string, readonly string[]]>([
    [
      'out of another shape',
      () => ({ out: zeros(1, 8, 2, 8) }),
      'ERR_SHAPE',
      ['[1, 8, 4, 4]', 'out.shape', '[1, 8, 2, 8]'],
    ],
    ['out too short', () => ({ out: new Float32Array(5) }), 'ERR_BUFFER', ['128', 'out', '5']],
    ['out of another dtype', () => ({ out: new Float64Array(128) }), 'ERR_DTYPE', ['out', 'Float64Array(128)']],
    ['out detached', () => ({ out: detached() }), 'ERR_BUFFER', ['detached', 'out']],
    [
      'out over the input',
      (block) => ({ out: block.subarray(100, 228) }),
      'ERR_BUFFER',
      ['apart from input', 'overlapping'],
    ],
    ['out over the residual', () => overlapping(), 'ERR_BUFFER', ['apart from residual']],
    ['a residual of another shape', () => ({ residual: zeros(1, 8, 16, 1) }), 'ERR_SHAPE', ['residual.shape']],
    ['null for out', () => ({ out: null }), 'ERR_SHAPE', ['out', 'null']],
    ['an unknown option', () => ({ output: new Float32Array(128) }), 'ERR_OPTION', ["'out'", '"output"']],
  ])('%s', (_, make, code, parts) => {
    using layer = conv();
    const block = new Float32Array(256).fill(7);
    const x = { data: block.subarray(0, 128), shape };
    expectRefusal(() => layer.forward(x, untyped(make(block))), untyped(code), ...parts);
    expect(block.every((value) => value === 7)).toBe(true);
    expect(layer.forward(x, { out: block.subarray(128) }).data.buffer).toBe(block.buffer);
  });

  function overlapping(): object {
    const block = new Float32Array(129);
    return { out: block.subarray(0, 128), residual: block.subarray(1, 129) };
  }

  it('an output that would be empty', () => {
    using layer = new Conv2d({ weight, groups: 2, engine });
    expectRefusal(
      () => layer.forward(zeros(1, 8, 2, 4)),
      'ERR_SHAPE',
      'at least 1 for height',
      '[1, 8, 2, 4] gives 0',
      'kernel 3',
    );
    expectRefusal(() => layer.outputShape([1, 8, 2, 4]), 'ERR_SHAPE');
    expect(layer.outputShape([1, 8, 3, 4])).toEqual([1, 8, 1, 2]);
  });

  it('an output beyond 2^31 elements, or beyond the memory there is', () => {
    using layer = new Conv1d({ weight: zeros(1, 1, 1), padding: 2 ** 30, engine });
    expectRefusal(() => layer.outputShape([1, 1, 1]), 'ERR_MEMORY', '2^31 - 1', 'the output');
    using small = new Conv1d({ weight: zeros(1, 1, 1), engine });
    const original = globalThis.Float32Array;
    const x = zeros(1, 1, 4);
    small.forward(x);
    vi.stubGlobal(
      'Float32Array',
      new Proxy(original, {
        construct(target, args) {
          if (args[0] === 4) throw new RangeError('Array buffer allocation failed');
          return Reflect.construct(target, args);
        },
      }),
    );
    expectRefusal(() => small.forward(x), 'ERR_MEMORY', '16 bytes');
    vi.unstubAllGlobals();
    expect(small.forward(x).shape).toEqual([1, 1, 4]);
  });

  it('a getter that disposes of the layer', () => {
    const layer = conv();
    const out = zeros(1, 8, 4, 4);
    out.data.fill(7);
    const trap = {
      out,
      get residual() {
        layer.dispose();
        return undefined;
      },
    };
    expectRefusal(() => layer.forward(input, trap), 'ERR_DISPOSED');
    expect(out.data[0]).toBe(7);
  });
});

describe('the environment', () => {
  afterEach(() => vi.unstubAllEnvs());
  const make = () => new Conv1d({ weight: zeros(1, 1, 1) });

  it.each([
    ['CONVOLITH_ENGINE', 'gpu', ["'native', 'reference'", '"gpu"']],
    ['CONVOLITH_ISA', 'sse9', ["'avx512', 'avx2', 'neon', 'scalar'", '"sse9"']],
    ['CONVOLITH_THREADS', 'many', ['a positive integer', '"many"']],
    ['CONVOLITH_THREADS', '0', ['at least 1', '0']],
  ] as const)('%s=%s is an error each time', (name, value, parts) => {
    vi.stubEnv(name, value);
    for (let time = 0; time < 2; time++) {
      expectRefusal(make, 'ERR_OPTION', name, ...parts);
      expectRefusal(info, 'ERR_OPTION', name, ...parts);
    }
  });

  it('says what auto means', () => {
    vi.stubEnv('CONVOLITH_ENGINE', 'reference');
    expect(make().engine).toBe('reference');
    expect(info()).toMatchObject({ engine: 'reference', isa: 'js', threads: 1 });
    setThreads(2);
    expect(getThreads()).toBe(1);
    for (const threads of [0, -1, 1.5, Number.NaN]) expectRefusal(() => setThreads(threads), 'ERR_OPTION', 'threads');
  });
});

describe('tensor()', () => {
  it('checks data and shape', () => {
    expect(tensor(new Float32Array(6), [1, 2, 3])).toEqual({ data: new Float32Array(6), shape: [1, 2, 3] });
    expectRefusal(() => tensor(new Float32Array(5), [2, 3]), 'ERR_BUFFER', 'Expected 6 elements', '[2, 3]', '5');
    expectRefusal(() => tensor(new Float32Array(7), [2, 3]), 'ERR_SHAPE', '7');
    expectRefusal(() => tensor(new Float32Array(6), [2, -3]), 'ERR_SHAPE', 'shape[1]', '-3');
    expectRefusal(() => tensor(untyped(new Uint8Array(6)), [2, 3]), 'ERR_DTYPE', 'Uint8Array(6)');
    expectRefusal(() => tensor(new Float32Array(6), untyped(6)), 'ERR_SHAPE', 'shape', '6');
    expectRefusal(() => tensor(new Float32Array(6), [65536, 65536]), 'ERR_MEMORY');
  });
});
