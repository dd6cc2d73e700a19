import type * as tfc from '@tensorflow/tfjs-core';
import { slice, stridedSlice } from '../companions/index.js';
import type { Backend, OwnDtype } from './backend.js';
import { defineKernel, type Kernel, type TensorInfo } from './kernel.js';

interface OneInput {
  readonly x: TensorInfo;
}

/** A part of a tensor: a view where it lies together, as with the CPU backend, else a copy. */
function part(backend: Backend, x: TensorInfo, begin: number[], size: number[]): TensorInfo | null {
  const values = backend.values(x);
  if (values === null) return null;
  const { slice_util: sliceUtil, util } = backend.tf;
  if (sliceUtil.isSliceContinous(x.shape, begin, size)) {
    const from = sliceUtil.computeFlatOffset(begin, util.computeStrides(x.shape));
    return backend.viewOf(x, size, values.subarray(from, from + util.sizeFromShape(size)));
  }
  const { info, array } = backend.output(size, x.dtype as OwnDtype);
  slice(backend.companions, values, x.shape, begin, size, array);
  return info;
}

const sliceKernel = defineKernel<OneInput, tfc.SliceAttrs>('Slice', ({ inputs: { x }, attrs, backend }) => {
  if (x.dtype === 'complex64' || x.dtype === 'string') return null;
  const { slice_util: sliceUtil } = backend.tf;
  const [begin, size] = sliceUtil.parseSliceParams(x as tfc.TensorInfo, attrs.begin, attrs.size);
  sliceUtil.assertParamsValid(x, begin, size);
  return part(backend, x, begin, size);
});

const stridedSliceKernel = defineKernel<OneInput, tfc.StridedSliceAttrs>(
  'StridedSlice',
  ({ inputs: { x }, attrs, backend }) => {
    const values = backend.values(x);
    if (values === null) return null;
    const { slice_util: sliceUtil } = backend.tf;
    const info = sliceUtil.sliceInfo(
      x.shape,
      attrs.begin,
      attrs.end,
      attrs.strides,
      attrs.beginMask,
      attrs.endMask,
      attrs.ellipsisMask,
      attrs.newAxisMask,
      attrs.shrinkAxisMask,
    );
    if (info.isIdentity) return backend.reshaped(x, info.finalShape);
    if (info.sliceDim0 || info.isSimpleSlice) {
      const size = sliceUtil.computeOutShape(info.begin, info.end, info.strides);
      const sliced = part(backend, x, info.begin, size);
      return sliced === null ? null : { ...sliced, shape: info.finalShape };
    }
    const { info: result, array } = backend.output(info.finalShape, x.dtype as OwnDtype);
    stridedSlice(backend.companions, values, x.shape, info.begin, info.strides, info.finalShapeSparse, array);
    return result;
  },
);

const splitKernel = defineKernel<OneInput, tfc.SplitVAttrs>('SplitV', ({ inputs: { x }, attrs, backend }) => {
  if (backend.values(x) === null) return null;
  const { util, backend_util: backendUtil } = backend.tf;
  const [axis] = util.parseAxisParam(attrs.axis, x.shape);
  const begin = new Array<number>(x.shape.length).fill(0);
  const parts: TensorInfo[] = [];
  for (const extent of backendUtil.prepareSplitSize(x as tfc.Tensor, attrs.numOrSizeSplits, axis)) {
    const size = [...x.shape];
    size[axis] = extent;
    const made = part(backend, x, begin, size);
    if (made !== null) parts.push(made);
    begin[axis] += extent;
  }
  return parts;
});

const unpackKernel = defineKernel<{ readonly value: TensorInfo }, tfc.UnpackAttrs>(
  'Unpack',
  ({ inputs: { value }, attrs, backend }) => {
    if (backend.values(value) === null) return null;
    const axis = attrs.axis < 0 ? attrs.axis + value.shape.length : attrs.axis;
    const size = [...value.shape];
    size[axis] = 1;
    const shape = value.shape.filter((_, at) => at !== axis);
    const parts: TensorInfo[] = [];
    for (let index = 0; index < value.shape[axis]; index++) {
      const begin = size.map((_, at) => (at === axis ? index : 0));
      const made = part(backend, value, begin, size);
      if (made !== null) parts.push({ ...made, shape });
    }
    return parts;
  },
);

/** Kernels that take parts of a tensor. */
export const slicingKernels: readonly Kernel[] = [sliceKernel, stridedSliceKernel, splitKernel, unpackKernel];
