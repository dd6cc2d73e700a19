import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConvGrad } from '../lib/conv-grad.js';
import type { Engine } from '../lib/engine.js';
import type { WeightLayout } from '../lib/spec.js';
import { anyCase } from './support/arbitrary.js';
import { enginesUnderTest } from './support/engines.js';
import { type GradCase, type GradResult, gradCase, gradOracle, inLayout } from './support/grad-oracle.js';
import { UNIT } from './support/oracle.js';
import { Random, seedOf } from './support/random.js';
import { type Built, buildSpec, type CaseOptions } from './support/spec.js';

const RUNS = { numRuns: 40 };
const GUARD = 19;
/** A NaN that no arithmetic makes: what a guard holds, and what a gradient holds that was not written. */
const SENTINEL = 0x7fc0_5a5a;

function guarded(data: Float32Array | number): Float32Array {
  const length = typeof data === 'number' ? data : data.length;
  const bits = new Uint32Array(length + 2 * GUARD).fill(SENTINEL);
  const view = new Float32Array(bits.buffer, GUARD * 4, length);
  if (typeof data !== 'number') view.set(data);
  return view;
}

/** Fills a guarded array, refusing what lies outside of it or was left unwritten. */
function filled(length: number, fill: (data: Float32Array) => void): Float32Array {
  const data = guarded(length);
  fill(data);
  const bits = new Uint32Array(data.buffer);
  for (let at = 0; at < bits.length; at++) {
    const inside = at >= GUARD && at < bits.length - GUARD;
    if ((bits[at] === SENTINEL) === inside) throw new Error(`${inside ? 'Left' : 'Wrote outside, at'} ${at - GUARD}`);
  }
  return data;
}

/** Both gradients twice by the same object, the second time with weights that differ from the first. */
function gradients(engine: Engine, { built, input, weight, gradOutput }: GradCase, layout: WeightLayout) {
  const grad = new ConvGrad(engine, built, layout);
  try {
    const given = guarded(inLayout(weight, built, layout));
    const [x, dy] = [guarded(input), guarded(gradOutput)];
    grad.inputGrad(
      dy,
      given.map(() => 1),
      filledOf(input),
    );
    const byInput = filled(input.length, (data) => grad.inputGrad(dy, given, data));
    grad.weightGrad(x, dy, filledOf(weight));
    const byWeight = filled(weight.length, (data) => grad.weightGrad(x, dy, data));
    return { input: byInput, weight: byWeight };
  } finally {
    grad.dispose();
  }
}

function filledOf(like: Float32Array): Float32Array {
  return new Float32Array(like.length);
}

function expectExact(actual: Float32Array, result: Float64Array, what: string): void {
  for (let at = 0; at < actual.length; at++) {
    if (actual[at] !== result[at]) {
      throw new Error(`Expected ${result[at]} but received ${actual[at]} in ${what}, ${at} of ${actual.length}`);
    }
  }
}

/** Summing K products in float32 in any order is off by at most (K + 1)·u·Σ|a·b| (Higham 2002, section 3.1). */
function expectNear(actual: Float32Array, result: GradResult, what: string, slack = 0): void {
  for (let at = 0; at < actual.length; at++) {
    const allowed = (result.terms + 2 + slack) * UNIT * result.magnitude[at] + 1e-37;
    if (!(Math.abs(actual[at] - result.values[at]) <= allowed)) {
      throw new Error(`Expected ${result.values[at]} ± ${allowed} but received ${actual[at]} in ${what}, ${at}`);
    }
  }
}

interface Prepared {
  readonly data: GradCase;
  readonly oracle: ReturnType<typeof gradOracle>;
}

function prepare(built: Built, draw: (length: number) => Float32Array): Prepared {
  const data = gradCase(built, draw);
  return { data, oracle: gradOracle(data) };
}

function checkWhole(engine: Engine, { data, oracle }: Prepared, layout: WeightLayout): void {
  const what = `${layout} ${JSON.stringify(data.built)}`;
  const actual = gradients(engine, data, layout);
  expectExact(actual.input, oracle.input.values, `the input's gradient, ${what}`);
  expectExact(actual.weight, inLayout(oracle.weight.values, data.built, layout), `the weight's gradient, ${what}`);
}

/** The same data and its judgement for every engine. */
const prepared = new Map<string, { readonly whole: Prepared; readonly real: Prepared }>();
function prepareCase(options: CaseOptions): { readonly whole: Prepared; readonly real: Prepared } {
  const name = JSON.stringify(options);
  const known = prepared.get(name);
  if (known !== undefined) return known;
  const built = buildSpec({ ...options, math: 'strict' });
  const random = new Random(seedOf(name));
  const made = {
    whole: prepare(built, (length) => random.integers(length)),
    real: prepare(built, (length) => random.reals(length)),
  };
  prepared.set(name, made);
  return made;
}

