import { ConvolithError } from '../errors.js';
import { expectApart, expectLength, expectThat, type Sizes, sizeOf } from './check.js';
import type { CompanionKernels, Movable } from './kernels.js';
import { denseStrides, regions } from './regions.js';

/** Places before and after each axis. */
export type Margins = readonly (readonly [before: number, after: number])[];

/** All arrays of a movement are of one kind: it moves bits and converts nothing. */
function expectKind(out: Movable, source: Movable, name: string): void {
  if (out.constructor !== source.constructor) {
    const [want, got] = [out.constructor.name, source.constructor.name];
    throw new ConvolithError('ERR_DTYPE', `Expected ${want}, the kind of out, for ${name} but received ${got}`);
  }
}

function expectMove(x: Movable, xShape: Sizes, out: Movable, count: number): void {
  expectKind(out, x, 'x');
  expectLength(x, sizeOf(xShape), 'x');
  expectLength(out, count, 'out');
  expectApart(out, x, 'x');
}

function expectMargins(margins: Margins, xShape: Sizes, name: string): void {
  expectThat(margins.length === xShape.length, () => `${xShape.length} pairs`, name, margins.length);
  for (const pair of margins) {
    for (const side of pair) expectThat(Number.isInteger(side) && side >= 0, 'integers of at least 0', name, side);
  }
}

/** A one-element array of the kind of `like`, from which a region of strides 0 fills. */
function constantLike<T extends Movable>(like: T, value: number): T {
  const made = like.slice(0, 1) as T;
  if (made.length === 1) made[0] = value;
  return made;
}

/** Shape of `x` within margins. */
export function paddedShape(xShape: Sizes, paddings: Margins): number[] {
  return xShape.map((size, axis) => size + paddings[axis][0] + paddings[axis][1]);
}

/** TensorFlow's PadV2: `out`, shaped as {@link paddedShape} says, is `x` within margins of `value`. */
export function pad<T extends Movable>(
  kernels: CompanionKernels,
  x: T,
  xShape: Sizes,
  paddings: Margins,
  value: number,
  out: T,
): void {
  expectMargins(paddings, xShape, 'paddings');
  const outShape = paddedShape(xShape, paddings);
  expectMove(x, xShape, out, sizeOf(outShape));
  if (out.length === 0) return;
  const steps = denseStrides(outShape);
  const none = xShape.map(() => 0);
  const list = regions.begin();
  // Margins of an axis: inside of the map on the axes before it, whole on those after it, so that none meet.
  const shape = [...outShape];
  let origin = 0;
  for (let axis = 0; axis < xShape.length; axis++) {
    const [before, after] = paddings[axis];
    shape[axis] = before;
    list.add(1, 0, origin, shape, none, steps);
    shape[axis] = after;
    list.add(1, 0, origin + (before + xShape[axis]) * steps[axis], shape, none, steps);
    shape[axis] = xShape[axis];
    origin += before * steps[axis];
  }
  list.add(0, 0, origin, xShape, denseStrides(xShape), steps);
  list.run(kernels, [x, constantLike(out, value)], out);
}

/**
 * TensorFlow's MirrorPad: margins mirror the map, with its edge (`'symmetric'`) or without (`'reflect'`).
 * @throws ConvolithError `ERR_SHAPE` where a margin is wider than what there is to mirror.
 */
export function mirrorPad<T extends Movable>(
  kernels: CompanionKernels,
  x: T,
  xShape: Sizes,
  paddings: Margins,
  mode: 'reflect' | 'symmetric',
  out: T,
): void {
  expectMargins(paddings, xShape, 'paddings');
  const outShape = paddedShape(xShape, paddings);
  expectMove(x, xShape, out, sizeOf(outShape));
  const skip = mode === 'reflect' ? 1 : 0;
  for (let axis = 0; axis < xShape.length; axis++) {
    const most = Math.max(0, xShape[axis] - skip);
    expectThat(
      Math.max(...paddings[axis]) <= most,
      () => `at most ${most} on axis ${axis}`,
      'paddings',
      paddings[axis],
    );
  }
  const to = denseStrides(outShape);
  const from = denseStrides(xShape);
  const list = regions.begin();
  const shape = [...xShape];
  const fromSteps = [...from];
  const visit = (axis: number, source: number, target: number): void => {
    if (axis === xShape.length) {
      list.add(0, source, target, shape, fromSteps, to);
      return;
    }
    const [before, after] = paddings[axis];
    const size = xShape[axis];
    const step = from[axis];
    // The margin before begins at its far end and walks back to the edge; the one after walks away from it.
    shape[axis] = before;
    fromSteps[axis] = -step;
    if (before > 0) visit(axis + 1, source + (before - 1 + skip) * step, target);
    shape[axis] = after;
    if (after > 0) visit(axis + 1, source + (size - 1 - skip) * step, target + (before + size) * to[axis]);
    shape[axis] = size;
    fromSteps[axis] = step;
    visit(axis + 1, source, target + before * to[axis]);
  };
  visit(0, 0, 0);
  list.run(kernels, [x], out);
}

/**
 * TensorFlow's Concat: `inputs`, whose shapes differ on `axis` alone, one after the other on that axis.
 * @throws ConvolithError `ERR_SHAPE` where they differ elsewhere.
 */
