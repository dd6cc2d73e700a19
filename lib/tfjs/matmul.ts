import type * as tfc from '@tensorflow/tfjs-core';
import { type MatMulActivation, type MatMulEpilogue, matMul } from '../companions/index.js';
import type { Backend } from './backend.js';
import { channelValues } from './conv-cache.js';
import { applySeparately, type FusedAttrs, type FusedInputs, isKnownActivation, perChannel } from './fused.js';
import { defineKernel, type Kernel, type TensorInfo } from './kernel.js';
import { floatsOf } from './tensor-record.js';

interface MatMulInputs {
  readonly a: TensorInfo;
  readonly b: TensorInfo;
}

const LINEAR: MatMulEpilogue = { bias: null, activation: 'linear', alpha: 0, slope: null };

const ACTIVATIONS: Readonly<Record<string, MatMulActivation>> = {
  linear: 'linear',
  relu: 'relu',
  relu6: 'relu6',
  leakyrelu: 'leakyRelu',
  elu: 'elu',
  sigmoid: 'sigmoid',
  prelu: 'prelu',
};

/** `op(a) · op(b)`, batches broadcast; `null` for what the CPU backend has to serve or refuse. */
function product(
  backend: Backend,
  { a, b }: MatMulInputs,
  { transposeA, transposeB }: tfc.BatchMatMulAttrs,
  epilogue: (columns: number) => MatMulEpilogue,
): TensorInfo | null {
  const [left, right] = [backend.floats(a), backend.floats(b)];
  if (left === null || right === null) return null;
  const { util, broadcast_util: broadcast } = backend.tf;
  const [aRank, bRank] = [a.shape.length, b.shape.length];
  const m = a.shape[aRank - (transposeA ? 1 : 2)];
  const k = a.shape[aRank - (transposeA ? 2 : 1)];
  const n = b.shape[bRank - (transposeB ? 2 : 1)];
  if (b.shape[bRank - (transposeB ? 1 : 2)] !== k) return null;
  const [aOuter, bOuter] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const [batchA, batchB] = [util.sizeFromShape(aOuter), util.sizeFromShape(bOuter)];
  const outer = broadcast.assertAndGetBroadcastShape(aOuter, bOuter);
  const batch = Math.max(batchA, batchB);
  if (batchA * batchB === 0 || batch % Math.min(batchA, batchB) !== 0 || util.sizeFromShape(outer) !== batch)
    return null;
  const shape = { m, n, k, batchA, batchB, transposeA: transposeA === true, transposeB: transposeB === true };
  const { info, array } = backend.output([...outer, m, n]);
  matMul(backend.companions, left, right, shape, array, epilogue(n));
  return info;
}

type FusedMatMulAttrs = tfc.BatchMatMulAttrs & FusedAttrs;

function fusedProduct(
  backend: Backend,
  inputs: MatMulInputs & FusedInputs,
  attrs: FusedMatMulAttrs,
): TensorInfo | null {
  if (!isKnownActivation(attrs.activation)) return null;
  const activation = ACTIVATIONS[attrs.activation ?? 'linear'];
  const columns = inputs.b.shape[inputs.b.shape.length - (attrs.transposeB ? 2 : 1)];
  const bias = perChannel(inputs.bias, columns, false);
  const slope = activation === 'prelu' ? perChannel(inputs.preluActivationWeights, columns, false) : null;
  if (bias === undefined || slope === undefined || (activation === 'prelu') !== (slope !== null)) {
    const plain = product(backend, inputs, attrs, () => LINEAR);
    return plain === null ? null : applySeparately(backend, plain, inputs, attrs, false);
  }
  const vector = (info: TensorInfo | null): Float32Array | null =>
    info && channelValues(floatsOf(backend.record(info)), columns);
  return product(backend, inputs, attrs, () => ({
    bias: vector(bias),
    activation,
    alpha: attrs.leakyreluAlpha ?? 0.2,
    slope: vector(slope),
  }));
}

/** Matrix products. */
export const matMulKernels: readonly Kernel[] = [
  defineKernel<MatMulInputs, tfc.BatchMatMulAttrs>('BatchMatMul', ({ inputs, attrs, backend }) =>
    product(backend, inputs, attrs, () => LINEAR),
  ),
  defineKernel<MatMulInputs & FusedInputs, FusedMatMulAttrs>('_FusedMatMul', ({ inputs, attrs, backend }) =>
    fusedProduct(backend, inputs, attrs),
  ),
];
