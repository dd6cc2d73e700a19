import { describe, expect, test } from 'vitest';
import { binding, codeOf, UNTOUCHED } from '../support/binding.js';

/** Calls the addon as no TypeScript program would. */
type Loose = (...args: unknown[]) => unknown;
const face = binding.companions as unknown as { readonly [name: string]: Loose };

const floats = (count: number): Float32Array => new Float32Array(count).fill(UNTOUCHED);
const block = (...values: number[]): Int32Array => Int32Array.from(values);

function detach(view: Float32Array): Float32Array {
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });
  return view;
}

/** A copy of one region: source, offsets, then (size, source step, out step) an axis. */
const region = (...numbers: number[]): Int32Array => block(1, ...numbers);
const MOST = 2 ** 31 - 1;
/** A pooling of one 4 × 4 map of one channel by 2 × 2, as the block has it. */
const POOL = [1, 1, 1, 4, 4, 1, 2, 2, 1, 2, 2, 1, 2, 2, 1, 1, 1, 0, 0, 0, 0];
const poolWith = (place: number, value: number): Int32Array =>
  block(...POOL.map((number, at) => (at === place ? value : number)));

interface Refusal {
  readonly name: string;
  readonly call: string;
  /** The arguments around the output. */
  args(out: Float32Array): unknown[];
  readonly code: string;
}

