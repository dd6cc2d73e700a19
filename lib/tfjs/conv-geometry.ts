import type * as tfc from '@tensorflow/tfjs-core';
import type { ConvGeometry, Triple } from '../spec.js';

type Conv2DInfo = tfc.backend_util.Conv2DInfo;
type Conv3DInfo = tfc.backend_util.Conv3DInfo;

/** TensorFlow.js's sizes in the engine's form: depth, height, width. */
export interface Window {
  readonly batch: number;
  readonly kernel: Triple;
  readonly stride: Triple;
  readonly dilation: Triple;
  /** The larger map: a convolution's input. */
  readonly input: Triple;
  readonly output: Triple;
  readonly padBefore: Triple;
}

export function window2d(info: Conv2DInfo): Window {
  return {
    batch: info.batchSize,
    kernel: [1, info.filterHeight, info.filterWidth],
    stride: [1, info.strideHeight, info.strideWidth],
    dilation: [1, info.dilationHeight, info.dilationWidth],
    input: [1, info.inHeight, info.inWidth],
    output: [1, info.outHeight, info.outWidth],
    padBefore: [0, info.padInfo.top, info.padInfo.left],
  };
}

export function window3d(info: Conv3DInfo): Window {
  return {
    batch: info.batchSize,
    kernel: [info.filterDepth, info.filterHeight, info.filterWidth],
    stride: [info.strideDepth, info.strideHeight, info.strideWidth],
    dilation: [info.dilationDepth, info.dilationHeight, info.dilationWidth],
    input: [info.inDepth, info.inHeight, info.inWidth],
    output: [info.outDepth, info.outHeight, info.outWidth],
    padBefore: [info.padInfo.front, info.padInfo.top, info.padInfo.left],
  };
}

/** What lies behind the last element that a window over `input` reaches, where it reaches beyond: `(O − 1)s + d(K − 1) + 1 − I − before`. */
function padsAfter({ kernel, stride, dilation, input, output, padBefore }: Window): [number, number, number] {
  const after = (axis: 0 | 1 | 2): number =>
    (output[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1 - input[axis] - padBefore[axis];
  return [after(0), after(1), after(2)];
}

/** The convolution's own geometry. TensorFlow.js rounds some sizes up, so the padding behind follows from the output. */
export function convGeometry(window: Window): ConvGeometry {
  const [d, h, w] = padsAfter(window);
  const padAfter: Triple = [Math.max(d, 0), Math.max(h, 0), Math.max(w, 0)];
  const { batch, input, output, padBefore } = window;
  return { batch, input, output, padBefore, padAfter };
}

/** The way back, from the output to the input: a transposed convolution. */
export function transposedGeometry(window: Window): ConvGeometry {
  const { batch, input, output, padBefore } = window;
  return { batch, input: output, output: input, padBefore, padAfter: padsAfter(window) };
}

/** Whether there is anything to compute; the engine takes no empty tensor. */
export function isEmpty({ batch, input, output }: Window, channels: number): boolean {
  const volume = (size: Triple): number => size[0] * size[1] * size[2];
  return batch * channels * volume(input) * volume(output) === 0;
}
