import type * as tfc from '@tensorflow/tfjs-core';
import type { Backend } from './backend.js';
import { convGeometry, isEmpty, type Window, window2d, window3d } from './conv-geometry.js';
import { specOf } from './conv-spec.js';
import { defineKernel, type Kernel, type TensorInfo } from './kernel.js';

interface FilterGradInputs {
  readonly x: TensorInfo;
  readonly dy: TensorInfo;
}

type Shape4 = [number, number, number, number];
type Shape5 = [number, number, number, number, number];

/** The forward convolution's sizes. */
interface Forward {
  readonly info: tfc.backend_util.Conv2DInfo | tfc.backend_util.Conv3DInfo;
  readonly window: Window;
  readonly rank: 2 | 3;
  readonly depthwise: boolean;
}

/** The gradient with respect to the filter. `attrs` is what it depends on beside the shapes of the inputs. */
function filterGrad(
  backend: Backend,
  kernel: string,
  { x, dy }: FilterGradInputs,
  filterShape: number[],
  attrs: readonly unknown[],
  forward: () => Forward,
): TensorInfo | null {
  const [input, gradient] = [backend.floats(x), backend.floats(dy)];
  if (input === null || gradient === null) return null;
  const key = `${kernel};${x.shape};${dy.shape};${filterShape};${attrs.join(';')}`;
  const operation = backend.operations.find(key, () => {
    const { info, window, rank, depthwise } = forward();
    const { inChannels, outChannels, outShape, dataFormat } = info;
    if (outShape.some((size, axis) => size !== dy.shape[axis]) || isEmpty(window, inChannels * outChannels))
      return null;
    const channelsLast = dataFormat === 'channelsLast';
    const groups = depthwise ? inChannels : 1;
    const spec = specOf({ window, rank, channelsLast, inChannels, outChannels, groups, transposed: false });
    return backend.engine.createWeightGrad(spec, convGeometry(window), 'HWIO');
  });
  if (operation === null) return null;
  const { info, array } = backend.output(filterShape);
  operation.run(input, gradient, array);
  return info;
}

/** Gradients of convolutions with respect to their filter. */
export const convGradientKernels: readonly Kernel[] = [
  defineKernel<FilterGradInputs, tfc.Conv2DBackpropFilterAttrs>(
    'Conv2DBackpropFilter',
    ({ inputs, attrs, backend }) => {
      const { strides, pad, dataFormat, dimRoundingMode, filterShape } = attrs;
      const depends = [strides, pad, dataFormat, dimRoundingMode];
      return filterGrad(backend, 'Conv2DBackpropFilter', inputs, filterShape, depends, () => {
        const { backend_util: util } = backend.tf;
        const shape = inputs.x.shape as Shape4;
        const format = util.convertConv2DDataFormat(dataFormat);
        const info = util.computeConv2DInfo(shape, filterShape, strides, 1, pad, dimRoundingMode, false, format);
        return { info, window: window2d(info), rank: 2, depthwise: false };
      });
    },
  ),
  defineKernel<FilterGradInputs, tfc.DepthwiseConv2dNativeBackpropFilterAttrs>(
    'DepthwiseConv2dNativeBackpropFilter',
    ({ inputs, attrs, backend }) => {
      const { strides, dilations, pad, dimRoundingMode, filterShape } = attrs;
      const depends = [strides, dilations, pad, dimRoundingMode];
      return filterGrad(backend, 'DepthwiseConv2dNativeBackpropFilter', inputs, filterShape, depends, () => {
        const shape = inputs.x.shape as Shape4;
        const { computeConv2DInfo } = backend.tf.backend_util;
        const info = computeConv2DInfo(shape, filterShape, strides, dilations, pad, dimRoundingMode, true);
        return { info, window: window2d(info), rank: 2, depthwise: true };
      });
    },
  ),
  defineKernel<FilterGradInputs, tfc.Conv3DBackpropFilterV2Attrs>(
    'Conv3DBackpropFilterV2',
    ({ inputs, attrs: { strides, pad, filterShape }, backend }) =>
      filterGrad(backend, 'Conv3DBackpropFilterV2', inputs, filterShape, [strides, pad], () => {
        const shape = inputs.x.shape as Shape5;
        const info = backend.tf.backend_util.computeConv3DInfo(shape, filterShape, strides, 1, pad);
        return { info, window: window3d(info), rank: 3, depthwise: false };
      }),
  ),
];
