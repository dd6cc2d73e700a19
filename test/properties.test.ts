import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Engine } from '../lib/engine.js';
import { createReferenceEngine } from '../lib/fallback/engine.js';
import type { ConvGeometry, ConvSpec } from '../lib/spec.js';
import { anyCase, KINDS } from './support/arbitrary.js';
import { enginesUnderTest } from './support/engines.js';
import { Random } from './support/random.js';
import { createLayer, prepareCase, runGuarded } from './support/run-case.js';
import { type Built, buildSpec, inputLength, outputLength, weightLength } from './support/spec.js';

const RUNS = { numRuns: 150, seed: 20240611 };

function convolve(engine: Engine, built: Built, weight: Float32Array, input: Float32Array): Float32Array {
  const output = new Float32Array(outputLength(built));
  const layer = engine.createConv({ spec: built.spec, weight, bias: null });
  layer.plan(built.geometry).run(input, output, null);
  layer.dispose();
  return output;
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, at) => sum + value * b[at], 0);
}

/** Layers for the algebraic laws: linear, so nothing but sums; math is strict, so integers stay exact. */
const linear = (kind: 'standard' | 'depthwise'): fc.Arbitrary<Built> =>
  anyCase(kind).map(({ options }) => buildSpec({ ...options, activation: {}, math: 'strict' }));
const anyLinear = fc.oneof(linear('standard'), linear('depthwise'));

describe.each(KINDS)('%s layers of any geometry', (kind) => {
  test('the reference engine agrees with float64 exactly, on integers', () => {
    const engine = createReferenceEngine();
    fc.assert(
      fc.property(anyCase(kind), (row) => {
        const data = prepareCase({ ...row, options: { ...row.options, math: 'strict' } }, 'integers');
        const plan = createLayer(engine, data.stages, 'auto').plan(data.first.geometry);
        expect([...runGuarded(plan, data)]).toEqual([...data.expected.values].map((value) => value + 0));
      }),
      RUNS,
    );
  });
});

const engines = await enginesUnderTest();

describe.each(engines)('$label', ({ select }) => {
  test.each(KINDS)('%s: agrees with plain loops exactly, on integers, by every algorithm that serves', (kind) => {
    const engine = select();
    const reference = createReferenceEngine();
    fc.assert(
      fc.property(anyCase(kind), fc.constantFrom('auto', ...engine.algorithms), (row, algorithm) => {
        const data = prepareCase({ ...row, options: { ...row.options, math: 'strict' } }, 'integers');
        const layer = createLayer(engine, data.stages, algorithm);
        try {
          const output = runGuarded(layer.plan(data.first.geometry), data);
          const plain = createLayer(reference, data.stages, 'reference').plan(data.first.geometry);
          expect(output).toEqual(runGuarded(plain, data));
        } catch (error) {
          fc.pre((error as { code?: string }).code !== 'ERR_UNSUPPORTED');
          throw error;
        } finally {
          layer.dispose();
        }
      }),
      { ...RUNS, maxSkipsPerRun: 100 },
    );
  });

  test('linear: conv(a·x + b·y) = a·conv(x) + b·conv(y)', () => {
    const engine = select();
    fc.assert(
      fc.property(
        anyLinear,
        fc.nat(),
        fc.integer({ min: -3, max: 3 }),
        fc.integer({ min: -3, max: 3 }),
        (built, seed, a, b) => {
          const random = new Random(seed);
          const weight = random.integers(weightLength(built.spec));
          const x = random.integers(inputLength(built));
          const y = random.integers(inputLength(built));
          const together = convolve(
            engine,
            built,
            weight,
            x.map((value, at) => a * value + b * y[at]),
          );
          const apart = convolve(engine, built, weight, x);
          const other = convolve(engine, built, weight, y);
          together.forEach((value, at) => {
            expect(value).toBe(a * apart[at] + b * other[at] + 0);
          });
        },
      ),
      RUNS,
    );
  });

  test('adjoint: <conv(x), y> = <x, convTranspose(y)>', () => {
    const engine = select();
    fc.assert(
      fc.property(anyLinear, fc.nat(), (any, seed) => {
        const forward: Built = { spec: { ...any.spec, paddingMode: 'zeros' }, geometry: any.geometry };
        const random = new Random(seed);
        const weight = random.integers(weightLength(forward.spec));
        const x = random.integers(inputLength(forward));
        const y = random.integers(outputLength(forward));
        const { spec, geometry } = forward;
        const backwardSpec: ConvSpec = {
          ...spec,
          transposed: true,
          inChannels: spec.outChannels,
          outChannels: spec.inChannels,
        };
        const backwardGeometry: ConvGeometry = { ...geometry, input: geometry.output, output: geometry.input };
        const back = convolve(engine, { spec: backwardSpec, geometry: backwardGeometry }, weight, y);
        expect(dot(convolve(engine, forward, weight, x), y)).toBe(dot(x, back));
      }),
      RUNS,
    );
  });

  test('equivariant: circular padding carries a shift of the input to the output', () => {
    const engine = select();
    const shape = fc.record({
      width: fc.integer({ min: 1, max: 12 }),
      kernel: fc.integer({ min: 1, max: 5 }),
      dilation: fc.integer({ min: 1, max: 3 }),
      shift: fc.nat({ max: 11 }),
      channelsLast: fc.boolean(),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(shape, ({ width, kernel, dilation, shift, channelsLast, seed }) => {
        // A circular pad is at most the map.
        fc.pre(Math.ceil((dilation * (kernel - 1)) / 2) <= width);
        const reach = dilation * (kernel - 1);
        const built = buildSpec({
          inChannels: 3,
          outChannels: 2,
          size: [width],
          kernel: [kernel],
          dilation,
          channelsLast,
          padding: [[Math.floor(reach / 2), Math.ceil(reach / 2)]],
          paddingMode: 'circular',
          math: 'strict',
        });
        const random = new Random(seed);
        const weight = random.integers(weightLength(built.spec));
        const roll = (map: Float32Array, count: number) =>
          map.map((_, at) => {
            const column = channelsLast ? Math.floor(at / count) : at % width;
            const from = (column + shift) % width;
            return map[channelsLast ? from * count + (at % count) : at - column + from];
          });
        const x = random.integers(inputLength(built));
        expect(convolve(engine, built, weight, roll(x, 3))).toEqual(roll(convolve(engine, built, weight, x), 2));
      }),
      RUNS,
    );
  });

  test('groups: permuting them, with their channels, permutes the output', () => {
    const engine = select();
    fc.assert(
      fc.property(anyLinear, fc.nat(), (any, seed) => {
        const built: Built = { spec: { ...any.spec, channelsLast: false }, geometry: { ...any.geometry, batch: 1 } };
        const { groups } = built.spec;
        const random = new Random(seed);
        const weight = random.integers(weightLength(built.spec));
        const x = random.integers(inputLength(built));
        const reverse = (data: Float32Array) => {
          const size = data.length / groups;
          return Float32Array.from(data, (_, at) => data[(groups - 1 - Math.floor(at / size)) * size + (at % size)]);
        };
        const straight = convolve(engine, built, weight, x);
        expect(convolve(engine, built, reverse(weight), reverse(x))).toEqual(reverse(straight));
      }),
      RUNS,
    );
  });
});
