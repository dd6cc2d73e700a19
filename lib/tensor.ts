import { types } from 'node:util';
import { ConvolithError, expected, show } from './errors.js';
import { integer, isObject, product } from './spec/check.js';

/** A dense row-major float32 tensor. What every layer returns. */
export interface Tensor<S extends readonly number[] = number[]> {
  readonly data: Float32Array;
  readonly shape: S;
}

/**
 * What is taken as a tensor: `{ data, shape }`; an onnxruntime tensor (`{ data, dims }`); an ndarray
 * (`{ data, shape, stride, offset }`) where it is contiguous and row-major.
 */
export type TensorLike<S extends readonly number[] = readonly number[]> =
  | { readonly data: Float32Array; readonly shape: S; readonly stride?: readonly number[]; readonly offset?: number }
  | { readonly data: Float32Array; readonly dims: S };

/** A value a channel: a typed array, plain numbers, or a tensor of one dimension. */
export type Vector = Float32Array | readonly number[] | TensorLike;

/**
 * Makes a tensor over `data` (nothing is copied) and checks it.
 * @throws ConvolithError `ERR_DTYPE` where `data` is no Float32Array; `ERR_SHAPE` where `shape` is no list of positive
 * integers or has fewer elements than `data`; `ERR_BUFFER` where `data` is too short, detached or shared; `ERR_MEMORY`
 * beyond 2^31 - 1 elements.
 * @example
 * console.log(tensor(new Float32Array(12), [1, 3, 2, 2]).shape); // → [ 1, 3, 2, 2 ]
 */
export function tensor<const S extends readonly number[]>(data: Float32Array, shape: S): Tensor<S> {
  checkShape(shape, 'shape');
  const count = product(shape, 'shape');
  checkData(data, count, 'data', shape);
  return { data, shape };
}

/** Refuses everything but a list of positive integers. */
export function checkShape(shape: unknown, name: string): asserts shape is readonly number[] {
  if (!Array.isArray(shape)) throw expected('ERR_SHAPE', 'an array of positive integers', name, shape);
  for (const [axis, size] of shape.entries()) {
    if (!Number.isInteger(size) || size < 1)
      throw expected('ERR_SHAPE', 'a positive integer', `${name}[${axis}]`, size);
  }
}

/** Refuses data that a run could not read or fill whole. `count` elements are needed. */
export function checkData(
  data: unknown,
  count: number,
  name: string,
  shape: readonly number[],
): asserts data is Float32Array {
  if (!isFloat32(data)) throw dtypeError(data, name);
  checkBuffer(data.buffer, name);
  if (data.length < count) {
    throw new ConvolithError(
      'ERR_BUFFER',
      `Expected ${count} elements for ${name} of shape ${show(shape)} but received ${data.length}`,
    );
  }
  if (data.length > count) {
    throw new ConvolithError(
      'ERR_SHAPE',
      `Expected ${count} elements for ${name} of shape ${show(shape)} but received ${data.length}; ` +
        'take the part that is meant with subarray()',
    );
  }
}

/** Also true for an array of another realm (a vm context, as Jest makes them); a proxy or a forged prototype is none. */
function isFloat32(data: unknown): data is Float32Array {
  return types.isFloat32Array(data);
}

function dtypeError(data: unknown, name: string): ConvolithError {
  const convertible = Array.isArray(data) || (ArrayBuffer.isView(data) && !(data instanceof DataView));
  const hint = convertible ? '; convert it with Float32Array.from()' : '';
  return new ConvolithError('ERR_DTYPE', `Expected a Float32Array for ${name} but received ${show(data)}${hint}`);
}

/** Node 20 knows `resizable`, and later ones `detached`; TypeScript's ES2023 neither. */
interface ModernBuffer {
  readonly detached?: boolean;
  readonly resizable?: boolean;
}

/**
 * A shared buffer can change while it is read, and no lock of ours would stop that; copying is the caller's choice.
 * A resizable one can give its pages back to the system in the middle of an asynchronous run.
 */
