import type * as tfc from '@tensorflow/tfjs-core';
import {
  batchToSpaceND,
  concat,
  depthToSpace,
  type Margins,
  type Movable,
  mirrorPad,
  pack,
  pad,
  paddedShape,
  type Sizes,
  spaceToBatchND,
  tile,
  transpose,
} from '../companions/index.js';
import type { Backend, OwnDtype } from './backend.js';
import { DeferredPad, type Margins as SideMargins } from './deferred-pad.js';
import { defineKernel, type Kernel, type TensorInfo } from './kernel.js';

interface OneInput {
  readonly x: TensorInfo;
}

/** Moves `x` into an output of `shape`; `null` for a dtype that the CPU backend has to serve. */
function moved(
  backend: Backend,
  x: TensorInfo,
  shape: number[],
  move: (values: Movable, out: Movable) => void,
): TensorInfo | null {
  const values = backend.values(x);
  if (values === null) return null;
  const { info, array } = backend.output(shape, x.dtype as OwnDtype);
  move(values, array);
  return info;
}

/** Whether margins lie around the rows and columns of an NHWC map. */
function isAround(paddings: Margins): boolean {
  return (
    paddings.length === 4 &&
    paddings.every(([before, after], axis) => {
      return before >= 0 && after >= 0 && (before + after === 0 || axis === 1 || axis === 2);
    })
  );
}

const padKernel = defineKernel<OneInput, tfc.PadV2Attrs>('PadV2', ({ inputs: { x }, attrs, backend }) => {
  const { paddings, constantValue } = attrs;
  if (paddings.length !== x.shape.length) return null;
  const source = constantValue === 0 && isAround(paddings) ? backend.operand(x) : null;
  if (source?.isOurs) {
    const shape = paddedShape(x.shape, paddings);
    const margins: SideMargins = [paddings[1], paddings[2]];
    return backend.defer(shape, new DeferredPad(backend, source, x.shape, margins, shape));
  }
  return moved(backend, x, paddedShape(x.shape, paddings), (values, out) =>
    pad(backend.companions, values, x.shape, paddings, constantValue, out),
  );
});

const mirrorPadKernel = defineKernel<OneInput, tfc.MirrorPadAttrs>('MirrorPad', ({ inputs: { x }, attrs, backend }) => {
  const { paddings, mode } = attrs;
  return moved(backend, x, paddedShape(x.shape, paddings), (values, out) =>
    mirrorPad(backend.companions, values, x.shape, paddings, mode, out),
  );
});

/** The arrays of tensors that share a dtype; `null` where they do not, or one is not the array of its dtype. */
function arraysOf(backend: Backend, inputs: readonly TensorInfo[]): Movable[] | null {
  const arrays: Movable[] = [];
  for (const input of inputs) {
    const values = input.dtype === inputs[0].dtype ? backend.values(input) : null;
    if (values === null) return null;
    arrays.push(values);
  }
  return arrays;
}

function isEmpty({ shape }: TensorInfo): boolean {
  return shape.includes(0);
}

const concatKernel = defineKernel<readonly TensorInfo[], tfc.ConcatAttrs>('Concat', ({ inputs, attrs, backend }) => {
  const { util, backend_util: backendUtil } = backend.tf;
  const [axis] = util.parseAxisParam(attrs.axis, inputs[0].shape);
  const shapes = inputs.map(({ shape }) => shape);
  backendUtil.assertParamsConsistent(shapes, axis);
  const parts = inputs.filter((input) => !isEmpty(input));
  if (parts.length < 2) return null;
  const arrays = arraysOf(backend, parts);
  if (arrays === null) return null;
  const { info, array } = backend.output(backendUtil.computeOutShape(shapes, axis), inputs[0].dtype as OwnDtype);
  concat(
    backend.companions,
    arrays,
    parts.map(({ shape }) => shape),
    axis,
    array,
  );
  return info;
});

const packKernel = defineKernel<readonly TensorInfo[], tfc.PackAttrs>('Pack', ({ inputs, attrs, backend }) => {
  const [{ shape, dtype }] = inputs;
  const alike = inputs.every((input) => backend.tf.util.arraysEqual(input.shape, shape));
  const arrays = alike && inputs.length > 1 ? arraysOf(backend, inputs) : null;
  if (arrays === null) return null;
  const axis = attrs.axis < 0 ? attrs.axis + shape.length + 1 : attrs.axis;
  const outShape = [...shape.slice(0, axis), inputs.length, ...shape.slice(axis)];
  const { info, array } = backend.output(outShape, dtype as OwnDtype);
  pack(backend.companions, arrays, shape, axis, array);
  return info;
});

