import { ConvolithError, expected } from '../errors.js';
import type { EngineActivation } from '../spec.js';
import { readVector } from '../tensor.js';
import { asOptions, finite, isObject, list } from './check.js';

type Op = EngineActivation['op'];
type Parameter = 'alpha' | 'slope' | 'min' | 'max';

interface Known {
  readonly op: Op;
  readonly takes: readonly Parameter[];
  readonly min?: number;
  readonly max?: number;
  readonly alpha?: number;
}

/** Every activation: the engine's operation, the parameters it takes, and their defaults. */
const KNOWN: Readonly<Record<string, Known>> = {
  linear: { op: 'clip', takes: [] },
  relu: { op: 'clip', takes: ['min', 'max'], min: 0 },
  relu6: { op: 'clip', takes: ['min', 'max'], min: 0, max: 6 },
  clip: { op: 'clip', takes: ['min', 'max'] },
  leakyRelu: { op: 'leakyRelu', takes: ['alpha'], alpha: 0.01 },
  prelu: { op: 'prelu', takes: ['slope'] },
  elu: { op: 'elu', takes: ['alpha'], alpha: 1 },
  sigmoid: { op: 'sigmoid', takes: [] },
  tanh: { op: 'tanh', takes: [] },
  hardSwish: { op: 'hardSwish', takes: [] },
  hardSigmoid: { op: 'hardSigmoid', takes: [] },
  silu: { op: 'silu', takes: [] },
  gelu: { op: 'gelu', takes: [] },
};

/** Settles an activation option; parameters are rounded to float32, so that both engines compute with the same ones. */
export function resolveActivation(value: unknown, outChannels: number, name: string): EngineActivation {
  const options =
    typeof value === 'string' || value === undefined ? { type: value ?? 'linear' } : asOptions(value, name);
  const { type } = options;
  const known = typeof type === 'string' && Object.hasOwn(KNOWN, type) ? KNOWN[type] : undefined;
  if (known === undefined) {
    throw expected('ERR_OPTION', `one of ${list(Object.keys(KNOWN))}`, isObject(value) ? `${name}.type` : name, type);
  }
  checkParameters(options, known, `${name}.${String(type)}`);
  const min = bound(options.min, known.min ?? Number.NEGATIVE_INFINITY, `${name}.min`);
  const max = bound(options.max, known.max ?? Number.POSITIVE_INFINITY, `${name}.max`);
  if (min > max) throw expected('ERR_OPTION', `a number of at least ${name}.min, ${min},`, `${name}.max`, max);
  return Object.freeze({
    op: known.op,
    min,
    max,
    alpha: finiteFloat(options.alpha, known.alpha ?? 0, `${name}.alpha`),
    slope: known.op === 'prelu' ? slopes(options.slope, outChannels, `${name}.slope`) : null,
  });
}

function checkParameters(options: Readonly<Record<string, unknown>>, known: Known, name: string): void {
  const takes: readonly string[] = known.takes;
  for (const key of Object.keys(options)) {
    if (key === 'type' || takes.includes(key)) continue;
    const what = takes.length > 0 ? `only the parameters ${list(takes)}` : 'no parameters';
    throw new ConvolithError('ERR_OPTION', `Expected ${what} for ${name} but received '${key}'`);
  }
}

/** A number that is finite as a float32 too. */
function finiteFloat(value: unknown, fallback: number, name: string): number {
  const rounded = Math.fround(finite(value, fallback, name));
  if (!Number.isFinite(rounded)) throw expected('ERR_OPTION', 'a number within the range of float32', name, value);
  return rounded;
}

function bound(value: unknown, fallback: number, name: string): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || Number.isNaN(value)) throw expected('ERR_OPTION', 'a number', name, value);
  return Math.fround(value);
}

function slopes(value: unknown, outChannels: number, name: string): Float32Array {
  if (typeof value === 'number') return new Float32Array(outChannels).fill(finiteFloat(value, 0, name));
  if (value === undefined) throw expected('ERR_OPTION', 'a number or one an output channel', name, value);
  const vector = readVector(value, outChannels, name);
  return Float32Array.from(vector);
}
