import { expect } from 'vitest';
import type { CompanionKernels } from '../../lib/companions/kernels.js';
import { referenceCompanions } from '../../lib/fallback/companions/kernels.js';
import { createNativeCompanions } from '../../lib/native/companions.js';
import { loadBinding } from '../../lib/native/load.js';
import { enginesUnderTest } from './engines.js';
import type { Random } from './random.js';

/** The companions of an engine, and one of the instruction sets it runs here. */
export interface CompanionsUnderTest {
  readonly label: string;
  /** Makes `isa` the one in use. */
  select(): CompanionKernels;
}

/** Every engine and instruction set there is here, as `enginesUnderTest` has them. */
export function companionsUnderTest(): CompanionsUnderTest[] {
  const { binding } = loadBinding();
  return enginesUnderTest().map(({ label, select }) => {
    const native = label.startsWith('native') && binding !== null;
    const kernels = native ? createNativeCompanions(binding) : referenceCompanions;
    return {
      label,
      select() {
        select();
        return kernels;
      },
    };
  });
}

/** What an output holds outside of what a call may write. */
const UNTOUCHED = 12345;
const MARGIN = 5;

/** An output between margins, at an offset that no vector is aligned to. */
export class Guarded {
  readonly #whole: Float32Array;
  readonly out: Float32Array;

  constructor(count: number) {
    this.#whole = new Float32Array(count + 2 * MARGIN).fill(UNTOUCHED);
    this.out = this.#whole.subarray(MARGIN, MARGIN + count);
  }

  /** The output, after a look at the margins. */
  check(): Float32Array {
    for (let i = 0; i < MARGIN; i++) {
      expect(this.#whole[i]).toBe(UNTOUCHED);
      expect(this.#whole[this.#whole.length - 1 - i]).toBe(UNTOUCHED);
    }
    return this.out;
  }
}

/** Runs `fill` on a guarded output of `count` values. */
export function guarded(count: number, fill: (out: Float32Array) => void): Float32Array {
  const output = new Guarded(count);
  fill(output.out);
  return output.check();
}

/** The same values at a byte offset that is no multiple of a vector. */
export function shifted(values: Float32Array): Float32Array {
  const whole = new Float32Array(values.length + 3);
  whole.set(values, 3);
  return whole.subarray(3);
}

const SPECIAL = [0, -0, 1, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 6, 1e-40, -1e-40, 3e38];

/** Reals up to `bound` with every value that arithmetic treats apart strewn in. */
export function awkward(random: Random, count: number, bound = 4): Float32Array {
  return Float32Array.from({ length: count }, () =>
    random.integer(0, 3) === 0 ? SPECIAL[random.integer(0, SPECIAL.length - 1)] : random.real() * bound,
  );
}

const bits = new Int32Array(1);
const float = new Float32Array(bits.buffer);

/** Place of a float32 among all of them in order. */
function ordinal(value: number): number {
  float[0] = value;
  return bits[0] < 0 ? -(bits[0] & 0x7fffffff) : bits[0];
}

/** Expects each value to lie within `units` in the last place of float32, or within `absolute`; NaN is NaN. */
export function expectClose(actual: Float32Array, wanted: ArrayLike<number>, units: number, absolute = 0): void {
  expect(actual.length).toBe(wanted.length);
  for (let i = 0; i < actual.length; i++) {
    if (Object.is(actual[i], wanted[i]) || actual[i] === wanted[i]) continue;
    const near = Math.abs(ordinal(actual[i]) - ordinal(wanted[i])) <= units;
    const bothNumbers = !Number.isNaN(actual[i]) && !Number.isNaN(wanted[i]);
    if (bothNumbers && (near || Math.abs(actual[i] - wanted[i]) <= absolute)) continue;
    throw new Error(`Expected ${wanted[i]} within ${units} units but received ${actual[i]} at ${i}`);
  }
}
