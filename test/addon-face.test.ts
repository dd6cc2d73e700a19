import { describe, expect, test } from 'vitest';
import type { NativePlan } from '../lib/native/binding.js';
import {
  binding,
  CORNER,
  codeOf,
  fixture,
  geometry,
  INPUT,
  OUTPUT,
  spec,
  stage,
  UNTOUCHED,
} from './support/binding.js';

/** Calls the addon as no TypeScript program would. */
type Loose = (...args: unknown[]) => unknown;
const construct: Loose = (...args) => Reflect.construct(binding.Conv, args);
const BIG = 2 ** 31;

/** Every refused run leaves the output alone, and the next run works. */
function refusedRun(
  plan: NativePlan,
  args: (output: Float32Array, input: Float32Array) => unknown[],
): string | undefined {
  const input = new Float32Array(INPUT).fill(1);
  const output = new Float32Array(OUTPUT).fill(UNTOUCHED);
  const code = codeOf(() => (plan.run as Loose)(...args(output, input)));
  expect(output.every((value) => value === UNTOUCHED)).toBe(true);
  plan.run(input, output, null);
  expect(output[0]).toBe(CORNER);
  return code;
}

test('a run fills the output, with the residual added', () => {
  const { plan, input, output } = fixture();
  plan.run(input, output, null);
  expect(output[0]).toBe(CORNER);
  plan.run(input, output, new Float32Array(OUTPUT).fill(10));
  expect(output[0]).toBe(CORNER + 10);
});

