import type { ReduceOp } from '../../companions/kernels.js';

/** Contract: `CompanionKernels.reduce`. */
export function reduce(
  op: ReduceOp,
  x: Float32Array,
  out: Float32Array,
  outer: number,
  size: number,
  inner: number,
): void {
  const sums = new Float64Array(inner);
  const divisor = op === 'mean' ? size : 1;
  let at = 0;
  for (let o = 0; o < outer; o++) {
    sums.fill(op === 'max' ? Number.NEGATIVE_INFINITY : 0);
    for (let r = 0; r < size; r++, at += inner) {
      if (op === 'max') for (let i = 0; i < inner; i++) sums[i] = Math.max(sums[i], x[at + i]);
      else for (let i = 0; i < inner; i++) sums[i] += x[at + i];
    }
    for (let i = 0; i < inner; i++) out[o * inner + i] = sums[i] / divisor;
  }
}

/** Contract: `CompanionKernels.argMax`. */
export function argMax(x: Float32Array, out: Int32Array, outer: number, size: number, inner: number): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const from = o * size * inner + i;
      let largest = x[from];
      let place = 0;
      for (let r = 1; r < size; r++) {
        const value = x[from + r * inner];
        if (value > largest) {
          largest = value;
          place = r;
        }
      }
      out[o * inner + i] = place;
    }
  }
}

/** Contract: `CompanionKernels.softmax`. */
export function softmax(x: Float32Array, out: Float32Array, rows: number, columns: number): void {
  for (let at = 0; at < rows * columns; at += columns) {
    let largest = x[at];
    for (let i = 1; i < columns; i++) largest = Math.max(largest, x[at + i]);
    let sum = 0;
    for (let i = 0; i < columns; i++) sum += out[at + i] = Math.exp(x[at + i] - largest);
    for (let i = 0; i < columns; i++) out[at + i] /= sum;
  }
}

/** Contract: `CompanionKernels.topK`. */
export function topK(
  x: Float32Array,
  values: Float32Array,
  indices: Int32Array,
  rows: number,
  columns: number,
  k: number,
): void {
  const order = new Int32Array(columns);
  for (let row = 0; row < rows; row++) {
    const from = row * columns;
    for (let i = 0; i < columns; i++) order[i] = i;
    order.sort((a, b) => x[from + b] - x[from + a] || a - b);
    for (let i = 0; i < k; i++) {
      values[row * k + i] = x[from + order[i]];
      indices[row * k + i] = order[i];
    }
  }
}
