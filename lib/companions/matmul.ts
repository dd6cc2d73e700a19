import { expectApart, expectLength, expectThat } from './check.js';
import { type CompanionKernels, type MatMulEpilogue, MatMulField } from './kernels.js';

/** A batch of products `op(a) · op(b)`, `[m, k] · [k, n]`. */
export interface MatMulShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Matrices in `a`, `[batchA, m, k]`, or `[batchA, k, m]` where `transposeA`. */
  readonly batchA: number;
  /** Matrices in `b`, `[batchB, k, n]`, or `[batchB, n, k]` where `transposeB`. */
  readonly batchB: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

const block = new Int32Array(MatMulField.count);
const LINEAR: MatMulEpilogue = { bias: null, activation: 'linear', alpha: 0, slope: null };

/**
 * `out[i] = activation(op(a[i % batchA]) · op(b[i % batchB]) + bias)` for i below the larger batch, `out` [batch, m, n]:
 * TensorFlow's BatchMatMul and _FusedMatMul.
 * @throws ConvolithError `ERR_SHAPE` where one batch does not divide the other, `ERR_BUFFER` for a length that does not
 * fit.
 */
export function matMul(
  kernels: CompanionKernels,
  a: Float32Array,
  b: Float32Array,
  shape: MatMulShape,
  out: Float32Array,
  epilogue: MatMulEpilogue = LINEAR,
): void {
  const { m, n, k, batchA, batchB, transposeA, transposeB } = shape;
  const batch = batchA === 0 || batchB === 0 ? 0 : Math.max(batchA, batchB);
  expectThat(
    batch === 0 || batch % Math.min(batchA, batchB) === 0,
    () => `a divisor of ${batch}`,
    'the smaller batch',
    [batchA, batchB],
  );
  expectLength(a, batchA * m * k, 'a');
  expectLength(b, batchB * k * n, 'b');
  expectLength(out, batch * m * n, 'out');
  expectApart(out, a, 'a');
  expectApart(out, b, 'b');
  for (const vector of [epilogue.bias, epilogue.slope]) {
    if (vector === null) continue;
    expectLength(vector, n, 'bias or slope');
    expectApart(out, vector, 'bias or slope');
  }
  expectThat(epilogue.activation !== 'prelu' || epilogue.slope !== null, 'slopes', 'prelu', epilogue.slope);
  if (out.length === 0) return;
  block[MatMulField.batch] = batch;
  block[MatMulField.batchA] = batchA;
  block[MatMulField.batchB] = batchB;
  block[MatMulField.m] = m;
  block[MatMulField.n] = n;
  block[MatMulField.k] = k;
  block[MatMulField.transposeA] = transposeA ? 1 : 0;
  block[MatMulField.transposeB] = transposeB ? 1 : 0;
  kernels.matMul(a, b, out, block, epilogue);
}
