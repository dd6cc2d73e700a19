import type { ConvolithErrorCode } from '../errors.js';
import { ConvolithError, show } from '../errors.js';
import { MAX_RANK, type Movable } from './kernels.js';

/** Sizes of a tensor, outermost axis first; `[]` is a scalar. */
export type Sizes = readonly number[];

/** Elements of a shape. */
export function sizeOf(shape: Sizes): number {
  let size = 1;
  for (let axis = 0; axis < shape.length; axis++) size *= shape[axis];
  return size;
}

function refuse(code: ConvolithErrorCode, expected: string, name: string, received: string): never {
  throw new ConvolithError(code, `Expected ${expected} for ${name} but received ${received}`);
}

/** Refuses an array that holds another number of values than `count`. */
export function expectLength(data: Movable, count: number, name: string): void {
  if (data.length !== count) refuse('ERR_BUFFER', `${count} values`, name, `${data.length}`);
}

/** Refuses an `out` that shares memory with what is read. */
export function expectApart(out: Movable, read: Movable, name: string): void {
  if (out.buffer !== read.buffer) return;
  const [outEnd, readEnd] = [out.byteOffset + out.byteLength, read.byteOffset + read.byteLength];
  if (out.byteOffset < readEnd && read.byteOffset < outEnd) {
    refuse('ERR_BUFFER', `memory apart from ${name}`, 'out', 'an overlapping view');
  }
}

/** The same, but that `out` may be exactly what is read. */
export function expectApartOrSame(out: Movable, read: Movable, name: string): void {
  if (out.buffer === read.buffer && out.byteOffset === read.byteOffset && out.length === read.length) return;
  expectApart(out, read, name);
}

/** Refuses a shape or option that does not fit. A message with sizes in it is made where it is needed only. */
export function expectThat(holds: boolean, expected: string | (() => string), name: string, received: unknown): void {
  if (!holds) refuse('ERR_SHAPE', typeof expected === 'string' ? expected : expected(), name, show(received));
}

/** Refuses more axes than a block has room for. */
export function expectRank(rank: number, name: string): void {
  if (rank > MAX_RANK) refuse('ERR_UNSUPPORTED', `at most ${MAX_RANK} axes that cannot be joined`, name, `${rank}`);
}
