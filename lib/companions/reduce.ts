import { expectApart, expectApartOrSame, expectLength, expectThat, type Sizes, sizeOf } from './check.js';
import type { CompanionKernels, ReduceOp } from './kernels.js';

/** Neighbouring axes that are reduced, or kept, alike. */
interface Group {
  size: number;
  readonly reduced: boolean;
}

function groupsOf(shape: Sizes, axes: Sizes): Group[] {
  const groups: Group[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const reduced = axes.includes(axis);
    const last = groups[groups.length - 1];
    if (last?.reduced === reduced) last.size *= size;
    else groups.push({ size, reduced });
  });
  return groups;
}

const product = (groups: readonly Group[]): number => groups.reduce((size, group) => size * group.size, 1);

/**
 * Sum, mean or maximum of `x` over `axes`; `out` has the axes that remain, in their order. One pass where the reduced
 * axes are neighbours, else one a group of them, the innermost first.
 * @throws ConvolithError `ERR_SHAPE` for an axis that `xShape` has not, `ERR_BUFFER` for a length that does not fit.
 */
export function reduce(
  kernels: CompanionKernels,
  op: ReduceOp,
  x: Float32Array,
  xShape: Sizes,
  axes: Sizes,
  out: Float32Array,
): void {
  for (const axis of axes) {
    expectThat(Number.isInteger(axis) && axis >= 0 && axis < xShape.length, () => `axes of [${xShape}]`, 'axes', axes);
  }
  const kept = xShape.filter((_, axis) => !axes.includes(axis));
  expectLength(x, sizeOf(xShape), 'x');
  expectLength(out, sizeOf(kept), 'out');
  expectApart(out, x, 'x');
  if (out.length === 0) return;
  if (x.length === 0) {
    out.fill(op === 'max' ? Number.NaN : 0);
    return;
  }
  const groups = groupsOf(xShape, axes);
  let from = x;
  for (;;) {
    const at = groups.findLastIndex(({ reduced }) => reduced);
    if (at < 0) break;
    const outer = product(groups.slice(0, at));
    const inner = product(groups.slice(at + 1));
    const isLast = !groups.slice(0, at).some(({ reduced }) => reduced);
    const to = isLast ? out : new Float32Array(outer * inner);
    kernels.reduce(op, from, to, outer, groups[at].size, inner);
    groups.splice(at, 1);
    from = to;
  }
  if (from === x) out.set(x);
}

/**
 * The place of the largest value along `axis`; the first of equals, and NaN is never larger.
 * @throws ConvolithError `ERR_SHAPE` for an axis that `xShape` has not, `ERR_BUFFER` for a length that does not fit.
 */
export function argMax(kernels: CompanionKernels, x: Float32Array, xShape: Sizes, axis: number, out: Int32Array): void {
  expectThat(Number.isInteger(axis) && axis >= 0 && axis < xShape.length, () => `an axis of [${xShape}]`, 'axis', axis);
  const outer = sizeOf(xShape.slice(0, axis));
  const inner = sizeOf(xShape.slice(axis + 1));
  expectLength(x, outer * xShape[axis] * inner, 'x');
  expectLength(out, outer * inner, 'out');
  expectApart(out, x, 'x');
  if (x.length === 0) out.fill(0);
  else kernels.argMax(x, out, outer, xShape[axis], inner);
}

/** Softmax along the last axis, of `columns` values. `out` may be `x` itself. */
export function softmax(kernels: CompanionKernels, x: Float32Array, columns: number, out: Float32Array): void {
  expectThat(
    Number.isInteger(columns) && columns > 0 && x.length % columns === 0,
    'a divisor of x',
    'columns',
    columns,
  );
  expectLength(out, x.length, 'out');
  expectApartOrSame(out, x, 'x');
  if (x.length > 0) kernels.softmax(x, out, x.length / columns, columns);
}

/**
 * The `k` largest of each row of `columns` values, largest first, the lower index first among equals: TensorFlow's TopK,
 * sorted. Rows that hold NaN have no order, and TensorFlow.js gives none.
 * @throws ConvolithError `ERR_SHAPE` where k passes the columns.
 */
export function topK(
  kernels: CompanionKernels,
  x: Float32Array,
  columns: number,
  k: number,
  values: Float32Array,
  indices: Int32Array,
): void {
  expectThat(
    Number.isInteger(columns) && columns > 0 && x.length % columns === 0,
    'a divisor of x',
    'columns',
    columns,
  );
  expectThat(Number.isInteger(k) && k >= 0 && k <= columns, () => `an integer from 0 to ${columns}`, 'k', k);
  const rows = x.length / columns;
  expectLength(values, rows * k, 'values');
  expectLength(indices, rows * k, 'indices');
  expectApart(values, x, 'x');
  expectApart(indices, x, 'x');
  if (values.length > 0) kernels.topK(x, values, indices, rows, columns, k);
}