describe('specs', () => {
  const wrong: [what: string, code: string, make: () => unknown[]][] = [
    ['nothing', 'ERR_OPTION', () => []],
    ['a number', 'ERR_OPTION', () => [5]],
    ['a function', 'ERR_OPTION', () => [() => stage()]],
    ['an empty stage', 'ERR_OPTION', () => [{}]],
    ['no weight', 'ERR_DTYPE', () => [stage({ weight: undefined })]],
    ['a weight of doubles', 'ERR_DTYPE', () => [stage({ weight: new Float64Array(54) })]],
    ['an array as weight', 'ERR_DTYPE', () => [stage({ weight: Array.from({ length: 54 }, () => 1) })]],
    ['a proxied weight', 'ERR_DTYPE', () => [stage({ weight: new Proxy(new Float32Array(54), {}) })]],
    ['a shared weight', 'ERR_BUFFER', () => [stage({ weight: new Float32Array(new SharedArrayBuffer(216)) })]],
    ['a detached weight', 'ERR_BUFFER', () => [stage({ weight: detached(54) })]],
    ['a short weight', 'ERR_SHAPE', () => [stage({ weight: new Float32Array(53) })]],
    ['a long bias', 'ERR_SHAPE', () => [stage({ bias: new Float32Array(4) })]],
    ['an empty bias', 'ERR_SHAPE', () => [stage({ bias: new Float32Array(0) })]],
    ['a text as bias', 'ERR_DTYPE', () => [stage({ bias: 'none' })]],
    ['a pointwise stage that is null', 'ERR_OPTION', () => [stage(), null]],
    ...Object.entries({
      transposed: [undefined, 1, 'true'],
      rank: [0, 4, 1.5, '2', Number.NaN],
      channelsLast: [null, 0],
      inChannels: [0, -2, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '2', 2n, undefined],
      outChannels: [0, -3, 2.5, BIG],
      groups: [0, -1, 2, 5, 0.5],
      kernel: [
        undefined,
        3,
        [3, 3],
        [1, 3, 3, 3],
        [0, 3, 3],
        [1, -3, 3],
        [1, 3, Number.NaN],
        [1, 3, '3'],
        new Proxy([1, 3, 3], {}),
      ],
      stride: [
        [0, 1, 1],
        [1, -1, 1],
        [1, 1, BIG],
      ],
      dilation: [
        [1, 0, 1],
        [1, 1, 1.5],
      ],
      paddingMode: ['mirror', undefined, Symbol('zeros')],
      activation: [null, 'relu', { op: 'softmax' }],
      algorithm: [undefined, 7],
      math: ['exact', undefined],
    }).flatMap(([key, values]) =>
      values.map((value): [string, string, () => unknown[]] => [
        `${key} ${typeof value === 'symbol' ? 'symbol' : typeof value === 'bigint' ? '2n' : JSON.stringify(value)}`,
        'ERR_OPTION',
        () => [stage({ spec: spec({ [key]: value }) })],
      ]),
    ),
    ...Object.entries({
      min: [Number.NaN, '0'],
      max: [undefined],
      alpha: [Number.POSITIVE_INFINITY, Number.NaN],
    }).flatMap(([key, values]) =>
      values.map((value): [string, string, () => unknown[]] => [
        `activation ${key} ${value}`,
        'ERR_OPTION',
        () => [stage({ spec: spec({ activation: { ...spec().activation, [key]: value } }) })],
      ]),
    ),
    [
      'min above max',
      'ERR_OPTION',
      () => [stage({ spec: spec({ activation: { ...spec().activation, min: 2, max: 1 } }) })],
    ],
    [
      'prelu without slopes',
      'ERR_OPTION',
      () => [stage({ spec: spec({ activation: { ...spec().activation, op: 'prelu' } }) })],
    ],
    ['a transposed reflect', 'ERR_OPTION', () => [stage({ spec: spec({ transposed: true, paddingMode: 'reflect' }) })]],
    ['weights beyond 2^31', 'ERR_MEMORY', () => [stage({ spec: spec({ kernel: [BIG - 1, BIG - 1, BIG - 1] }) })]],
  ];
  test.each(wrong)('%s is %s', (_, code, make) => {
    expect(codeOf(() => construct(...make()))).toBe(code);
    const { plan, input, output } = fixture();
    plan.run(input, output, null);
    expect(output[0]).toBe(CORNER);
  });

  test('what a getter throws is thrown on', () => {
    const mine = new RangeError('mine');
    const thrower = {
      get: () => {
        throw mine;
      },
    };
    expect(() => construct(Object.defineProperty({ ...stage() }, 'weight', thrower))).toThrow(mine);
    expect(() => construct(new Proxy(stage(), thrower))).toThrow(mine);
    expect(() => construct(stage({ spec: Object.defineProperty(spec(), 'kernel', thrower) }))).toThrow(mine);
  });

  test('every property is read exactly once', () => {
    const reads = new Map<string, number>();
    const spy = (name: string, object: object): object =>
      new Proxy(object, {
        get(target, key) {
          const path = `${name}.${String(key)}`;
          reads.set(path, (reads.get(path) ?? 0) + 1);
          const value: unknown = Reflect.get(target, key);
          const plain =
            typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
          return plain ? spy(path, value) : value;
        },
      });
    construct(spy('stage', stage()));
    expect(reads.get('stage.spec.kernel')).toBe(1);
    expect([...reads].filter(([, count]) => count !== 1)).toEqual([]);
  });

  test('a getter that detaches the weight is noticed', () => {
    const weight = new Float32Array(54);
    const hostile = {
      spec: spec(),
      weight,
      get bias() {
        structuredClone(weight.buffer, { transfer: [weight.buffer] });
        return null;
      },
    };
    expect(codeOf(() => construct(hostile))).toBe('ERR_BUFFER');
  });
});

