import type fc from 'fast-check';
import type { Tally } from './tally.js';

/** Something to hunt in: cases of one form, and what must hold for each. A case is plain JSON. */
export interface Target<Case> {
  readonly cases: fc.Arbitrary<Case>;
  /** Throws, or rejects, where something does not hold. */
  check(one: Case): Promise<void>;
  readonly tally: Tally;
  /** The case without what is usual in it, for a reproducer's line. */
  compact(one: Case): unknown;
  expand(line: unknown): Case;
}

/** What `value` says beyond `usual`. */
export function without<T extends object>(value: T, usual: T): Partial<T> {
  const entries = Object.entries(value).filter(([key, entry]) => entry !== usual[key as keyof T]);
  return Object.fromEntries(entries) as Partial<T>;
}
