import { expected } from '../errors.js';
import type { Triple } from '../spec.js';
import { integer, triple } from './check.js';

/** A padding option, settled: numbers where they are known, a rule where the input decides. */
export type PaddingRule =
  | { readonly same: true }
  | { readonly same: false; readonly before: Triple; readonly after: Triple };

const FORMS = "a number, one an axis, a [before, after] pair an axis, 'same' or 'valid'";

export function resolvePadding(value: unknown, rank: number, name: string): PaddingRule {
  if (value === 'same') return { same: true };
  if (value === undefined || value === 'valid') return explicit(new Array<number>(rank).fill(0));
  if (typeof value === 'number') return explicit(new Array<number>(rank).fill(integer(value, 0, name)));
  if (!Array.isArray(value)) throw expected('ERR_OPTION', FORMS, name, value);
  if (value.length !== rank) {
    const hint = rank === 1 && value.length === 2 ? ' (for one axis [[before, after]])' : '';
    throw expected('ERR_OPTION', `${rank} ${rank === 1 ? 'entry' : 'entries'}, one an axis,${hint}`, name, value);
  }
  const pairs = Array.from(value, (entry: unknown, axis) => pair(entry, `${name}[${axis}]`));
  return explicit(
    pairs.map(([before]) => before),
    pairs.map(([, after]) => after),
  );
}

function pair(value: unknown, name: string): readonly [number, number] {
  if (!Array.isArray(value)) {
    const both = integer(value, 0, name);
    return [both, both];
  }
  if (value.length !== 2) throw expected('ERR_OPTION', 'a number or a [before, after] pair', name, value);
  return [integer(value[0], 0, `${name}[0]`), integer(value[1], 0, `${name}[1]`)];
}

function explicit(before: readonly number[], after: readonly number[] = before): PaddingRule {
  return Object.freeze({ same: false, before: triple(before, 0), after: triple(after, 0) });
}