describe('geometries', () => {
  const wrong: [object, code: string][] = [
    [{ batch: 0 }, 'ERR_SHAPE'],
    [{ batch: -1 }, 'ERR_SHAPE'],
    [{ batch: 1.5 }, 'ERR_OPTION'],
    [{ batch: undefined }, 'ERR_OPTION'],
    [{ input: [1, 8] }, 'ERR_OPTION'],
    [{ input: [1, 0, 8] }, 'ERR_SHAPE'],
    [{ input: [1, -8, 8] }, 'ERR_SHAPE'],
    [{ output: [1, 9, 8] }, 'ERR_SHAPE'],
    [{ output: [1, 0, 8] }, 'ERR_SHAPE'],
    [{ padBefore: [0, -1, 1] }, 'ERR_SHAPE'],
    [{ padAfter: [0, -1, 1] }, 'ERR_SHAPE'],
    [{ input: [1, 1, 1], padBefore: [0, 0, 0], padAfter: [0, 0, 0], output: [1, 1, 1] }, 'ERR_SHAPE'],
    [{ batch: BIG }, 'ERR_SHAPE'],
    [{ batch: BIG - 1 }, 'ERR_MEMORY'],
    [{ input: [BIG - 1, BIG - 1, BIG - 1] }, 'ERR_MEMORY'],
    [{ input: [1, 2 ** 16, 2 ** 15], output: [1, 2 ** 16, 2 ** 15] }, 'ERR_MEMORY'],
    [{ input: [1, Number.MAX_SAFE_INTEGER, 8] }, 'ERR_SHAPE'],
    [{ input: [1, 2 ** 60, 8] }, 'ERR_OPTION'],
  ];
  test.each(wrong)('%o is %s', (changes, code) => {
    const { conv } = fixture();
    expect(codeOf(() => conv.plan(geometry(changes)))).toBe(code);
    const output = new Float32Array(OUTPUT);
    conv.plan(geometry()).run(new Float32Array(INPUT).fill(1), output, null);
    expect(output[0]).toBe(CORNER);
  });

  test.each([
    ['reflect', 8, 'ERR_SHAPE'],
    ['circular', 9, 'ERR_SHAPE'],
  ])('%s padding of %i on 8 pixels is %s', (paddingMode, pad, code) => {
    const conv = new binding.Conv(stage({ spec: spec({ paddingMode }) }));
    const padded = geometry({ padBefore: [0, pad, 1], output: [1, 7 + pad, 8] });
    expect(codeOf(() => conv.plan(padded))).toBe(code);
  });

  test('an algorithm that does not exist, and one that cannot serve', () => {
    const planned = (algorithm: string) => () =>
      new binding.Conv(stage({ spec: spec({ algorithm }) })).plan(geometry());
    expect(codeOf(planned('magic'))).toBe('ERR_OPTION');
    expect(codeOf(planned('pointwise'))).toBe('ERR_UNSUPPORTED');
  });

  test('a getter that disposes of the layer is noticed', () => {
    const { conv } = fixture();
    const hostile = {
      ...geometry(),
      get batch() {
        conv.dispose();
        return 1;
      },
    };
    expect(codeOf(() => conv.plan(hostile))).toBe('ERR_DISPOSED');
  });
});

