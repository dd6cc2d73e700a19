import type * as tfc from '@tensorflow/tfjs-core';
import type { Backend } from './backend.js';
import { defineKernel, type Kernel, type TensorInfo } from './kernel.js';

// Kernels that networks call on whole maps and the CPU backend computes through a closure a value, 30 to 70 ns each: the
// same as plain loops, at about one. They are no kin of convolution, so they stay in TypeScript.

interface Pair {
  readonly a: TensorInfo;
  readonly b: TensorInfo;
}

type Values = Float32Array | Int32Array | Uint8Array;

/** Arrays of one length, or one of them a single value; `null` for other broadcasts. */
function alike(backend: Backend, { a, b }: Pair): { a: Values; b: Values; shape: number[] } | null {
  const [x, y] = [backend.values(a), backend.values(b)];
  if (x === null || y === null) return null;
  if (backend.tf.util.arraysEqual(a.shape, b.shape) || (y.length === 1 && b.shape.length <= a.shape.length)) {
    return { a: x, b: y, shape: a.shape };
  }
  return x.length === 1 && a.shape.length <= b.shape.length ? { a: x, b: y, shape: b.shape } : null;
}

type Compare = (a: Values, b: Values, aStep: number, bStep: number, out: Uint8Array) => void;

// A loop each: one that takes the comparison as a function would be a closure a value again.
const COMPARISONS: Readonly<Record<string, Compare>> = {
  Equal(a, b, aStep, bStep, out) {
    for (let i = 0; i < out.length; i++) out[i] = a[i * aStep] === b[i * bStep] ? 1 : 0;
  },
  NotEqual(a, b, aStep, bStep, out) {
    for (let i = 0; i < out.length; i++) out[i] = a[i * aStep] !== b[i * bStep] ? 1 : 0;
  },
  Greater(a, b, aStep, bStep, out) {
    for (let i = 0; i < out.length; i++) out[i] = a[i * aStep] > b[i * bStep] ? 1 : 0;
  },
  GreaterEqual(a, b, aStep, bStep, out) {
    for (let i = 0; i < out.length; i++) out[i] = a[i * aStep] >= b[i * bStep] ? 1 : 0;
  },
  Less(a, b, aStep, bStep, out) {
    for (let i = 0; i < out.length; i++) out[i] = a[i * aStep] < b[i * bStep] ? 1 : 0;
  },
  LessEqual(a, b, aStep, bStep, out) {
    for (let i = 0; i < out.length; i++) out[i] = a[i * aStep] <= b[i * bStep] ? 1 : 0;
  },
};

/** The same for the maps of a search for peaks, a value against its neighbourhood's largest: 1.3 million in 0.9 ms, not 3.3. */
function equalFloats(a: Float32Array, b: Float32Array, out: Uint8Array): void {
  for (let i = 0; i < out.length; i++) out[i] = a[i] === b[i] ? 1 : 0;
}

const comparisonKernels = Object.entries(COMPARISONS).map(([name, compare]) =>
  defineKernel<Pair, object>(name, ({ inputs, backend }) => {
    const found = alike(backend, inputs);
    if (found === null) return null;
    const { info, array } = backend.output(found.shape, 'bool');
    const { a, b } = found;
    if (name === 'Equal' && a instanceof Float32Array && b instanceof Float32Array && a.length === b.length) {
      equalFloats(a, b, array);
      return info;
    }
    compare(a, b, a.length === 1 ? 0 : 1, b.length === 1 ? 0 : 1, array);
    return info;
  }),
);

interface OneInput {
  readonly x: TensorInfo;
}

/** Relu's derivative: `alpha` where x is not above 0, NaN where it is none. */
const stepKernel = defineKernel<OneInput, tfc.StepAttrs>('Step', ({ inputs: { x }, attrs: { alpha }, backend }) => {
  const values = backend.floats(x);
  if (values === null) return null;
  const { info, array } = backend.output(x.shape);
  for (let i = 0; i < array.length; i++) {
    const value = values[i];
    array[i] = value > 0 ? 1 : value <= 0 ? alpha : Number.NaN;
  }
  return info;
});

const logKernel = defineKernel<OneInput, object>('Log', ({ inputs: { x }, backend }) => {
  const values = backend.floats(x);
  if (values === null) return null;
  const { info, array } = backend.output(x.shape);
  for (let i = 0; i < array.length; i++) array[i] = Math.log(values[i]);
  return info;
});

interface SelectInputs {
  readonly condition: TensorInfo;
  readonly t: TensorInfo;
  readonly e: TensorInfo;
}

const selectKernel = defineKernel<SelectInputs, object>('Select', ({ inputs: { condition, t, e }, backend }) => {
  const { arraysEqual } = backend.tf.util;
  const [chosen, yes, no] = [backend.values(condition), backend.floats(t), backend.floats(e)];
  if (chosen === null || yes === null || no === null) return null;
  if (!arraysEqual(condition.shape, t.shape) || !arraysEqual(t.shape, e.shape)) return null;
  const { info, array } = backend.output(t.shape);
  for (let i = 0; i < array.length; i++) array[i] = chosen[i] ? yes[i] : no[i];
  return info;
});

/** The CPU backend's would do; without its wrapping a call is a third, and networks make scores of them. */
const reshapeKernel = defineKernel<OneInput, tfc.ReshapeAttrs>('Reshape', ({ inputs: { x }, attrs, backend }) => {
  if (x.dtype === 'complex64') return null;
  const { util } = backend.tf;
  const size = util.sizeFromShape(x.shape);
  const shape = util.inferFromImplicitShape(attrs.shape, size);
  return util.sizeFromShape(shape) === size ? backend.reshaped(x, shape) : null;
});

const identityKernel = defineKernel<OneInput, object>('Identity', ({ inputs: { x }, backend }) =>
  backend.reshaped(x, x.shape),
);

export const plainKernels: readonly Kernel[] = [
  ...comparisonKernels,
  stepKernel,
  logKernel,
  selectKernel,
  reshapeKernel,
  identityKernel,
];
