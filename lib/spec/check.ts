import { distance } from 'fastest-levenshtein';
import type { ConvolithErrorCode } from '../errors.js';
import { ConvolithError, expected, show } from '../errors.js';
import type { Triple } from '../spec.js';

/** The most elements that one tensor may have, and the largest number that any option may be. */
export const MAX_ELEMENTS = 2 ** 31 - 1;

/** A bag of options of which nothing is known yet. */
export type Bag = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Bag {
  return typeof value === 'object' && value !== null;
}

export function asOptions(value: unknown, name: string): Bag {
  if (!isObject(value) || Array.isArray(value) || ArrayBuffer.isView(value)) {
    throw expected('ERR_OPTION', 'an object', name, value);
  }
  return value;
}

/** Names in one line, as an error lists them. */
export function list(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}

/** Refuses keys that are not known: a misspelt option must not pass for an absent one. */
export function checkKeys(options: Bag, known: readonly string[], name: string): void {
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const near = known
      .map((candidate) => ({ candidate, far: distance(key.toLowerCase(), candidate.toLowerCase()) }))
      .sort((a, b) => a.far - b.far);
    const closest = near.filter(({ far }) => far <= Math.max(2, key.length / 3)).map(({ candidate }) => candidate);
    const hint = closest.length > 0 ? `did you mean ${list(closest.slice(0, 3))}?` : `known are ${list(known)}`;
    throw new ConvolithError('ERR_OPTION', `Expected a known option for ${name} but received ${show(key)}; ${hint}`);
  }
}

/** One of a few names; `fallback` where the option is absent. */
export function oneOf<T extends string>(value: unknown, known: readonly T[], fallback: T, name: string): T {
  if (value === undefined) return fallback;
  const found = known.find((candidate) => candidate === value);
  if (found === undefined) throw expected('ERR_OPTION', `one of ${list(known)}`, name, value);
  return found;
}

export function integer(value: unknown, least: number, name: string, code: ConvolithErrorCode = 'ERR_OPTION'): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least) {
    throw expected(code, `an integer of at least ${least}`, name, value);
  }
  if (value > MAX_ELEMENTS) throw expected(code, 'an integer of at most 2^31 - 1', name, value);
  return value;
}

export function finite(value: unknown, fallback: number, name: string): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw expected('ERR_OPTION', 'a finite number', name, value);
  return value;
}

/** Fills the leading axes of a lower rank. */
export function triple(axes: readonly number[], fill: number): Triple {
  const [w, h, d] = [axes.at(-1), axes.at(-2), axes.at(-3)];
  return Object.freeze([d ?? fill, h ?? fill, w ?? fill] as const);
}

/** The axes of `rank` out of a triple. */
export function axesOf(value: Triple, rank: number): number[] {
  return value.slice(3 - rank);
}

/** A number for every axis, or one an axis. */
export function perAxis(value: unknown, rank: number, least: number, name: string): number[] {
  if (typeof value === 'number') return new Array<number>(rank).fill(integer(value, least, name));
  if (!Array.isArray(value)) throw expected('ERR_OPTION', `an integer or ${rank} of them`, name, value);
  if (value.length !== rank) throw expected('ERR_OPTION', `an integer or ${rank}, one an axis,`, name, value);
  // Not map(), which passes over the holes of a sparse array.
  return Array.from(value, (entry: unknown, axis) => integer(entry, least, `${name}[${axis}]`));
}

/** A product that would pass 2^31 - 1 is memory that there is not. */
export function product(sizes: readonly number[], name: string): number {
  let total = 1;
  for (const size of sizes) total *= size;
  if (total > MAX_ELEMENTS) throw expected('ERR_MEMORY', 'at most 2^31 - 1 elements', name, sizes);
  return total;
}