const x = floats(16);
const REFUSALS: readonly Refusal[] = [
  { name: 'no arguments', call: 'unary', args: () => [], code: 'ERR_OPTION' },
  { name: 'an unknown operation', call: 'unary', args: (out) => [99, x, out, 0, 0], code: 'ERR_OPTION' },
  {
    name: 'another kind of array',
    call: 'unary',
    args: (out) => [0, new Float64Array(16), out, 0, 0],
    code: 'ERR_DTYPE',
  },
  { name: 'a short input', call: 'unary', args: (out) => [0, floats(3), out, 0, 0], code: 'ERR_BUFFER' },
  { name: 'a detached input', call: 'unary', args: (out) => [0, detach(floats(16)), out, 0, 0], code: 'ERR_BUFFER' },
  {
    name: 'shared memory',
    call: 'unary',
    args: (out) => [0, new Float32Array(new SharedArrayBuffer(64)), out, 0, 0],
    code: 'ERR_BUFFER',
  },
  { name: 'a short block', call: 'binary', args: (out) => [0, x, x, out, block(1, 16)], code: 'ERR_BUFFER' },
  { name: 'no axes', call: 'binary', args: (out) => [0, x, x, out, block(0)], code: 'ERR_SHAPE' },
  { name: 'nine axes', call: 'binary', args: (out) => [0, x, x, out, block(9)], code: 'ERR_SHAPE' },
  {
    name: 'a broadcast beyond b',
    call: 'binary',
    args: (out) => [0, x, floats(15), out, block(1, 16, 1, 1)],
    code: 'ERR_BUFFER',
  },
  { name: 'a negative step', call: 'binary', args: (out) => [0, x, x, out, block(1, 16, -1, 1)], code: 'ERR_SHAPE' },
  { name: 'two fixed operands', call: 'binary', args: (out) => [0, x, x, out, block(1, 16, 0, 0)], code: 'ERR_SHAPE' },
  {
    name: 'an output beyond memory',
    call: 'binary',
    args: (out) => [0, x, x, out, block(3, MOST, MOST, MOST, 0, 0, 1, 0, 0, 1)],
    code: 'ERR_BUFFER',
  },
  { name: 'no channels', call: 'normalize', args: (out) => [x, floats(0), x, x, out], code: 'ERR_BUFFER' },
  {
    name: 'short scales',
    call: 'normalize',
    args: (out) => [x, floats(4), floats(3), floats(4), out],
    code: 'ERR_BUFFER',
  },
  {
    name: 'no list of sources',
    call: 'copy',
    args: (out) => [x, out, region(0, 0, 0, 1, 4, 1, 1)],
    code: 'ERR_OPTION',
  },
  {
    name: 'an unknown source',
    call: 'copy',
    args: (out) => [[x], out, region(1, 0, 0, 1, 4, 1, 1)],
    code: 'ERR_SHAPE',
  },
  {
    name: 'a source of another kind',
    call: 'copy',
    args: (out) => [[new Int32Array(16)], out, region(0, 0, 0, 0)],
    code: 'ERR_DTYPE',
  },
  {
    name: 'a copy from beyond',
    call: 'copy',
    args: (out) => [[x], out, region(0, 13, 0, 1, 4, 1, 1)],
    code: 'ERR_BUFFER',
  },
  {
    name: 'a copy from before',
    call: 'copy',
    args: (out) => [[x], out, region(0, 2, 0, 1, 4, -1, 1)],
    code: 'ERR_BUFFER',
  },
  {
    name: 'a copy to beyond',
    call: 'copy',
    args: (out) => [[x], out, region(0, 0, 0, 1, 4, 1, 6)],
    code: 'ERR_BUFFER',
  },
  {
    name: 'a copy to before',
    call: 'copy',
    args: (out) => [[x], out, region(0, 0, -1, 1, 4, 1, 1)],
    code: 'ERR_BUFFER',
  },
  { name: 'a negative size', call: 'copy', args: (out) => [[x], out, region(0, 0, 0, 1, -4, 1, 1)], code: 'ERR_SHAPE' },
  { name: 'a region cut short', call: 'copy', args: (out) => [[x], out, region(0, 0, 0, 2, 4, 1)], code: 'ERR_BUFFER' },
  { name: 'a count of regions beyond reason', call: 'copy', args: (out) => [[x], out, block(MOST)], code: 'ERR_SHAPE' },
  {
    name: 'more than memory through steps of 0',
    call: 'copy',
    args: (out) => [[x], out, region(0, 0, 0, 3, MOST, 0, 0, MOST, 0, 0, MOST, 0, 0)],
    code: 'ERR_BUFFER',
  },
  {
    name: 'an overlapping copy',
    call: 'copy',
    args: (out) => [[out], out, region(0, 0, 0, 1, 4, 1, 1)],
    code: 'ERR_BUFFER',
  },
  { name: 'a pooling block cut short', call: 'pool', args: (out) => [0, x, out, block(1, 1)], code: 'ERR_BUFFER' },
  {
    name: 'a stride of 0',
    call: 'pool',
    args: (out) => [0, x, out.subarray(0, 4), poolWith(12, 0)],
    code: 'ERR_SHAPE',
  },
  {
    name: 'a map beyond the input',
    call: 'pool',
    args: (out) => [0, x, out.subarray(0, 4), poolWith(3, 5)],
    code: 'ERR_BUFFER',
  },
  {
    name: 'a window beyond reason',
    call: 'pool',
    args: (out) => [0, x, out.subarray(0, 4), poolWith(9, MOST)],
    code: 'ERR_MEMORY',
  },
  {
    name: 'a short gradient',
    call: 'avgPoolGrad',
    args: (out) => [floats(3), out, block(...POOL)],
    code: 'ERR_BUFFER',
  },
  {
    name: 'a short pooled map',
    call: 'maxPoolGrad',
    args: (out) => [floats(4), floats(15), out, block(...POOL), false],
    code: 'ERR_BUFFER',
  },
  { name: 'a reduction of no values', call: 'reduce', args: (out) => [0, x, out, 4, 0, 1], code: 'ERR_SHAPE' },
  {
    name: 'a reduction beyond memory',
    call: 'reduce',
    args: (out) => [0, x, out, MOST, MOST, MOST],
    code: 'ERR_BUFFER',
  },
  { name: 'a fraction of a size', call: 'reduce', args: (out) => [0, x, out, 4.5, 4, 1], code: 'ERR_OPTION' },
  { name: 'a float array for places', call: 'argMax', args: (out) => [x, out, 4, 4, 1], code: 'ERR_DTYPE' },
  { name: 'rows beyond the input', call: 'softmax', args: (out) => [x, out, 5, 4], code: 'ERR_BUFFER' },
  {
    name: 'more than the columns',
    call: 'topK',
    args: (out) => [x, out, new Int32Array(16), 4, 4, 5],
    code: 'ERR_SHAPE',
  },
  {
    name: 'a place beyond the map',
    call: 'resizeNearest',
    args: (out) => [floats(4), out, block(0, 2, 0, 0), block(1, 2, 2, 2, 2, 4)],
    code: 'ERR_BUFFER',
  },
  {
    name: 'a row beyond the map',
    call: 'resizeNearest',
    args: (out) => [floats(16), out, block(0, 2, 0, 0), block(1, 2, 2, 2, 2, 4)],
    code: 'ERR_SHAPE',
  },
  {
    name: 'a column before the map',
    call: 'resizeBilinear',
    args: (out) => [floats(16), out, block(0, 1, 0, -1), block(0, 1, 0, 1), floats(4), block(1, 2, 2, 2, 2, 4)],
    code: 'ERR_SHAPE',
  },
  {
    name: 'a short matrix',
    call: 'matMul',
    args: (out) => [floats(15), x, out, block(1, 1, 1, 4, 4, 4, 0, 0), 0, 0, null, null],
    code: 'ERR_BUFFER',
  },
  {
    name: 'a product beyond memory',
    call: 'matMul',
    args: (out) => [x, x, out, block(1, 1, 1, MOST, MOST, MOST, 0, 0), 0, 0, null, null],
    code: 'ERR_BUFFER',
  },
  {
    name: 'no batch',
    call: 'matMul',
    args: (out) => [x, x, out, block(1, 0, 1, 4, 4, 4, 0, 0), 0, 0, null, null],
    code: 'ERR_SHAPE',
  },
  {
    name: 'prelu without slopes',
    call: 'matMul',
    args: (out) => [x, x, out, block(1, 1, 1, 4, 4, 4, 0, 0), 6, 0, null, null],
    code: 'ERR_OPTION',
  },
  {
    name: 'a short bias',
    call: 'matMul',
    args: (out) => [x, x, out, block(1, 1, 1, 4, 4, 4, 0, 0), 0, 0, floats(3), null],
    code: 'ERR_BUFFER',
  },
];

describe('the companions called around the TypeScript checks', () => {
  test.each(REFUSALS)('$call refuses $name', ({ call, args, code }) => {
    const out = floats(16);
    expect(codeOf(() => face[call](...args(out)))).toBe(code);
    expect(out.every((value) => value === UNTOUCHED)).toBe(true);
    face.unary(0, x, out, 0, 0);
    expect(out[0]).toBe(UNTOUCHED);
  });

  test('an array whose getter detaches the output', () => {
    const out = floats(16);
    const sources = [x];
    Object.defineProperty(sources, 0, {
      get() {
        detach(out);
        return x;
      },
    });
    expect(codeOf(() => face.copy(sources, out, region(0, 0, 0, 1, 4, 1, 1)))).toBe('ERR_BUFFER');
  });
});
