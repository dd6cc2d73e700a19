import bindings from 'bindings';
import type { NativeBinding, NativeConv, NativePlan, NativeStage } from '../../lib/native/binding.js';
import type { ConvGeometry, ConvSpec } from '../../lib/spec.js';
import { root } from './root.js';

/** The addon without the TypeScript checks in front of it. */
export const binding = bindings({ bindings: 'convolith', module_root: root }) as NativeBinding;

/** A spec that is right: 2 to 3 channels, 3×3, for `geometry()`, exact on integers. Tests put one wrong thing into it. */
export function spec(changes: object = {}): ConvSpec {
  return {
    transposed: false,
    rank: 2,
    channelsLast: false,
    inChannels: 2,
    outChannels: 3,
    groups: 1,
    kernel: [1, 3, 3],
    stride: [1, 1, 1],
    dilation: [1, 1, 1],
    paddingMode: 'zeros',
    activation: { op: 'clip', min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY, alpha: 0, slope: null },
    algorithm: 'auto',
    math: 'strict',
    ...changes,
  };
}

export function geometry(changes: object = {}): ConvGeometry {
  return { batch: 1, input: [1, 8, 8], output: [1, 8, 8], padBefore: [0, 1, 1], padAfter: [0, 1, 1], ...changes };
}

export const INPUT = 2 * 8 * 8;
export const OUTPUT = 3 * 8 * 8;
/** What an output holds that was not written. */
export const UNTOUCHED = 12345;

export function stage(changes: object = {}): NativeStage {
  return { spec: spec(), weight: new Float32Array(54).fill(1), bias: new Float32Array([1, 2, 3]), ...changes };
}

export interface Fixture {
  readonly conv: NativeConv;
  readonly plan: NativePlan;
  readonly input: Float32Array;
  readonly output: Float32Array;
}

export function fixture(): Fixture {
  const conv = new binding.Conv(stage());
  const input = new Float32Array(INPUT).fill(1);
  return { conv, plan: conv.plan(geometry()), input, output: new Float32Array(OUTPUT).fill(UNTOUCHED) };
}

/** The corner of `fixture()`'s output channel 0 sees 2 × 2 pixels of 2 channels, and the bias 1. */
export const CORNER = 2 * 2 * 2 + 1;

/** The `code` of what `call` throws; fails where it throws nothing. */
export function codeOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    return (error as { code?: string }).code ?? `no code: ${(error as Error).message}`;
  }
  throw new Error('Expected a refusal but the call went through');
}