function checkBuffer(buffer: ArrayBufferLike, name: string): void {
  if (types.isSharedArrayBuffer(buffer)) {
    throw new ConvolithError(
      'ERR_BUFFER',
      `Expected memory of this thread alone for ${name} but received a SharedArrayBuffer; copy it with slice()`,
    );
  }
  const modern = buffer as ModernBuffer;
  if (modern.detached === true || (modern.detached === undefined && isDetached(buffer))) {
    throw new ConvolithError('ERR_BUFFER', `Expected a live buffer for ${name} but received a detached ArrayBuffer`);
  }
  if (modern.resizable === true) {
    throw new ConvolithError(
      'ERR_BUFFER',
      `Expected a buffer of fixed length for ${name} but received a resizable ArrayBuffer; copy it with slice()`,
    );
  }
}

/** A detached buffer differs from an empty one in that no view can be made over it. */
function isDetached(buffer: ArrayBuffer): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/** Whether two arrays share bytes. */
export function overlap(a: Float32Array, b: Float32Array): boolean {
  return (
    a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength
  );
}

/** A tensor read once, so that a getter cannot answer twice; the sizes and the data are not checked yet. */
export interface ReadTensor {
  readonly data: unknown;
  readonly shape: readonly number[];
}

/** Reads any accepted kind of tensor. */
export function readTensor(value: unknown, name: string): ReadTensor {
  if (!isObject(value) || ArrayBuffer.isView(value)) {
    const hint = ArrayBuffer.isView(value) ? '; make one with tensor(data, shape)' : '';
    throw new ConvolithError(
      'ERR_SHAPE',
      `Expected a tensor { data, shape } for ${name} but received ${show(value)}${hint}`,
    );
  }
  const ownShape = value.shape;
  const shape = ownShape === undefined ? value.dims : ownShape;
  if (!Array.isArray(shape)) throw expected('ERR_SHAPE', 'an array of positive integers', `${name}.shape`, shape);
  const { data, stride, offset } = value;
  if (stride === undefined && offset === undefined) return { data, shape };
  return { data: denseData(data, shape, { stride, offset }, name), shape };
}

/** The part of an ndarray's data that it shows, where that is one dense row-major run. */
function denseData(
  data: unknown,
  shape: readonly number[],
  view: { readonly stride: unknown; readonly offset: unknown },
  name: string,
): Float32Array {
  if (!isFloat32(data)) throw dtypeError(data, `${name}.data`);
  checkShape(shape, `${name}.shape`);
  let dense = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const step: unknown = Array.isArray(view.stride) ? view.stride[axis] : undefined;
    if (shape[axis] > 1 && step !== dense) {
      throw new ConvolithError(
        'ERR_SHAPE',
        `Expected contiguous row-major data for ${name} but received strides ${show(view.stride)} for shape ` +
          `${show(shape)}; copy it into a dense array first (ndarray-ops: assign it to a new ndarray)`,
      );
    }
    dense *= shape[axis];
  }
  const offset = view.offset === undefined ? 0 : integer(view.offset, 0, `${name}.offset`, 'ERR_SHAPE');
  return data.subarray(offset, offset + dense);
}

/** A vector of `count` values as float32, copied only where it has to be converted. */
export function readVector(value: unknown, count: number, name: string): Float32Array {
  let data: unknown = value;
  if (isObject(value) && !ArrayBuffer.isView(value) && !Array.isArray(value)) {
    const read = readTensor(value, name);
    checkShape(read.shape, `${name}.shape`);
    if (product(read.shape, `${name}.shape`) !== count) {
      throw expected('ERR_SHAPE', `[${count}], one an output channel,`, `${name}.shape`, read.shape);
    }
    data = read.data;
  }
  if (Array.isArray(data)) {
    for (const [index, entry] of data.entries()) {
      if (typeof entry !== 'number') throw expected('ERR_OPTION', 'a number', `${name}[${index}]`, entry);
    }
    data = Float32Array.from(data);
  }
  if (!isFloat32(data)) throw dtypeError(data, name);
  // Before its length: V8 11.3 gives that of a detached array as it was, once the code is optimised.
  checkBuffer(data.buffer, name);
  if (data.length !== count) {
    throw new ConvolithError(
      'ERR_SHAPE',
      `Expected ${count} values, one an output channel, for ${name} but received ${data.length}`,
    );
  }
  return data;
}

/** A new array, or `ERR_MEMORY` where the machine has no room for it. */
export function allocate(count: number, name: string): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(count);
  } catch (cause) {
    throw new ConvolithError('ERR_MEMORY', `Expected memory of ${count * 4} bytes for ${name} but there is none`, {
      cause,
    });
  }
}
