import { closeSync, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { endianness } from 'node:os';
import { ConvolithError } from '../errors.js';
import { checkShape } from '../tensor.js';
import { product } from './layer.js';
import { writeWhole } from './output-file.js';

/** An array as NumPy wrote it, as float32 in row-major order. */
export interface NpyArray {
  readonly data: Float32Array<ArrayBuffer>;
  readonly shape: readonly number[];
  /** The file's own type, e.g. `'<f8'`. */
  readonly dtype: string;
}

type Elements =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>;

interface DType {
  readonly bytes: 1 | 2 | 4 | 8;
  make(count: number): Elements;
}

/** Types that become float32 by rounding at the most. Half floats have no typed array in Node 20 and are read by `halves`. */
const DTYPES: Readonly<Record<string, DType>> = {
  f2: { bytes: 2, make: (count) => new Uint16Array(count) },
  f4: { bytes: 4, make: (count) => new Float32Array(count) },
  f8: { bytes: 8, make: (count) => new Float64Array(count) },
  b1: { bytes: 1, make: (count) => new Uint8Array(count) },
  i1: { bytes: 1, make: (count) => new Int8Array(count) },
  u1: { bytes: 1, make: (count) => new Uint8Array(count) },
  i2: { bytes: 2, make: (count) => new Int16Array(count) },
  u2: { bytes: 2, make: (count) => new Uint16Array(count) },
  i4: { bytes: 4, make: (count) => new Int32Array(count) },
  u4: { bytes: 4, make: (count) => new Uint32Array(count) },
  i8: { bytes: 8, make: (count) => new BigInt64Array(count) },
  u8: { bytes: 8, make: (count) => new BigUint64Array(count) },
};

const MAGIC = '\x93NUMPY';
/** NumPy aligns the data, so that a file can be mapped. */
const ALIGNMENT = 64;
/** Node reads and writes at most 2 GiB at once. */
const CHUNK = 1 << 30;

/**
 * Reads a `.npy` file (NumPy Enhancement Proposal 1, versions 1 to 3), row-major or Fortran order, either endianness.
 *
 * The packages that read this format take a truncated file's rest for the array, know one endianness, and bring five
 * more packages along; a command that writes files can afford none of it.
 *
 * @throws ConvolithError `ERR_DTYPE` for a type that is no real number, `ERR_SHAPE` for a shape of zeros, `ERR_BUFFER`
 * where the file is none of this format or is shorter or longer than its header says.
 */
export function readNpy(path: string): NpyArray {
  const file = open(path);
  try {
    const header = readHeader(file, path);
    const { shape, dtype } = header;
    checkShape(shape, `${path}: shape`);
    const type = DTYPES[dtype.slice(1)];
    if (type === undefined || !/^[<>|=]/.test(dtype)) {
      const known = Object.keys(DTYPES).join(', ');
      throw new ConvolithError('ERR_DTYPE', `Expected one of ${known} for ${path} but received ${dtype}`);
    }
    const count = product(shape);
    const present = fstatSync(file).size - header.end;
    if (present !== count * type.bytes) {
      throw broken(path, `${count * type.bytes} bytes of data for shape [${shape.join(', ')}]`, `${present}`);
    }
    const elements = type.make(count);
    const bytes = new Uint8Array(elements.buffer);
    transfer(bytes, (part, at) => readSync(file, part, 0, part.length, header.end + at));
    if (dtype[0] === (endianness() === 'LE' ? '>' : '<')) swapBytes(bytes, type.bytes);
    const values = toFloats(elements, dtype.slice(1));
    return { data: header.fortran ? rowMajor(values, shape) : values, shape, dtype };
  } finally {
    closeSync(file);
  }
}

function open(path: string): number {
  try {
    if (statSync(path).isDirectory()) throw new Error('a folder');
    return openSync(path, 'r');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConvolithError('ERR_BUFFER', `Expected a file that can be read for ${path} but received ${reason}`, {
      cause,
    });
  }
}

/** Writes float32 in row-major order. The file appears whole or not at all. */
export function writeNpy(path: string, data: Float32Array, shape: readonly number[]): void {
  const order = endianness() === 'LE' ? '<' : '>';
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${order}f4', 'fortran_order': False, 'shape': (${sizes}), }`;
  const prefix = MAGIC.length + 4;
  const length = Math.ceil((prefix + text.length + 1) / ALIGNMENT) * ALIGNMENT - prefix;
  const header = Buffer.from(`${MAGIC}\x01\x00  ${text.padEnd(length - 1)}\n`, 'latin1');
  header.writeUInt16LE(length, MAGIC.length + 2);

  writeWhole(path, (file) => {
    transfer(header, (part) => writeSync(file, part));
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    transfer(bytes, (part) => writeSync(file, part));
  });
}

interface Header {
  readonly dtype: string;
  readonly fortran: boolean;
  readonly shape: readonly number[];
  /** Where the data begins. */
  readonly end: number;
}

function readHeader(file: number, path: string): Header {
  const start = Buffer.alloc(12);
  const got = readSync(file, start, 0, 12, 0);
  if (got < 12 || start.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    const zip = start.toString('latin1', 0, 2) === 'PK';
    const received = zip ? 'a zip archive, as savez() writes; save one array with save()' : 'another beginning';
    throw broken(path, 'a NumPy .npy file, which begins with \\x93NUMPY', received);
  }
  const major = start[MAGIC.length];
  const [begin, length] = major === 1 ? [10, start.readUInt16LE(8)] : [12, start.readUInt32LE(8)];
  if (major < 1 || major > 3) throw broken(path, 'version 1, 2 or 3 of the .npy format', `version ${major}`);
  if (begin + length > fstatSync(file).size) throw broken(path, `a header of ${length} bytes`, 'a shorter file');
  const bytes = Buffer.alloc(length);
  readSync(file, bytes, 0, length, begin);
  const text = bytes.toString(major === 3 ? 'utf8' : 'latin1');
  const dtype = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const sizes = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(text)?.[1];
  if (dtype === undefined || order === undefined || sizes === undefined) {
    throw broken(path, 'descr (one plain type), fortran_order and shape in the header', text.trim().slice(0, 80));
  }
  const shape = sizes.split(',').flatMap((size) => (size.trim() === '' ? [] : [Number(size)]));
  return { dtype, fortran: order === 'True', shape, end: begin + length };
}

function broken(path: string, what: string, received: string): ConvolithError {
  return new ConvolithError('ERR_BUFFER', `Expected ${what} for ${path} but received ${received}`);
}

/** Moves bytes in parts until all are moved; `move` says how many it took. */
function transfer(bytes: Uint8Array, move: (part: Uint8Array, at: number) => number): void {
  for (let at = 0; at < bytes.length; ) {
    const moved = move(bytes.subarray(at, at + CHUNK), at);
    if (moved === 0) throw new Error('the file ended before its data did');
    at += moved;
  }
}

function swapBytes(bytes: Uint8Array<ArrayBuffer>, width: number): void {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (width === 2) all.swap16();
  else if (width === 4) all.swap32();
  else if (width === 8) all.swap64();
}

function toFloats(elements: Elements, dtype: string): Float32Array<ArrayBuffer> {
  if (elements instanceof Float32Array) return elements;
  if (elements instanceof BigInt64Array || elements instanceof BigUint64Array) {
    return Float32Array.from(elements, Number);
  }
  return dtype === 'f2' ? Float32Array.from(elements, half) : Float32Array.from(elements);
}

/** IEEE 754 binary16: one bit of sign, five of exponent, ten of fraction. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Fortran order has the first axis fastest. */
function rowMajor(values: Float32Array<ArrayBuffer>, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const ordered = new Float32Array(values.length);
  const steps = shape.map((_, axis) => product(shape.slice(0, axis)));
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < ordered.length; to++) {
    ordered[to] = values[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += steps[axis];
      if (++index[axis] < shape[axis]) break;
      from -= steps[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return ordered;
}
