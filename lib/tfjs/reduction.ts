import type * as tfc from '@tensorflow/tfjs-core';
import { argMax, type ReduceOp, reduce, softmax, topK } from '../companions/index.js';
import { defineKernel, type Kernel, type TensorInfo } from './kernel.js';

interface OneInput {
  readonly x: TensorInfo;
}

interface Axes {
  readonly axis: number | number[];
  readonly keepDims: boolean;
}

function reduceKernel<Attrs>(name: string, op: ReduceOp, axesOf: (attrs: Attrs) => Axes): Kernel {
  return defineKernel<OneInput, Attrs>(name, ({ inputs: { x }, attrs, backend }) => {
    const values = backend.floats(x);
    if (values === null) return null;
    const { axis, keepDims } = axesOf(attrs);
    const axes = backend.tf.util.parseAxisParam(axis, x.shape);
    const shape: number[] = [];
    for (let at = 0; at < x.shape.length; at++) {
      if (!axes.includes(at)) shape.push(x.shape[at]);
      else if (keepDims) shape.push(1);
    }
    const { info, array } = backend.output(shape);
    reduce(backend.companions, op, values, x.shape, axes, array);
    return info;
  });
}

const argMaxKernel = defineKernel<OneInput, tfc.ArgMaxAttrs>('ArgMax', ({ inputs: { x }, attrs, backend }) => {
  const values = backend.floats(x);
  const axes = backend.tf.util.parseAxisParam(attrs.axis, x.shape);
  if (values === null || axes.length !== 1) return null;
  const shape = x.shape.filter((_, axis) => axis !== axes[0]);
  const { info, array } = backend.output(shape, 'int32');
  argMax(backend.companions, values, x.shape, axes[0], array);
  return info;
});

const softmaxKernel = defineKernel<{ readonly logits: TensorInfo }, tfc.SoftmaxAttrs>(
  'Softmax',
  ({ inputs: { logits }, attrs: { dim }, backend }) => {
    const values = backend.floats(logits);
    const last = logits.shape.length - 1;
    const columns = logits.shape[last];
    if (values === null || values.length === 0 || (dim !== -1 && dim !== last)) return null;
    const { info, array } = backend.output(logits.shape);
    softmax(backend.companions, values, columns, array);
    return info;
  },
);

const topKKernel = defineKernel<OneInput, tfc.TopKAttrs>('TopK', ({ inputs: { x }, attrs: { k }, backend }) => {
  const values = backend.floats(x);
  const columns = x.shape.at(-1) ?? 0;
  if (values === null || values.length === 0 || k < 1 || k > columns) return null;
  const shape = [...x.shape.slice(0, -1), k];
  const [largest, places] = [backend.output(shape), backend.output(shape, 'int32')];
  topK(backend.companions, values, columns, k, largest.array, places.array);
  return [largest.info, places.info];
});

/** Kernels that draw many values into one, and those of rows. */
export const reductionKernels: readonly Kernel[] = [
  reduceKernel<tfc.SumAttrs>('Sum', 'sum', (attrs) => attrs),
  reduceKernel<tfc.MeanAttrs>('Mean', 'mean', (attrs) => attrs),
  reduceKernel<tfc.MaxAttrs>('Max', 'max', ({ reductionIndices, keepDims }) => ({ axis: reductionIndices, keepDims })),
  argMaxKernel,
  softmaxKernel,
  topKKernel,
];