/** Whether a permutation leaves the data as it is: the axes of more than one place keep their order. */
function isRelabelling(shape: Sizes, perm: Sizes): boolean {
  let last = -1;
  for (const axis of perm) {
    if (shape[axis] === 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

const transposeKernel = defineKernel<OneInput, tfc.TransposeAttrs>('Transpose', ({ inputs: { x }, attrs, backend }) => {
  const { perm } = attrs;
  if (x.dtype === 'complex64') return null;
  const shape = perm.map((axis) => x.shape[axis]);
  if (isRelabelling(x.shape, perm)) return backend.reshaped(x, shape);
  return moved(backend, x, shape, (values, out) => transpose(backend.companions, values, x.shape, perm, out));
});

const tileKernel = defineKernel<OneInput, tfc.TileAttrs>('Tile', ({ inputs: { x }, attrs: { reps }, backend }) => {
  if (reps.length !== x.shape.length) return null;
  const shape = x.shape.map((size, axis) => size * reps[axis]);
  return moved(backend, x, shape, (values, out) => tile(backend.companions, values, x.shape, reps, out));
});

const spaceToBatchKernel = defineKernel<OneInput, tfc.SpaceToBatchNDAttrs>(
  'SpaceToBatchND',
  ({ inputs: { x }, attrs, backend }) => {
    const { blockShape } = attrs;
    const paddings = attrs.paddings as unknown as Margins;
    const shape = [...x.shape];
    for (let axis = 0; axis < blockShape.length; axis++) {
      shape[0] *= blockShape[axis];
      shape[1 + axis] = (x.shape[1 + axis] + paddings[axis][0] + paddings[axis][1]) / blockShape[axis];
    }
    if (!shape.every(Number.isInteger)) return null;
    return moved(backend, x, shape, (values, out) =>
      spaceToBatchND(backend.companions, values, x.shape, blockShape, paddings, out),
    );
  },
);

const batchToSpaceKernel = defineKernel<OneInput, tfc.BatchToSpaceNDAttrs>(
  'BatchToSpaceND',
  ({ inputs: { x }, attrs, backend }) => {
    const { blockShape } = attrs;
    const crops = attrs.crops as unknown as Margins;
    const shape = [...x.shape];
    for (let axis = 0; axis < blockShape.length; axis++) {
      shape[0] /= blockShape[axis];
      shape[1 + axis] = x.shape[1 + axis] * blockShape[axis] - crops[axis][0] - crops[axis][1];
    }
    if (!shape.every((size) => Number.isInteger(size) && size >= 0)) return null;
    return moved(backend, x, shape, (values, out) =>
      batchToSpaceND(backend.companions, values, x.shape, blockShape, crops, out),
    );
  },
);

const depthToSpaceKernel = defineKernel<OneInput, tfc.DepthToSpaceAttrs>(
  'DepthToSpace',
  ({ inputs: { x }, attrs: { blockSize, dataFormat }, backend }) => {
    const values = dataFormat === 'NHWC' ? backend.floats(x) : null;
    const [batch, height, width, channels] = x.shape;
    const depth = channels / (blockSize * blockSize);
    if (values === null || !Number.isInteger(depth)) return null;
    const { info, array } = backend.output([batch, height * blockSize, width * blockSize, depth]);
    depthToSpace(backend.companions, values, x.shape, blockSize, array);
    return info;
  },
);

/** The CPU backend relabels integers as floats, which each reader would then convert again. */
const castKernel = defineKernel<OneInput, tfc.CastAttrs>('Cast', ({ inputs: { x }, attrs: { dtype }, backend }) => {
  if (dtype !== 'float32' || (x.dtype !== 'int32' && x.dtype !== 'bool')) return null;
  const values = backend.values(x);
  if (values === null) return null;
  const { info, array } = backend.output(x.shape);
  array.set(values);
  return info;
});

/** Kernels that move values and compute nothing. */
export const movementKernels: readonly Kernel[] = [
  padKernel,
  mirrorPadKernel,
  concatKernel,
  packKernel,
  transposeKernel,
  tileKernel,
  spaceToBatchKernel,
  batchToSpaceKernel,
  depthToSpaceKernel,
  castKernel,
];
