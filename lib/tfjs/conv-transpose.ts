import type * as tfc from '@tensorflow/tfjs-core';
import type { Backend } from './backend.js';
import type { ConvSetup } from './conv-cache.js';
import { isEmpty, transposedGeometry, type Window, window2d, window3d } from './conv-geometry.js';
import { convolve } from './convolve.js';
import { defineKernel, type Kernel, type TensorInfo } from './kernel.js';

interface BackpropInputs {
  readonly dy: TensorInfo;
  readonly filter: TensorInfo;
}

type Shape4 = [number, number, number, number];
type Shape5 = [number, number, number, number, number];
type Info = tfc.backend_util.Conv2DInfo | tfc.backend_util.Conv3DInfo;

interface BackpropCall {
  readonly kernel: string;
  readonly inputs: BackpropInputs;
  readonly attrs: readonly unknown[];
  readonly backend: Backend;
  /** The forward convolution's sizes. */
  readonly forward: () => { readonly info: Info; readonly window: Window; readonly depthwise: boolean };
}

/** The gradient with respect to the input is the transposed convolution of the output's gradient with the same filter. */
function run({ kernel, inputs, attrs, backend, forward }: BackpropCall): TensorInfo | null {
  const request = { backend, kernel, x: inputs.dy, filter: inputs.filter, attrs, steps: [], takesMargins: false };
  return convolve(request, () => setup(forward(), inputs.dy.shape));
}

function setup({ info, window, depthwise }: ReturnType<BackpropCall['forward']>, shape: number[]): ConvSetup | null {
  // The CPU backend takes an output gradient of another shape too, and reads a part of it.
  if (info.outShape.some((size, axis) => size !== shape[axis])) return null;
  if (isEmpty(window, info.inChannels * info.outChannels)) return null;
  const settled = {
    window,
    rank: info.inShape.length === 5 ? (3 as const) : (2 as const),
    channelsLast: info.dataFormat === 'channelsLast',
    inChannels: info.outChannels,
    outChannels: info.inChannels,
    groups: depthwise ? info.inChannels : 1,
    transposed: true,
  };
  return { shape: settled, geometry: transposedGeometry(window), outShape: info.inShape };
}

/** Gradients of convolutions with respect to their input; `conv2dTranspose` of TensorFlow.js is the first. */
export const convTransposeKernels: readonly Kernel[] = [
  defineKernel<BackpropInputs, tfc.Conv2DBackpropInputAttrs>('Conv2DBackpropInput', ({ inputs, attrs, backend }) => {
    const { inputShape, strides, pad, dataFormat, dimRoundingMode } = attrs;
    return run({
      kernel: 'Conv2DBackpropInput',
      inputs,
      attrs: [inputShape, strides, pad, dataFormat, dimRoundingMode],
      backend,
      forward() {
        const { backend_util: util } = backend.tf;
        const filter = inputs.filter.shape as Shape4;
        const format = util.convertConv2DDataFormat(dataFormat);
        const info = util.computeConv2DInfo(inputShape, filter, strides, 1, pad, dimRoundingMode, false, format);
        return { info, window: window2d(info), depthwise: false };
      },
    });
  }),
  defineKernel<BackpropInputs, tfc.DepthwiseConv2dNativeBackpropInputAttrs>(
    'DepthwiseConv2dNativeBackpropInput',
    ({ inputs, attrs, backend }) => {
      const { inputShape, strides, dilations, pad, dimRoundingMode } = attrs;
      return run({
        kernel: 'DepthwiseConv2dNativeBackpropInput',
        inputs,
        attrs: [inputShape, strides, dilations, pad, dimRoundingMode],
        backend,
        forward() {
          const { backend_util: util } = backend.tf;
          const filter = inputs.filter.shape as Shape4;
          const info = util.computeConv2DInfo(inputShape, filter, strides, dilations, pad, dimRoundingMode, true);
          return { info, window: window2d(info), depthwise: true };
        },
      });
    },
  ),
  defineKernel<BackpropInputs, tfc.Conv3DBackpropInputV2Attrs>(
    'Conv3DBackpropInputV2',
    ({ inputs, attrs, backend }) => {
      const { pad, strides, inputShape } = attrs;
      return run({
        kernel: 'Conv3DBackpropInputV2',
        inputs,
        attrs: [inputShape, strides, pad],
        backend,
        forward() {
          const filter = inputs.filter.shape as Shape5;
          const info = backend.tf.backend_util.computeConv3DInfo(inputShape, filter, strides, 1, pad);
          return { info, window: window3d(info), depthwise: false };
        },
      });
    },
  ),
];
