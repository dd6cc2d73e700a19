import { describe, expect, test } from 'vitest';
import { erfc } from '../lib/fallback/erf.js';
import type { EngineActivation } from '../lib/spec.js';
import { enginesUnderTest } from './support/engines.js';
import { activate, normalCdf } from './support/oracle.js';
import { buildSpec, LINEAR } from './support/spec.js';

describe('erfc', () => {
  test.each([
    [0, 1],
    [0.5, 0.4795001221869535],
    [1, 0.15729920705028513],
    [2, 0.004677734981047266],
    [3, 2.209049699858544e-5],
    [5, 1.5374597944280349e-12],
    [-1, 1.8427007929497148],
    [10, 2.088487583762545e-45],
  ])('erfc(%d), tabled', (x, value) => {
    expect(Math.abs(erfc(x) / value - 1)).toBeLessThan(2e-14);
  });

  test("agrees with Simpson's rule all along, as far as that goes, relative to its own size", () => {
    for (let x = -6; x < 8; x += 0.0371) {
      const integrated = 2 * normalCdf(-x * Math.SQRT2);
      expect(Math.abs(erfc(x) / integrated - 1)).toBeLessThan(1e-9);
    }
  });

  test('reaches its limits', () => {
    expect([erfc(Infinity), erfc(-Infinity), erfc(30), erfc(-30)]).toEqual([0, 2, 0, 2]);
    expect(erfc(Number.NaN)).toBeNaN();
  });
});

const slope = new Float32Array([0.25]);
const activations: readonly Partial<EngineActivation>[] = [
  {},
  { min: 0 },
  { min: 0, max: 6 },
  { op: 'leakyRelu', alpha: 0.01 },
  { op: 'prelu', slope },
  { op: 'elu', alpha: 1 },
  { op: 'sigmoid' },
  { op: 'tanh' },
  { op: 'hardSwish' },
  { op: 'hardSigmoid' },
  { op: 'silu' },
  { op: 'gelu' },
];

describe.each(await enginesUnderTest())('activations of $label', ({ select }) => {
  function apply(activation: Partial<EngineActivation>, values: Float32Array): Float32Array {
    const options = { inChannels: 1, outChannels: 1, size: [values.length], kernel: [1], activation };
    const { spec, geometry } = buildSpec(options);
    const layer = select().createConv({ spec, weight: new Float32Array([1]), bias: null });
    const output = new Float32Array(values.length);
    layer.plan(geometry).run(values, output, null);
    layer.dispose();
    return output;
  }

  test.each(activations)('%o from -30 to 30', (activation) => {
    const values = Float32Array.from({ length: 601 }, (_, at) => (at - 300) / 10);
    apply(activation, values).forEach((value, at) => {
      const exact = activate(values[at], { ...LINEAR, ...activation }, 0);
      expect(Math.abs(value - exact)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(exact)));
    });
  });

  test.each(activations)('%o passes a NaN on', (activation) => {
    const values = Float32Array.of(1, Number.NaN, 2, Number.NaN, 3);
    expect(Array.from(apply(activation, values), Number.isNaN)).toEqual([false, true, false, true, false]);
  });

  test('clip stops infinities at its bounds', () => {
    const values = Float32Array.of(-Infinity, Infinity, -1, 7);
    expect([...apply({ min: 0, max: 6 }, values)]).toEqual([0, 6, 0, 6]);
    expect([...apply({}, values)]).toEqual([-Infinity, Infinity, -1, 7]);
  });
});
