import type * as tfc from '@tensorflow/tfjs-core';
import { addN, type BinaryOp, batchNorm, binary, broadcastShape, type UnaryOp, unary } from '../companions/index.js';
import { defineKernel, type Kernel, type TensorInfo } from './kernel.js';

interface UnaryInputs {
  readonly x: TensorInfo;
}

/** Kernels of one tensor, and the parameters of the operation out of the attributes. */
function unaryKernel<Attrs>(
  name: string,
  op: UnaryOp,
  parameters: (attrs: Attrs) => readonly [first: number, second: number] | null = () => NO_PARAMETERS,
): Kernel {
  return defineKernel<UnaryInputs, Attrs>(name, ({ inputs: { x }, attrs, backend }) => {
    const values = backend.floats(x);
    const settled = parameters(attrs);
    if (values === null || settled === null) return null;
    const { info, array } = backend.output(x.shape);
    unary(backend.companions, op, values, array, settled[0], settled[1]);
    return info;
  });
}

const NO_PARAMETERS = [0, 0] as const;

interface BinaryInputs {
  readonly a: TensorInfo;
  readonly b: TensorInfo;
}

interface PreluInputs extends UnaryInputs {
  readonly alpha: TensorInfo;
}

function binaryKernel<Inputs = BinaryInputs>(
  name: string,
  op: BinaryOp,
  operands: (inputs: Inputs) => BinaryInputs = (inputs) => inputs as unknown as BinaryInputs,
): Kernel {
  return defineKernel<Inputs, object>(name, ({ inputs, backend }) => {
    const { a, b } = operands(inputs);
    const [x, y] = [backend.floats(a), backend.floats(b)];
    if (x === null || y === null) return null;
    const { info, array } = backend.output(broadcastShape(a.shape, b.shape));
    binary(backend.companions, op, x, a.shape, y, b.shape, array);
    return info;
  });
}

const addNKernel = defineKernel<readonly TensorInfo[], object>('AddN', ({ inputs, backend }) => {
  const arrays: Float32Array[] = [];
  for (const input of inputs) {
    const values = backend.floats(input);
    if (values === null) return null;
    arrays.push(values);
  }
  const { info, array } = backend.output(inputs[0].shape);
  addN(backend.companions, arrays, array);
  return info;
});

interface BatchNormInputs extends UnaryInputs {
  readonly mean: TensorInfo;
  readonly variance: TensorInfo;
  readonly offset?: TensorInfo;
  readonly scale?: TensorInfo;
}

const batchNormKernel = defineKernel<BatchNormInputs, tfc.FusedBatchNormAttrs>(
  'FusedBatchNorm',
  ({ inputs: { x, mean, variance, offset, scale }, attrs, backend }) => {
    const rank = mean.shape.length;
    const vectors = [mean, variance, offset ?? null, scale ?? null];
    const [means, variances, offsets, scales] = vectors.map((info) => (info === null ? null : backend.floats(info)));
    const values = backend.floats(x);
    if (values === null || !means || !variances || (offset && !offsets) || (scale && !scales)) return null;
    const channels = Math.max(means.length, variances.length, offsets?.length ?? 1, scales?.length ?? 1);
    // Ranks that differ are TensorFlow.js's own error; vectors that repeat are served by its kernel.
    for (const info of vectors) if (info && info.shape.length !== rank) return null;
    for (const array of [means, variances, offsets, scales]) {
      if (array && array.length !== 1 && array.length !== channels) return null;
    }
    if (channels === 0 || values.length % channels !== 0) return null;
    const { info, array } = backend.output(x.shape);
    const epsilon = attrs.varianceEpsilon ?? 0.001;
    batchNorm(
      backend.companions,
      values,
      { mean: means, variance: variances, offset: offsets, scale: scales, epsilon },
      array,
    );
    return info;
  },
);

/** Kernels that compute each value from one or a few of its place. */
export const elementwiseKernels: readonly Kernel[] = [
  unaryKernel('Relu', 'relu'),
  unaryKernel('Relu6', 'relu6'),
  unaryKernel<tfc.LeakyReluAttrs>('LeakyRelu', 'leakyRelu', ({ alpha }) => [alpha, 0]),
  unaryKernel('Elu', 'elu'),
  unaryKernel('Sigmoid', 'sigmoid'),
  unaryKernel('Tanh', 'tanh'),
  unaryKernel<tfc.ClipByValueAttrs>('ClipByValue', 'clip', ({ clipValueMin, clipValueMax }) =>
    clipValueMin <= clipValueMax ? [clipValueMin, clipValueMax] : null,
  ),
  unaryKernel('Abs', 'abs'),
  unaryKernel('Neg', 'neg'),
  unaryKernel('Exp', 'exp'),
  unaryKernel('Sqrt', 'sqrt'),
  unaryKernel('Rsqrt', 'rsqrt'),
  unaryKernel('Square', 'square'),
  binaryKernel('Add', 'add'),
  binaryKernel('Sub', 'sub'),
  binaryKernel('Multiply', 'mul'),
  binaryKernel('RealDiv', 'div'),
  binaryKernel('Maximum', 'maximum'),
  binaryKernel('Minimum', 'minimum'),
  binaryKernel('SquaredDifference', 'squaredDifference'),
  binaryKernel<PreluInputs>('Prelu', 'prelu', ({ x, alpha }) => ({ a: x, b: alpha })),
  addNKernel,
  batchNormKernel,
];
