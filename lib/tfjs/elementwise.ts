import type * as tfc from '@tensorflow/tfjs-core';
import {
  addN,
  type BatchNormVectors,
  type BinaryOp,
  batchNorm,
  binary,
  broadcastShape,
  type UnaryOp,
  unary,
} from '../companions/index.js';
import type { EngineActivation } from '../spec.js';
import { LINEAR } from './conv-spec.js';
import { follow, type Route } from './deferred.js';
import { activationStep, addStep, type NormVectors, normStep, residualStep, type Step, scaleStep } from './epilogue.js';
import { hardSwish } from './hard-swish.js';
import { defineKernel, type Kernel, type TensorInfo } from './kernel.js';
import { floatsOf, type TensorRecord } from './tensor-record.js';

interface UnaryInputs {
  readonly x: TensorInfo;
}

/** What a kernel of one tensor computes, and the same as an activation of the engine's where it is one. */
interface Unary {
  readonly op: UnaryOp;
  readonly first: number;
  readonly second: number;
  readonly activation?: EngineActivation;
}

/** Kernels of one tensor; `settle` gives `null` for attributes that the CPU backend has to serve. */
function unaryKernel<Attrs>(name: string, settle: (attrs: Attrs) => Unary | null): Kernel {
  return defineKernel<UnaryInputs, Attrs>(name, ({ inputs: { x }, attrs, backend }) => {
    const source = backend.operand(x);
    const settled = settle(attrs);
    if (source === null || settled === null) return null;
    const { op, first, second, activation } = settled;
    const routes = source.deferred && activation ? [{ source, step: activationStep(activation) }] : [];
    return follow(backend, x.shape, routes, (out) =>
      unary(backend.companions, op, source.array as Float32Array, out, first, second),
    );
  });
}

/** A kernel without parameters. */
function plainUnary(name: string, op: UnaryOp, activation?: EngineActivation): Kernel {
  const settled = { op, first: 0, second: 0, activation };
  return unaryKernel<object>(name, () => settled);
}

interface BinaryInputs {
  readonly a: TensorInfo;
  readonly b: TensorInfo;
}

interface PreluInputs extends UnaryInputs {
  readonly alpha: TensorInfo;
}

/** An operand by its tensor and what the backend holds of it. */
interface Operand {
  readonly info: TensorInfo;
  readonly record: TensorRecord;
}

/** How an operation joins the convolution that made `source`, with the other operand; `null` where it does not. */
type Join = (source: Operand, other: Operand) => Step | null;

const PRELU: EngineActivation = { ...LINEAR, op: 'prelu' };

/** Whether `other` is a constant of a value a channel of `source`, or of one for all. */
function isPerChannel(source: Operand, { info, record }: Operand): boolean {
  const { channels } = source.record.deferred ?? {};
  const { shape } = source.info;
  if (!channels || shape[shape.length - 1] !== channels || record.owned || info.shape.length > shape.length)
    return false;
  let size = 1;
  for (const extent of info.shape) size *= extent;
  return size === 1 || (size === channels && info.shape[info.shape.length - 1] === channels);
}

const joinAdd: Join = (source, other) => {
  if (isPerChannel(source, other)) return addStep(other.record);
  const { shape } = source.info;
  const alike =
    shape.length === other.info.shape.length && shape.every((size, axis) => size === other.info.shape[axis]);
  return alike && other.record.isOurs ? residualStep(other.record) : null;
};
const joinSubtract: Join = (source, other) => (isPerChannel(source, other) ? addStep(other.record, -1) : null);
const joinMultiply: Join = (source, other) => (isPerChannel(source, other) ? scaleStep(other.record) : null);
const joinDivide: Join = (source, other) => (isPerChannel(source, other) ? scaleStep(other.record, true) : null);
const joinPrelu: Join = (source, other) => (isPerChannel(source, other) ? activationStep(PRELU, other.record) : null);

/** A bound that is one constant, which networks write for a clip. NaN bounds nothing in the engine, so it does not join. */
function joinBound(bound: 'min' | 'max'): Join {
  return (_, { info, record }) => {
    if (record.owned || info.shape.some((extent) => extent !== 1)) return null;
    const [value] = floatsOf(record);
    return Number.isNaN(value) ? null : activationStep({ ...LINEAR, [bound]: value });
  };
}

interface BinaryOptions<Inputs> {
  readonly operands?: (inputs: Inputs) => BinaryInputs;
  /** With the first operand before it, and with the second where the order does not matter. */
  readonly join?: Join;
  readonly commutes?: boolean;
}