/** A view whose memory has gone to another buffer. */
function detached(length: number): Float32Array {
  const view = new Float32Array(length);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

/** ES2024's, which Node 20 has and the library's types do not. */
type ResizableBuffer = ArrayBuffer & { resize(bytes: number): void };
const resizable = (bytes: number): ResizableBuffer =>
  Reflect.construct(ArrayBuffer, [bytes, { maxByteLength: 2 * bytes }]) as ResizableBuffer;

describe('buffers of a run', () => {
  const wrong: [what: string, code: string, args: (output: Float32Array, input: Float32Array) => unknown[]][] = [
    ['no arguments', 'ERR_DTYPE', () => []],
    ['no output', 'ERR_DTYPE', (_, input) => [input]],
    ['null', 'ERR_DTYPE', (output) => [null, output, null]],
    ['an array', 'ERR_DTYPE', (output, input) => [[...input], output, null]],
    ['doubles', 'ERR_DTYPE', (output, input) => [Float64Array.from(input), output, null]],
    ['integers of 32 bits', 'ERR_DTYPE', (output) => [new Int32Array(INPUT), output, null]],
    ['a DataView', 'ERR_DTYPE', (output) => [new DataView(new ArrayBuffer(4 * INPUT)), output, null]],
    ['an ArrayBuffer', 'ERR_DTYPE', (output) => [new ArrayBuffer(4 * INPUT), output, null]],
    ['a proxy', 'ERR_DTYPE', (output, input) => [new Proxy(input, {}), output, null]],
    ['a forged prototype', 'ERR_DTYPE', (output) => [Object.create(Float32Array.prototype), output, null]],
    ['a short input', 'ERR_BUFFER', (output, input) => [input.subarray(1), output, null]],
    ['a long input', 'ERR_BUFFER', (output) => [new Float32Array(INPUT + 1), output, null]],
    ['an empty input', 'ERR_BUFFER', (output) => [new Float32Array(0), output, null]],
    ['a short output', 'ERR_BUFFER', (output, input) => [input, output.subarray(1), null]],
    ['a detached input', 'ERR_BUFFER', (output) => [detached(INPUT), output, null]],
    ['a detached output', 'ERR_BUFFER', (_, input) => [input, detached(OUTPUT), null]],
    ['a shared input', 'ERR_BUFFER', (output) => [new Float32Array(new SharedArrayBuffer(4 * INPUT)), output, null]],
    ['a shared output', 'ERR_BUFFER', (_, input) => [input, new Float32Array(new SharedArrayBuffer(4 * OUTPUT)), null]],
    ['a short residual', 'ERR_BUFFER', (output, input) => [input, output, new Float32Array(OUTPUT - 1)]],
    ['a number as residual', 'ERR_DTYPE', (output, input) => [input, output, 0]],
    ['an output over the residual', 'ERR_BUFFER', (output, input) => [input, output, output]],
    ['an output over the input', 'ERR_BUFFER', (output) => [output.subarray(0, INPUT), output, null]],
    [
      'an output that ends in the input',
      'ERR_BUFFER',
      () => {
        const memory = new Float32Array(INPUT + OUTPUT - 1);
        return [memory.subarray(OUTPUT - 1), memory.subarray(0, OUTPUT), null];
      },
    ],
  ];
  test.each(wrong)('%s is %s', (_, code, args) => {
    expect(refusedRun(fixture().plan, args)).toBe(code);
  });

  test('neighbours in one buffer do not overlap', () => {
    const memory = new Float32Array(INPUT + OUTPUT).fill(1);
    fixture().plan.run(memory.subarray(0, INPUT), memory.subarray(INPUT), null);
    expect(memory[INPUT]).toBe(CORNER);
  });

  test('length-tracking views count by what they track at the call', () => {
    const { plan, output } = fixture();
    const buffer = resizable(4 * INPUT);
    const tracking = new Float32Array(buffer);
    tracking.fill(1);
    plan.run(tracking, output, null);
    expect(output[0]).toBe(CORNER);
    buffer.resize(4 * INPUT - 4);
    expect(codeOf(() => plan.run(tracking, output, null))).toBe('ERR_BUFFER');
    const fixed = new Float32Array(resizable(4 * INPUT), 0, INPUT);
    (fixed.buffer as ResizableBuffer).resize(8);
    expect(codeOf(() => plan.run(fixed, output, null))).toBe('ERR_BUFFER');
  });
});

describe('variants', () => {
  test('refuse other arguments, and a layer that was disposed of', () => {
    const { conv } = fixture();
    const variant = conv.variant.bind(conv) as Loose;
    expect(codeOf(() => variant())).toBe('ERR_OPTION');
    expect(codeOf(() => variant(true, 5))).toBe('ERR_OPTION');
    expect(codeOf(() => (variant(true, 'magic') as typeof conv).plan(geometry()))).toBe('ERR_OPTION');
    expect(codeOf(() => Reflect.apply(conv.variant, {}, [true, 'auto']))).not.toBe('');
    conv.dispose();
    expect(codeOf(() => variant(true, 'auto'))).toBe('ERR_DISPOSED');
  });

  test('live on their own, in their layout', () => {
    const { conv, input, output } = fixture();
    const last = conv.variant(true, 'auto');
    conv.dispose();
    last.plan(geometry()).run(input, output, null);
    expect(output[0]).toBe(CORNER);
    last.dispose();
  });
});

test('transpose turns matrices, and refuses sizes beyond its arrays', () => {
  const from = Float32Array.from({ length: 12 }, (_, index) => index);
  const to = new Float32Array(12);
  binding.transpose(from, to, 2, 2, 3);
  expect(Array.from(to)).toEqual([0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]);
  const loose = binding.transpose as Loose;
  expect(codeOf(() => loose(from, to, 2, 2, 4))).toBe('ERR_BUFFER');
  expect(codeOf(() => loose(from, to, BIG, BIG, BIG))).toBe('ERR_BUFFER');
  expect(codeOf(() => loose(from, from, 1, 3, 4))).toBe('ERR_BUFFER');
  expect(codeOf(() => loose(from, to, 0, 3, 4))).toBe('ERR_SHAPE');
  expect(codeOf(() => loose(from, to, 1, 3, 1.5))).toBe('ERR_OPTION');
  expect(codeOf(() => loose([1], to, 1, 1, 1))).toBe('ERR_DTYPE');
});

describe('objects', () => {
  test('dispose twice does nothing, a use after it is ERR_DISPOSED', () => {
    const { conv, plan, input, output } = fixture();
    conv.dispose();
    conv.dispose();
    expect(codeOf(() => conv.plan(geometry()))).toBe('ERR_DISPOSED');
    expect(codeOf(() => plan.run(input, output, null))).toBe('ERR_DISPOSED');
    expect(codeOf(() => plan.explain())).toBe('ERR_DISPOSED');
    expect(output[0]).toBe(UNTOUCHED);
  });

  test("a plan's constructor, classes without new and foreign receivers are refused", () => {
    const { conv, plan } = fixture();
    const Plan = plan.constructor as unknown as new (...args: unknown[]) => unknown;
    expect(codeOf(() => new Plan())).toBe('ERR_OPTION');
    expect(codeOf(() => new Plan(conv))).toBe('ERR_OPTION');
    for (const called of [binding.Conv, binding.Stack, binding.CancelToken, Plan]) {
      expect(codeOf(() => (called as unknown as Loose)(stage()))).toBe('ERR_OPTION');
    }
    expect(() => conv.plan.call(plan as never, geometry())).toThrow(TypeError);
    expect(() => plan.run.call(Object.create(plan), new Float32Array(1), new Float32Array(1), null)).toThrow(TypeError);
  });

  test('a layer made inside a getter of another', () => {
    const outer = {
      ...stage(),
      get bias() {
        fixture().conv.dispose();
        return new Float32Array([1, 2, 3]);
      },
    };
    const output = new Float32Array(OUTPUT);
    new binding.Conv(outer).plan(geometry()).run(new Float32Array(INPUT).fill(1), output, null);
    expect(output[0]).toBe(CORNER);
  });

  test('thread counts and instruction sets', () => {
    const threads = binding.getThreads();
    const set = binding.setThreads as Loose;
    for (const wrong of [0, -1, 1.5, Number.NaN, 1e9, 2 ** 32 + 1, '2', undefined, {}]) {
      expect(codeOf(() => set(wrong))).toBe('ERR_OPTION');
    }
    expect(binding.getThreads()).toBe(threads);
    expect(codeOf(() => binding.setIsa('mmx'))).toBe('ERR_OPTION');
    expect(codeOf(() => (binding.setIsa as Loose)(5))).toBe('ERR_OPTION');
    expect(binding.isas()).toContain(binding.getIsa());
    expect(binding.availableThreads()).toBeGreaterThan(0);
    expect(binding.algorithms().at(-1)).toBe('reference');
  });
});

describe('stacks', () => {
  /** Two layers of 3 channels on 8 × 8, the first one from 2. */
  function pair() {
    const { conv, plan } = fixture();
    const second = new binding.Conv(
      stage({ spec: spec({ inChannels: 3 }), weight: new Float32Array(81).fill(1), bias: null }),
    );
    return { conv, plan, second, next: second.plan(geometry()), stack: new binding.Stack() };
  }
  const border = { input: { batch: 1, rows: 2, columns: 64 }, output: { batch: 1, rows: 3, columns: 64 } };
  const input = () => new Float32Array(INPUT).fill(1);

  test('run their layers one into the next', () => {
    const { plan, next, stack } = pair();
    const [between, wanted, output] = [OUTPUT, OUTPUT, OUTPUT].map((count) => new Float32Array(count));
    plan.run(input(), between, null);
    next.run(between, wanted, null);
    const joined = stack.plan([plan, next], null);
    joined.run(input(), output, null);
    expect(output).toEqual(wanted);
    expect(joined.explain()).toMatchObject({ algorithm: 'sequential', workspaceBytes: 4 * OUTPUT });
    expect(codeOf(() => joined.run(input().subarray(1), output, null))).toBe('ERR_BUFFER');
    expect(output).toEqual(wanted);
  });

  test('refuse what is no plan, no border, or does not fit', () => {
    const { plan, next, stack } = pair();
    const make = stack.plan.bind(stack) as Loose;
    for (const layers of [undefined, null, {}, [], [5], [null], [{}], [Object.create(plan)], [new Proxy(plan, {})]]) {
      expect(codeOf(() => make(layers, null))).toBe('ERR_OPTION');
    }
    expect(codeOf(() => make([plan, plan], null))).toBe('ERR_SHAPE');
    expect(codeOf(() => make([next, plan], null))).toBe('ERR_SHAPE');
    expect(codeOf(() => make([stack.plan([plan], null)], null))).toBe('ERR_OPTION');
    for (const wrong of [undefined, 5, {}, { input: {}, output: {} }, { ...border, output: null }]) {
      expect(codeOf(() => make([plan], wrong))).toBe('ERR_OPTION');
    }
    const sized = (sizes: object) => ({ ...border, input: { ...border.input, ...sizes } });
    for (const sizes of [{ rows: 3 }, { rows: 0 }, { columns: -64 }, { batch: BIG }]) {
      expect(codeOf(() => make([plan], sized(sizes)))).toBe('ERR_SHAPE');
    }
    expect(codeOf(() => make([plan], sized({ rows: 2 ** 20, columns: 2 ** 20 })))).toBe('ERR_MEMORY');
    expect(codeOf(() => make([plan], sized({ rows: 1.5 })))).toBe('ERR_OPTION');
  });

  test('run layers whose maps are only as long as each other', () => {
    const pointwise = { channelsLast: true, inChannels: 16, outChannels: 16, kernel: [1, 1, 1] };
    const conv = new binding.Conv(
      stage({ spec: spec(pointwise), weight: Float32Array.from({ length: 256 }, (_, i) => i % 5), bias: null }),
    );
    const sized = (height: number, width: number) =>
      conv.plan(
        geometry({ input: [1, height, width], output: [1, height, width], padBefore: [0, 0, 0], padAfter: [0, 0, 0] }),
      );
    const plans = [sized(512, 64), sized(16, 2048), sized(2048, 16)];
    const maps = [0, 1, 2, 3].map((map) => Float32Array.from({ length: 2 ** 19 }, (_, i) => (map === 0 ? i % 7 : 0)));
    plans.forEach((plan, index) => {
      plan.run(maps[index], maps[index + 1], null);
    });
    const joined = new binding.Stack().plan(plans, null);
    const output = new Float32Array(2 ** 19);
    joined.run(maps[0], output, null);
    expect(joined.explain().tile).toBe('');
    expect(output.every((value, index) => value === maps[3][index])).toBe(true);
    const alike = new binding.Stack().plan([plans[0], plans[0]], null);
    expect(alike.explain().tile).toMatch(/^layers 0-1 in \d+ bands$/);
  });

  test('end with a layer of theirs, and with themselves', () => {
    const { conv, plan, next, stack, second } = pair();
    const output = new Float32Array(OUTPUT).fill(UNTOUCHED);
    const joined = stack.plan([plan, next], null);
    const other = stack.plan([next], null);
    conv.dispose();
    expect(codeOf(() => joined.run(input(), output, null))).toBe('ERR_DISPOSED');
    expect(codeOf(() => stack.plan([plan, next], null))).toBe('ERR_DISPOSED');
    expect(output[0]).toBe(UNTOUCHED);
    other.run(new Float32Array(OUTPUT), output, null);
    expect(output[0]).toBe(0);
    stack.dispose();
    stack.dispose();
    expect(codeOf(() => other.explain())).toBe('ERR_DISPOSED');
    expect(codeOf(() => stack.plan([next], null))).toBe('ERR_DISPOSED');
    next.run(new Float32Array(OUTPUT), output, null);
    second.dispose();
  });

  test('a getter that disposes of a layer or of the stack comes too early to matter', () => {
    const { conv, plan, stack } = pair();
    const hostile = {
      get input() {
        conv.dispose();
        return border.input;
      },
      output: border.output,
    };
    expect(codeOf(() => stack.plan([plan], hostile))).toBe('ERR_DISPOSED');
    const again = pair();
    const layers = [again.plan];
    Object.defineProperty(layers, 0, {
      get() {
        again.stack.dispose();
        return again.plan;
      },
    });
    expect(codeOf(() => again.stack.plan(layers, null))).toBe('ERR_DISPOSED');
  });
});

describe('asynchronous runs', () => {
  const reject = async (run: Promise<void>): Promise<string | undefined> => {
    const error: unknown = await run.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return (error as { code?: string } | undefined)?.code;
  };

  test('a result, and an input that may change at once', async () => {
    const { plan, input, output } = fixture();
    const run = plan.runAsync(input, output, null, null);
    input.fill(99);
    await run;
    expect(output[0]).toBe(CORNER);
  });

  test('refusals reject', async () => {
    const { plan, input, output } = fixture();
    expect(await reject(plan.runAsync(input.subarray(1), output, null, null))).toBe('ERR_BUFFER');
    expect(await reject((plan.runAsync as Loose)(input, output, null, {}) as Promise<void>)).toBe('ERR_OPTION');
    const forged = Object.create(binding.CancelToken.prototype) as never;
    expect(await reject(plan.runAsync(input, output, null, forged))).toBe('ERR_OPTION');
    expect(output[0]).toBe(UNTOUCHED);
  });

  test('a cancelled token rejects and writes nothing; the plan works on', async () => {
    const { plan, input, output } = fixture();
    const token = new binding.CancelToken();
    token.cancel();
    expect(await reject(plan.runAsync(input, output, null, token))).toBe('ERR_ABORTED');
    expect(output[0]).toBe(UNTOUCHED);
    await plan.runAsync(input, output, null, new binding.CancelToken());
    expect(output[0]).toBe(CORNER);
  });

  test('dispose under way lets the run finish', async () => {
    const { conv, plan, input, output } = fixture();
    const run = plan.runAsync(input, output, null, null);
    conv.dispose();
    await run;
    expect(output[0]).toBe(CORNER);
    expect(await reject(plan.runAsync(input, output, null, null))).toBe('ERR_DISPOSED');
  });

  test('an output transferred or resized under way is ERR_BUFFER', async () => {
    const { plan, input, output } = fixture();
    const run = plan.runAsync(input, output, null, null);
    const moved = new Float32Array(structuredClone(output.buffer, { transfer: [output.buffer as ArrayBuffer] }));
    expect(await reject(run)).toBe('ERR_BUFFER');
    expect(moved.every((value) => value === UNTOUCHED)).toBe(true);
    const shrinking = resizable(4 * OUTPUT);
    const second = plan.runAsync(input, new Float32Array(shrinking), null, null);
    shrinking.resize(16);
    expect(await reject(second)).toBe('ERR_BUFFER');
  });

  test('an input and a residual transferred under way do not matter', async () => {
    const { plan, input, output } = fixture();
    const residual = new Float32Array(OUTPUT).fill(10);
    const run = plan.runAsync(input, output, residual, null);
    structuredClone(null, { transfer: [input.buffer as ArrayBuffer, residual.buffer as ArrayBuffer] });
    await run;
    expect(output[0]).toBe(CORNER + 10);
  });

  test('100 at once are right and settle in order', async () => {
    const { plan, input } = fixture();
    const order: number[] = [];
    const outputs = Array.from({ length: 100 }, () => new Float32Array(OUTPUT));
    await Promise.all(
      outputs.map((output, index) => plan.runAsync(input, output, null, null).then(() => order.push(index))),
    );
    expect(outputs.every((output) => output[0] === CORNER)).toBe(true);
    // Workers take them in order. The system may halt a worker, which then delivers the one run it holds late: in 6,000
    // repetitions on two threads 0 runs in 98 of 100, never more than 2. Emulated, where a run takes a hundred times as
    // long, 3 have been seen; in any other order nearly all would be late.
    const late = order.filter((index, place) => Math.abs(index - place) > 20);
    const most = process.env.CONVOLITH_TEST_EMULATED === undefined ? binding.getThreads() : 10;
    expect(late.length).toBeLessThanOrEqual(most);
  });
});
