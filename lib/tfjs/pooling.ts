import type * as tfc from '@tensorflow/tfjs-core';
import { avgPoolGrad, maxPoolGrad, type PoolGeometry, type PoolOp, pool, reduce } from '../companions/index.js';
import type { Backend } from './backend.js';
import { type Window, window2d, window3d } from './conv-geometry.js';
import { defineKernel, type Kernel, type TensorInfo } from './kernel.js';

type Shape4 = [number, number, number, number];
type Shape5 = [number, number, number, number, number];

/** A pooling's sizes, and what TensorFlow.js computed them into. */
interface Sizes {
  readonly geometry: PoolGeometry;
  readonly inShape: number[];
  readonly outShape: number[];
  readonly isIdentity: boolean;
}

function sizes(info: tfc.backend_util.Conv2DInfo | tfc.backend_util.Conv3DInfo, window: Window, rank: 2 | 3): Sizes {
  const { batch, kernel, stride, dilation, input, output, padBefore } = window;
  const { inChannels, inShape, outShape } = info;
  const isSmall = kernel.every((size) => size === 1);
  return {
    geometry: {
      rank,
      batch,
      channels: inChannels,
      input,
      output,
      window: kernel,
      stride,
      dilation,
      padding: padBefore,
    },
    inShape,
    outShape,
    isIdentity: isSmall && inShape.every((size, axis) => size === outShape[axis]),
  };
}

type Attrs2d = tfc.MaxPoolAttrs;
type Attrs3d = tfc.MaxPool3DAttrs;

function sizes2d(backend: Backend, shape: number[], { filterSize, strides, pad, dimRoundingMode }: Attrs2d): Sizes {
  const { backend_util: util } = backend.tf;
  const info = util.computePool2DInfo(shape as Shape4, filterSize, strides, 1, pad, dimRoundingMode);
  return sizes(info, window2d(info), 2);
}

function sizes3d(backend: Backend, shape: number[], attrs: Attrs3d): Sizes | null {
  const { filterSize, strides, pad, dimRoundingMode, dataFormat } = attrs;
  if (dataFormat === 'NCDHW') return null;
  const { backend_util: util } = backend.tf;
  const info = util.computePool3DInfo(shape as Shape5, filterSize, strides, 1, pad, dimRoundingMode);
  return sizes(info, window3d(info), 3);
}

type SizesOf<Attrs> = (backend: Backend, shape: number[], attrs: Attrs) => Sizes | null;

/**
 * Whether one window is the whole map: a mean, which adds up in runs. In one chain of float32 sums 128 × 128 values lost
 * 4e-6 of the result, which segmentation models made 2e-4 of.
 */
function isGlobal({ input, output, window, padding, dilation }: PoolGeometry): boolean {
  return [0, 1, 2].every(
    (axis) => output[axis] === 1 && window[axis] === input[axis] && padding[axis] === 0 && dilation[axis] === 1,
  );
}

function poolKernel<Attrs>(name: string, op: PoolOp, sizesOf: SizesOf<Attrs>): Kernel {
  return defineKernel<{ readonly x: TensorInfo }, Attrs>(name, ({ inputs: { x }, attrs, backend }) => {
    const values = backend.floats(x);
    const settled = values === null ? null : sizesOf(backend, x.shape, attrs);
    if (values === null || settled === null || settled.isIdentity) return null;
    const { info, array } = backend.output(settled.outShape);
    const { geometry } = settled;
    if (op === 'avg' && isGlobal(geometry)) {
      reduce(
        backend.companions,
        'mean',
        values,
        [geometry.batch, ...geometry.input, geometry.channels],
        [1, 2, 3],
        array,
      );
    } else {
      pool(backend.companions, op, values, geometry, array);
    }
    return info;
  });
}

interface GradInputs {
  readonly dy: TensorInfo;
  /** What was pooled. */
  readonly input: TensorInfo;
}

function gradKernel<Attrs>(name: string, op: PoolOp, sizesOf: SizesOf<Attrs>): Kernel {
  return defineKernel<GradInputs, Attrs>(name, ({ inputs: { dy, input }, attrs, backend }) => {
    const [gradient, values] = [backend.floats(dy), backend.floats(input)];
    if (gradient === null || values === null) return null;
    const settled = sizesOf(backend, input.shape, attrs);
    if (settled === null || !backend.tf.util.arraysEqual(dy.shape, settled.outShape)) return null;
    const { info, array } = backend.output(input.shape);
    if (op === 'max') maxPoolGrad(backend.companions, gradient, values, settled.geometry, array);
    else avgPoolGrad(backend.companions, gradient, settled.geometry, array);
    return info;
  });
}

/** Poolings and their gradients. */
export const poolingKernels: readonly Kernel[] = [
  poolKernel('MaxPool', 'max', sizes2d),
  poolKernel('AvgPool', 'avg', sizes2d),
  poolKernel('MaxPool3D', 'max', sizes3d),
  poolKernel('AvgPool3D', 'avg', sizes3d),
  gradKernel('MaxPoolGrad', 'max', sizes2d),
  gradKernel('AvgPoolGrad', 'avg', sizes2d),
  gradKernel('MaxPool3DGrad', 'max', sizes3d),
  gradKernel('AvgPool3DGrad', 'avg', sizes3d),
];