function binaryKernel<Inputs = BinaryInputs>(name: string, op: BinaryOp, options: BinaryOptions<Inputs> = {}): Kernel {
  const { operands = (inputs: Inputs) => inputs as unknown as BinaryInputs, join, commutes = false } = options;
  return defineKernel<Inputs, object>(name, ({ inputs, backend }) => {
    const { a, b } = operands(inputs);
    const x = backend.operand(a);
    const y = backend.operand(b);
    if (x === null || y === null) return null;
    const routes: Route[] = [];
    let shape: number[] | null = null;
    if (join && (x.deferred !== null || y.deferred !== null)) {
      const left = { info: a, record: x };
      const right = { info: b, record: y };
      const first = x.deferred && join(left, right);
      if (first) routes.push({ source: x, step: first });
      const second = commutes && y.deferred ? join(right, left) : null;
      if (second) routes.push({ source: y, step: second });
      // What joins has the shape of its source, but for more axes of one place.
      const [source, other] = first ? [a, b] : [b, a];
      if (routes.length > 0 && other.shape.length <= source.shape.length) shape = source.shape;
    }
    return follow(backend, shape ?? broadcastShape(a.shape, b.shape), routes, (out) =>
      binary(backend.companions, op, x.array as Float32Array, a.shape, y.array as Float32Array, b.shape, out),
    );
  });
}

const plainMultiply = binaryKernel('Multiply', 'mul', { join: joinMultiply, commutes: true });

const multiplyKernel = defineKernel<BinaryInputs, object>('Multiply', (call) => {
  const { inputs, backend } = call;
  const [a, b] = [backend.operand(inputs.a), backend.operand(inputs.b)];
  const swish = a?.deferred && b?.deferred ? hardSwish(backend, inputs.a.shape, a, b) : null;
  return swish ?? plainMultiply.run(call);
});

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
    const source = backend.operand(x);
    const vectors = [mean, variance, offset ?? null, scale ?? null];
    // Ranks that differ are TensorFlow.js's own error; vectors that repeat are served by its kernel.
    for (const info of vectors) if (info && info.shape.length !== mean.shape.length) return null;
    const [means, variances, offsets, scales] = vectors.map((info) => (info === null ? null : backend.operand(info)));
    if (source === null || !means || !variances || (offset && !offsets) || (scale && !scales)) return null;
    const epsilon = attrs.varianceEpsilon ?? 0.001;
    const norm = { mean: means, variance: variances, offset: offsets, scale: scales, epsilon };
    const whole = { info: x, record: source };
    const joins =
      source.deferred !== null &&
      vectors.every((info) => info === null || isPerChannel(whole, { info, record: backend.record(info) }));
    if (joins) {
      return follow(backend, x.shape, [{ source, step: normStep(norm) }], (out) =>
        batchNorm(backend.companions, source.array as Float32Array, arraysOf(norm), out),
      );
    }
    const [values, arrays] = [source.array as Float32Array, arraysOf(norm)];
    const lengths = [arrays.mean, arrays.variance, arrays.offset, arrays.scale].map((array) => array?.length ?? 1);
    const channels = Math.max(...lengths);
    if (lengths.some((length) => length !== 1 && length !== channels)) return null;
    if (channels === 0 || values.length % channels !== 0) return null;
    const { info, array } = backend.output(x.shape);
    batchNorm(backend.companions, values, arrays, array);
    return info;
  },
);

function arraysOf({ mean, variance, offset, scale, epsilon }: NormVectors): BatchNormVectors {
  return {
    mean: floatsOf(mean),
    variance: floatsOf(variance),
    offset: offset && floatsOf(offset),
    scale: scale && floatsOf(scale),
    epsilon,
  };
}

/** Kernels that compute each value from one or a few of its place. */
export const elementwiseKernels: readonly Kernel[] = [
  plainUnary('Relu', 'relu', { ...LINEAR, min: 0 }),
  plainUnary('Relu6', 'relu6', { ...LINEAR, min: 0, max: 6 }),
  unaryKernel<tfc.LeakyReluAttrs>('LeakyRelu', ({ alpha }) => ({
    op: 'leakyRelu',
    first: alpha,
    second: 0,
    activation: { ...LINEAR, op: 'leakyRelu', alpha },
  })),
  plainUnary('Elu', 'elu', { ...LINEAR, op: 'elu', alpha: 1 }),
  plainUnary('Sigmoid', 'sigmoid', { ...LINEAR, op: 'sigmoid' }),
  plainUnary('Tanh', 'tanh', { ...LINEAR, op: 'tanh' }),
  unaryKernel<tfc.ClipByValueAttrs>('ClipByValue', ({ clipValueMin: min, clipValueMax: max }) =>
    min <= max ? { op: 'clip', first: min, second: max, activation: { ...LINEAR, min, max } } : null,
  ),
  plainUnary('Abs', 'abs'),
  plainUnary('Neg', 'neg'),
  plainUnary('Exp', 'exp'),
  plainUnary('Sqrt', 'sqrt'),
  plainUnary('Rsqrt', 'rsqrt'),
  plainUnary('Square', 'square'),
  binaryKernel('Add', 'add', { join: joinAdd, commutes: true }),
  binaryKernel('Sub', 'sub', { join: joinSubtract }),
  multiplyKernel,
  binaryKernel('RealDiv', 'div', { join: joinDivide }),
  binaryKernel('Maximum', 'maximum', { join: joinBound('min'), commutes: true }),
  binaryKernel('Minimum', 'minimum', { join: joinBound('max'), commutes: true }),
  binaryKernel('SquaredDifference', 'squaredDifference'),
  binaryKernel<PreluInputs>('Prelu', 'prelu', { operands: ({ x, alpha }) => ({ a: x, b: alpha }), join: joinPrelu }),
  addNKernel,
  batchNormKernel,
];