/** Sizes that reach every branch of the kernels: whole vectors and tails, several blocks of points, several images a block. */
const CASES: readonly CaseOptions[] = [
  { inChannels: 64, outChannels: 64, size: [9, 9], kernel: [3, 3], padding: 1 },
  { inChannels: 33, outChannels: 47, size: [7, 7], kernel: [3, 3], padding: 1, batch: 5 },
  { inChannels: 3, outChannels: 20, size: [21, 19], kernel: [7, 7], stride: 2, padding: 3, batch: 2 },
  { inChannels: 40, outChannels: 70, size: [14, 14], kernel: [1, 1], batch: 2 },
  { inChannels: 40, outChannels: 70, size: [14, 15], kernel: [1, 1], stride: 2, batch: 2 },
  { inChannels: 1, outChannels: 1, size: [40, 40], kernel: [5, 5], padding: 2 },
  { inChannels: 1, outChannels: 18, size: [30, 17], kernel: [3, 2], padding: 1, dilation: 2 },
  { inChannels: 20, outChannels: 24, groups: 4, size: [12, 13], kernel: [3, 3], padding: 2, dilation: 2 },
  {
    inChannels: 8,
    outChannels: 8,
    size: [300, 4],
    kernel: [9, 1],
    padding: [
      [40, 3],
      [0, 0],
    ],
    dilation: [7, 1],
  },
  { inChannels: 17, outChannels: 5, size: [900], kernel: [5], stride: 3, padding: 2 },
  { inChannels: 6, outChannels: 36, size: [5, 6, 7], kernel: [3, 2, 3], padding: 1, stride: [2, 1, 2], batch: 2 },
  { inChannels: 35, outChannels: 35, groups: 35, size: [15, 15], kernel: [3, 3], padding: 1, batch: 3 },
  { inChannels: 35, outChannels: 35, groups: 35, size: [15, 16], kernel: [3, 3], padding: 1, stride: 2 },
  { inChannels: 64, outChannels: 64, groups: 64, size: [20, 9], kernel: [5, 5], padding: 4, dilation: 2 },
  { inChannels: 18, outChannels: 54, groups: 18, size: [11, 12], kernel: [3, 3], padding: 1, stride: 2, batch: 2 },
  { inChannels: 5, outChannels: 5, groups: 5, size: [4, 9, 9], kernel: [3, 3, 3], padding: 1 },
  { inChannels: 3, outChannels: 3, groups: 3, size: [70, 75], kernel: [3, 3], padding: 1 },
  { transposed: true, inChannels: 20, outChannels: 35, size: [9, 8], kernel: [4, 4], stride: 2, padding: 1 },
  {
    transposed: true,
    inChannels: 18,
    outChannels: 18,
    groups: 18,
    size: [9, 8],
    kernel: [4, 4],
    stride: 2,
    padding: 1,
  },
  { transposed: true, inChannels: 6, outChannels: 9, size: [9, 8], kernel: [3, 3], stride: 2, outputPadding: 1 },
  { transposed: true, inChannels: 6, outChannels: 9, size: [9], kernel: [2], stride: 1, dilation: 4, outputPadding: 3 },
  { inChannels: 8, outChannels: 9, size: [9, 8], kernel: [3, 3], padding: 2, paddingMode: 'reflect', batch: 2 },
  { inChannels: 8, outChannels: 9, size: [9, 8], kernel: [3, 3], padding: 4, paddingMode: 'circular', stride: 2 },
  { inChannels: 19, outChannels: 19, groups: 19, size: [9, 8], kernel: [3, 3], padding: 3, paddingMode: 'replicate' },
];

describe.each(enginesUnderTest())('$label', ({ label, select }) => {
  test.each(CASES.flatMap((options) => [false, true].map((channelsLast) => ({ ...options, channelsLast }))))(
    'gradients of $inChannels to $outChannels, $size, kernel $kernel, channels last $channelsLast, %#',
    (options) => {
      const { whole, real } = prepareCase(options);
      for (const layout of ['OIHW', 'HWIO'] as const) checkWhole(select(), whole, layout);
      const actual = gradients(select(), real.data, 'OIHW');
      expectNear(actual.input, real.oracle.input, "the input's gradient");
      expectNear(actual.weight, real.oracle.weight, "the weight's gradient");
    },
  );

  test.each(['standard', 'depthwise', 'transposed'] as const)('gradients of any %s convolution', (kind) => {
    const engine = select();
    fc.assert(
      fc.property(anyCase(kind), fc.nat(), fc.constantFrom('OIHW', 'HWIO'), ({ options }, seed, layout) => {
        const random = new Random(seed);
        const built = buildSpec({ ...options, activation: {}, math: 'strict' });
        checkWhole(
          engine,
          prepare(built, (length) => random.integers(length)),
          layout,
        );
      }),
      RUNS,
    );
  });

  test('Winograd serves the input gradient of a 3×3, to its own tolerance', () => {
    if (label === 'native scalar') return;
    const built = buildSpec({
      inChannels: 32,
      outChannels: 16,
      size: [46, 46],
      kernel: [3, 3],
      padding: 1,
      channelsLast: true,
    });
    const grad = new ConvGrad(select(), built, 'HWIO');
    if (label.startsWith('native')) expect(grad.explain().input.algorithm).toBe('winograd');
    grad.dispose();
    const random = new Random(7);
    const real = gradCase(built, (length) => random.reals(length));
    expectNear(gradients(select(), real, 'HWIO').input, gradOracle(real).input, 'Winograd', 600);
  });
});
