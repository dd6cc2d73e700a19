import type * as tfc from '@tensorflow/tfjs-core';
import { type ResizeOptions, resizeBilinear, resizeNearestNeighbor } from '../companions/index.js';
import { defineKernel, type Kernel, type TensorInfo } from './kernel.js';

interface Images {
  readonly images: TensorInfo;
}

type ResizeAttrs = tfc.ResizeBilinearAttrs & ResizeOptions;

function isServed({ shape }: TensorInfo): boolean {
  return shape.length === 4 && !shape.includes(0);
}

/** Photographs come as int32; the result is float32 all the same. */
const bilinearKernel = defineKernel<Images, ResizeAttrs>('ResizeBilinear', ({ inputs: { images }, attrs, backend }) => {
  const values = isServed(images) ? backend.values(images) : null;
  if (values === null) return null;
  const [batch, , , channels] = images.shape;
  const [height, width] = attrs.size;
  const { info, array } = backend.output([batch, height, width, channels]);
  const floats = values instanceof Float32Array ? values : new Float32Array(values);
  resizeBilinear(backend.companions, floats, images.shape, attrs.size, attrs, array);
  return info;
});

const nearestKernel = defineKernel<Images, ResizeAttrs>(
  'ResizeNearestNeighbor',
  ({ inputs: { images }, attrs, backend }) => {
    const values = isServed(images) ? backend.floats(images) : null;
    if (values === null) return null;
    const [batch, , , channels] = images.shape;
    const [height, width] = attrs.size;
    const { info, array } = backend.output([batch, height, width, channels]);
    resizeNearestNeighbor(backend.companions, values, images.shape, attrs.size, attrs, array);
    return info;
  },
);

export const resizeKernels: readonly Kernel[] = [bilinearKernel, nearestKernel];
