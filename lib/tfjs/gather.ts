import type * as tfc from '@tensorflow/tfjs-core';
import type { OwnDtype } from './backend.js';
import { defineKernel, type Kernel, type TensorInfo } from './kernel.js';

// Detectors and pose models gather a few values of large maps. The CPU backend copies the whole map first, and works out
// each value's place in lists of coordinates: 0.5 ms for 34 values of movenet, which take 0.02 here.

interface GatherNdInputs {
  readonly params: TensorInfo;
  readonly indices: TensorInfo;
}

/** `null` for an index outside too: the error is the CPU backend's. */
const gatherNdKernel = defineKernel<GatherNdInputs, object>('GatherNd', ({ inputs: { params, indices }, backend }) => {
  const values = backend.values(params);
  const places = indices.dtype === 'int32' ? backend.values(indices) : null;
  if (values === null || places === null) return null;
  const [shape, slices, size, strides] = backend.tf.backend_util.prepareAndValidate(
    params as Shaped,
    indices as Shaped,
  );
  const rank = strides.length;
  const count = values.length / size;
  const from = new Array<number>(slices);
  for (let slice = 0; slice < slices; slice++) {
    let place = 0;
    for (let axis = 0; axis < rank; axis++) place += places[slice * rank + axis] * strides[axis];
    if (!(place >= 0 && place < count)) return null;
    from[slice] = place * size;
  }
  const { info, array } = backend.output(shape, params.dtype as OwnDtype);
  for (let slice = 0, to = 0; slice < slices; slice++) {
    for (let i = 0; i < size; i++) array[to++] = values[from[slice] + i];
  }
  return info;
});

/** What the checks of TensorFlow.js read of a tensor. */
type Shaped = tfc.Tensor;

interface GatherV2Inputs {
  readonly x: TensorInfo;
  readonly indices: TensorInfo;
}

const gatherV2Kernel = defineKernel<GatherV2Inputs, tfc.GatherV2Attrs>(
  'GatherV2',
  ({ inputs: { x, indices }, attrs: { axis, batchDims }, backend }) => {
    const values = backend.values(x);
    const places = indices.dtype === 'int32' ? backend.values(indices) : null;
    if (values === null || places === null) return null;
    const { util, backend_util: backendUtil } = backend.tf;
    const [along] = util.parseAxisParam(axis, x.shape);
    const extent = x.shape[along];
    for (let i = 0; i < places.length; i++) if (!(places[i] >= 0 && places[i] < extent)) return null;
    const { batchSize, outerSize, sliceSize, outputShape } = backendUtil.segment_util.collectGatherOpShapeInfo(
      x as Shaped,
      indices as Shaped,
      along,
      batchDims ?? 0,
    );
    const { info, array } = backend.output(outputShape, x.dtype as OwnDtype);
    const each = places.length / batchSize;
    for (let batch = 0, to = 0; batch < batchSize; batch++) {
      for (let outer = batch * outerSize; outer < (batch + 1) * outerSize; outer++) {
        for (let i = batch * each; i < (batch + 1) * each; i++) {
          const from = (outer * extent + places[i]) * sliceSize;
          for (let at = 0; at < sliceSize; at++) array[to++] = values[from + at];
        }
      }
    }
    return info;
  },
);

/** Kernels that take values by their places. */
export const gatherKernels: readonly Kernel[] = [gatherNdKernel, gatherV2Kernel];