export function concat<T extends Movable>(
  kernels: CompanionKernels,
  inputs: readonly T[],
  shapes: readonly Sizes[],
  axis: number,
  out: T,
): void {
  expectThat(inputs.length > 0 && inputs.length === shapes.length, 'a shape an input', 'shapes', shapes.length);
  const rank = shapes[0].length;
  expectThat(Number.isInteger(axis) && axis >= 0 && axis < rank, () => `an axis below ${rank}`, 'axis', axis);
  const outer = sizeOf(shapes[0].slice(0, axis));
  const inner = sizeOf(shapes[0].slice(axis + 1));
  let total = 0;
  for (let i = 0; i < inputs.length; i++) {
    const alike = shapes[i].length === rank && shapes[i].every((size, at) => at === axis || size === shapes[0][at]);
    expectThat(alike, () => `[${shapes[0]}] but for axis ${axis}`, `shapes[${i}]`, shapes[i]);
    expectKind(out, inputs[i], `inputs[${i}]`);
    expectLength(inputs[i], sizeOf(shapes[i]), `inputs[${i}]`);
    expectApart(out, inputs[i], `inputs[${i}]`);
    total += shapes[i][axis];
  }
  expectLength(out, outer * total * inner, 'out');
  const list = regions.begin();
  const row = total * inner;
  let at = 0;
  for (let i = 0; i < inputs.length; i++) {
    const run = shapes[i][axis] * inner;
    list.add(i, 0, at, [outer, run], [run, 1], [row, 1]);
    at += run;
  }
  list.run(kernels, inputs, out);
}

/** TensorFlow's Pack: `inputs` of one shape along a new axis, `axis` from 0 to the rank. */
export function pack<T extends Movable>(
  kernels: CompanionKernels,
  inputs: readonly T[],
  shape: Sizes,
  axis: number,
  out: T,
): void {
  const grown = [...shape.slice(0, axis), 1, ...shape.slice(axis)];
  concat(
    kernels,
    inputs,
    inputs.map(() => grown),
    axis,
    out,
  );
}

/** `out[i…] = x[begin + i * strides…]`, `out` of shape `outShape`; strides may be negative (TensorFlow's StridedSlice). */
export function stridedSlice<T extends Movable>(
  kernels: CompanionKernels,
  x: T,
  xShape: Sizes,
  begin: Sizes,
  strides: Sizes,
  outShape: Sizes,
  out: T,
): void {
  expectMove(x, xShape, out, sizeOf(outShape));
  const from = denseStrides(xShape);
  let origin = 0;
  for (let axis = 0; axis < xShape.length; axis++) {
    const last = begin[axis] + Math.max(0, outShape[axis] - 1) * strides[axis];
    const inside =
      Math.min(begin[axis], last) >= 0 && (outShape[axis] === 0 || Math.max(begin[axis], last) < xShape[axis]);
    expectThat(inside, () => `places inside of [${xShape}]`, `axis ${axis} of the slice`, [begin[axis], last]);
    origin += begin[axis] * from[axis];
    from[axis] *= strides[axis];
  }
  const list = regions.begin();
  list.add(0, origin, 0, outShape, from, denseStrides(outShape));
  list.run(kernels, [x], out);
}

/** The part of `x` from `begin`, of shape `size` (TensorFlow's Slice). */
export function slice<T extends Movable>(
  kernels: CompanionKernels,
  x: T,
  xShape: Sizes,
  begin: Sizes,
  size: Sizes,
  out: T,
): void {
  const ones = xShape.map(() => 1);
  stridedSlice(kernels, x, xShape, begin, ones, size, out);
}

/** TensorFlow's SplitV: the parts of `x` of `sizes` on `axis`, each into its own output. */
export function split<T extends Movable>(
  kernels: CompanionKernels,
  x: T,
  xShape: Sizes,
  axis: number,
  sizes: Sizes,
  outs: readonly T[],
): void {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  expectThat(
    total === xShape[axis] && sizes.length === outs.length,
    () => `sizes that sum to ${xShape[axis]}`,
    'sizes',
    sizes,
  );
  const begin = xShape.map(() => 0);
  const shape = [...xShape];
  for (let i = 0; i < outs.length; i++) {
    shape[axis] = sizes[i];
    slice(kernels, x, xShape, begin, shape, outs[i]);
    begin[axis] += sizes[i];
  }
}

/** Axis i of `out` is axis `perm[i]` of `x`. */
export function transpose<T extends Movable>(
  kernels: CompanionKernels,
  x: T,
  xShape: Sizes,
  perm: Sizes,
  out: T,
): void {
  const isPermutation = perm.length === xShape.length && xShape.every((_, axis) => perm.includes(axis));
  expectThat(isPermutation, () => `a permutation of ${xShape.length} axes`, 'perm', perm);
  expectMove(x, xShape, out, x.length);
  const from = denseStrides(xShape);
  const outShape = perm.map((axis) => xShape[axis]);
  const list = regions.begin();
  list.add(
    0,
    0,
    0,
    outShape,
    perm.map((axis) => from[axis]),
    denseStrides(outShape),
  );
  list.run(kernels, [x], out);
}

/** `x`, `reps[i]` times along axis i. */
export function tile<T extends Movable>(kernels: CompanionKernels, x: T, xShape: Sizes, reps: Sizes, out: T): void {
  expectThat(reps.length === xShape.length, () => `${xShape.length} counts`, 'reps', reps);
  const outShape = xShape.map((size, axis) => size * reps[axis]);
  expectMove(x, xShape, out, sizeOf(outShape));
  const from = denseStrides(xShape);
  const to = denseStrides(outShape);
  // An axis becomes two: which copy, and the place in it.
  const shape = xShape.flatMap((size, axis) => [reps[axis], size]);
  const fromSteps = from.flatMap((step) => [0, step]);
  const toSteps = to.flatMap((step, axis) => [step * xShape[axis], step]);
  const list = regions.begin();
  list.add(0, 0, 0, shape, fromSteps, toSteps);
  list.run(kernels, [x], out);
}
