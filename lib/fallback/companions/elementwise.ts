import type { BinaryOp, UnaryOp } from '../../companions/kernels.js';

type Unary = (x: Float32Array, out: Float32Array, first: number, second: number) => void;

/**
 * A loop for each operation: V8 inlines a function passed into one shared loop only as long as a program uses a single
 * operation, and a call an element costs 5 times the loop.
 */
const UNARY: { readonly [op in UnaryOp]: Unary } = {
  relu(x, out) {
    for (let i = 0; i < out.length; i++) out[i] = Math.max(0, x[i]);
  },
  relu6(x, out) {
    for (let i = 0; i < out.length; i++) out[i] = Math.min(Math.max(0, x[i]), 6);
  },
  leakyRelu(x, out, alpha) {
    for (let i = 0; i < out.length; i++) out[i] = x[i] < 0 ? alpha * x[i] : x[i];
  },
  elu(x, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i] < 0 ? Math.expm1(x[i]) : x[i];
  },
  sigmoid(x, out) {
    for (let i = 0; i < out.length; i++) out[i] = 1 / (1 + Math.exp(-x[i]));
  },
  tanh(x, out) {
    for (let i = 0; i < out.length; i++) out[i] = Math.tanh(x[i]);
  },
  clip(x, out, min, max) {
    for (let i = 0; i < out.length; i++) out[i] = Math.min(max, Math.max(min, x[i]));
  },
  abs(x, out) {
    for (let i = 0; i < out.length; i++) out[i] = Math.abs(x[i]);
  },
  neg(x, out) {
    for (let i = 0; i < out.length; i++) out[i] = -x[i];
  },
  exp(x, out) {
    for (let i = 0; i < out.length; i++) out[i] = Math.exp(x[i]);
  },
  sqrt(x, out) {
    for (let i = 0; i < out.length; i++) out[i] = Math.sqrt(x[i]);
  },
  rsqrt(x, out) {
    for (let i = 0; i < out.length; i++) out[i] = 1 / Math.sqrt(x[i]);
  },
  square(x, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i] * x[i];
  },
  hardSwish(x, out, first, second) {
    for (let i = 0; i < out.length; i++) out[i] = first * x[i] * Math.min(Math.max(x[i] + second, 0), 6);
  },
};

/** Contract: `CompanionKernels.unary`. */
export function unary(op: UnaryOp, x: Float32Array, out: Float32Array, first: number, second: number): void {
  UNARY[op](x, out, first, second);
}

/** One row of a broadcast: `out[at … end)` from `a[ai], a[ai + as], …` and `b[bi], …`. */
interface Row {
  ai: number;
  as: number;
  bi: number;
  bs: number;
  at: number;
  end: number;
}
type Binary = (a: Float32Array, b: Float32Array, out: Float32Array, row: Row) => void;

const BINARY: { readonly [op in BinaryOp]: Binary } = {
  add(a, b, out, { ai, as, bi, bs, at, end }) {
    for (; at < end; at++, ai += as, bi += bs) out[at] = a[ai] + b[bi];
  },
  sub(a, b, out, { ai, as, bi, bs, at, end }) {
    for (; at < end; at++, ai += as, bi += bs) out[at] = a[ai] - b[bi];
  },
  mul(a, b, out, { ai, as, bi, bs, at, end }) {
    for (; at < end; at++, ai += as, bi += bs) out[at] = a[ai] * b[bi];
  },
  div(a, b, out, { ai, as, bi, bs, at, end }) {
    for (; at < end; at++, ai += as, bi += bs) out[at] = a[ai] / b[bi];
  },
  maximum(a, b, out, { ai, as, bi, bs, at, end }) {
    for (; at < end; at++, ai += as, bi += bs) out[at] = Math.max(a[ai], b[bi]);
  },
  minimum(a, b, out, { ai, as, bi, bs, at, end }) {
    for (; at < end; at++, ai += as, bi += bs) out[at] = Math.min(a[ai], b[bi]);
  },
  squaredDifference(a, b, out, { ai, as, bi, bs, at, end }) {
    for (; at < end; at++, ai += as, bi += bs) {
      const difference = a[ai] - b[bi];
      out[at] = difference * difference;
    }
  },
  prelu(a, b, out, { ai, as, bi, bs, at, end }) {
    for (; at < end; at++, ai += as, bi += bs) out[at] = a[ai] < 0 ? b[bi] * a[ai] : a[ai];
  },
};

const row: Row = { ai: 0, as: 0, bi: 0, bs: 0, at: 0, end: 0 };

/** Contract: `CompanionKernels.binary`. */
export function binary(op: BinaryOp, a: Float32Array, b: Float32Array, out: Float32Array, block: Int32Array): void {
  const run = BINARY[op];
  const rank = block[0];
  const columns = block[rank];
  row.as = block[2 * rank];
  row.bs = block[3 * rank];
  const index = new Int32Array(rank);
  let ai = 0;
  let bi = 0;
  for (let at = 0; at < out.length; at += columns) {
    row.ai = ai;
    row.bi = bi;
    row.at = at;
    row.end = at + columns;
    run(a, b, out, row);
    for (let axis = rank - 2; axis >= 0; axis--) {
      ai += block[1 + rank + axis];
      bi += block[1 + 2 * rank + axis];
      if (++index[axis] < block[1 + axis]) break;
      index[axis] = 0;
      ai -= block[1 + axis] * block[1 + rank + axis];
      bi -= block[1 + axis] * block[1 + 2 * rank + axis];
    }
  }
}

/** Contract: `CompanionKernels.normalize`. */
export function normalize(
  x: Float32Array,
  mean: Float32Array,
  scale: Float32Array,
  offset: Float32Array,
  out: Float32Array,
): void {
  const channels = mean.length;
  for (let at = 0; at < out.length; at += channels) {
    for (let c = 0; c < channels; c++) out[at + c] = (x[at + c] - mean[c]) * scale[c] + offset[c];
  }
}
