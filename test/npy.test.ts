import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readNpy, writeNpy } from '../lib/cli/npy.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'convolith-npy-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** A file with a header of this text, version 1. */
function made(name: string, header: string, data: Uint8Array, version = 1): string {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(header.length);
  else length.writeUInt32LE(header.length);
  return file(
    name,
    Buffer.concat([
      Buffer.from(`\x93NUMPY`, 'latin1'),
      Buffer.from([version, 0]),
      length,
      Buffer.from(header, 'latin1'),
      data,
    ]),
  );
}

const header = (descr: string, shape: string, fortran = 'False'): string =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;

const bytesOf = (values: ArrayBufferView): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** Written by NumPy 2.4: `arange(6, dtype='<f4').reshape(2, 3)`. */
const NUMPY_F4 =
  'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAACAPwAAAEAAAEBAAACAQAAAoEA=';
/** `asfortranarray(arange(24).reshape(2, 3, 4).astype('>f8'))`. */
const NUMPY_FORTRAN =
  'k05VTVBZAQB2AHsnZGVzY3InOiAnPmY4JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMywgNCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAEAoAAAAAAAAQBAAAAAAAABAMAAAAAAAAEAgAAAAAAAAQDQAAAAAAAA/8AAAAAAAAEAqAAAAAAAAQBQAAAAAAABAMQAAAAAAAEAiAAAAAAAAQDUAAAAAAABAAAAAAAAAAEAsAAAAAAAAQBgAAAAAAABAMgAAAAAAAEAkAAAAAAAAQDYAAAAAAABACAAAAAAAAEAuAAAAAAAAQBwAAAAAAABAMwAAAAAAAEAmAAAAAAAAQDcAAAAAAAA=';
/** `array([1, -2.5, 65504, 6e-8, inf], dtype='<f2')`. */
const NUMPY_F2 =
  'k05VTVBZAQB2AHsnZGVzY3InOiAnPGYyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDUsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAPADB/3sBAAB8';

describe('readNpy', () => {
  it('reads what NumPy wrote', () => {
    const { data, shape, dtype } = readNpy(file('f4.npy', Buffer.from(NUMPY_F4, 'base64')));
    expect({ data: [...data], shape, dtype }).toEqual({ data: [0, 1, 2, 3, 4, 5], shape: [2, 3], dtype: '<f4' });
  });

  it('puts Fortran order and big-endian doubles in place', () => {
    const { data, shape } = readNpy(file('fortran.npy', Buffer.from(NUMPY_FORTRAN, 'base64')));
    expect(shape).toEqual([2, 3, 4]);
    expect([...data]).toEqual(Array.from({ length: 24 }, (_, index) => index));
  });

  it('reads half floats', () => {
    const { data } = readNpy(file('f2.npy', Buffer.from(NUMPY_F2, 'base64')));
    expect([...data]).toEqual([1, -2.5, 65504, 2 ** -24, Number.POSITIVE_INFINITY]);
  });

  it.each([
    ['|u1', Uint8Array.of(0, 255)],
    ['|i1', Int8Array.of(-128, 127)],
    ['|b1', Uint8Array.of(0, 1)],
    ['<u2', Uint16Array.of(0, 65535)],
    ['<i2', Int16Array.of(-32768, 5)],
    ['<u4', Uint32Array.of(7, 2 ** 31)],
    ['<i4', Int32Array.of(-(2 ** 31), 9)],
    ['<f8', Float64Array.of(0.5, -3)],
    ['<i8', BigInt64Array.of(-(2n ** 63n), 7n)],
    ['<u8', BigUint64Array.of(2n ** 63n, 8n)],
  ])('reads %s', (dtype, values) => {
    const { data } = readNpy(made('typed.npy', header(dtype, '(2,)'), bytesOf(values)));
    expect([...data]).toEqual(Array.from(values, Number));
  });

  it('reads a header of version 2', () => {
    const path = made('v2.npy', header('<f4', '(1, 1)'), bytesOf(Float32Array.of(4)), 2);
    expect(readNpy(path)).toEqual({ data: Float32Array.of(4), shape: [1, 1], dtype: '<f4' });
  });

  it.each([
    ['another format', () => file('x.npy', Buffer.from('GIF89a something else')), 'ERR_BUFFER', 'begins with'],
    ['an archive', () => file('x.npz', Buffer.from('PK\x03\x04 something else')), 'ERR_BUFFER', 'save()'],
    ['an empty file', () => file('x.npy', new Uint8Array(0)), 'ERR_BUFFER', 'begins with'],
    ['a later version', () => made('x.npy', header('<f4', '(1,)'), new Uint8Array(4), 4), 'ERR_BUFFER', 'version 4'],
    ['a torn file', () => made('x.npy', header('<f4', '(3,)'), new Uint8Array(8)), 'ERR_BUFFER', '12 bytes of data'],
    ['a longer file', () => made('x.npy', header('<f4', '(1,)'), new Uint8Array(8)), 'ERR_BUFFER', 'received 8'],
    ['a torn header', () => file('x.npy', Buffer.from(NUMPY_F4, 'base64').subarray(0, 40)), 'ERR_BUFFER', 'a header'],
    ['complex numbers', () => made('x.npy', header('<c8', '(1,)'), new Uint8Array(8)), 'ERR_DTYPE', '<c8'],
    [
      'a record type',
      () => made('x.npy', "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", new Uint8Array(4)),
      'ERR_BUFFER',
      'descr',
    ],
    ['nothing in it', () => made('x.npy', header('<f4', '(0, 3)'), new Uint8Array(0)), 'ERR_SHAPE', 'x.npy: shape[0]'],
    ['no such file', () => join(folder, 'absent.npy'), 'ERR_BUFFER', 'ENOENT'],
    ['a folder', () => folder, 'ERR_BUFFER', ''],
  ])('refuses %s', (_, path, code, message) => {
    expect(() => readNpy(path())).toThrowError(
      expect.objectContaining({ name: 'ConvolithError', code, message: expect.stringContaining(message) }),
    );
  });
});

describe('writeNpy', () => {
  it('writes the bytes that NumPy writes', () => {
    const path = join(folder, 'written.npy');
    writeNpy(path, Float32Array.of(0, 1, 2, 3, 4, 5), [2, 3]);
    expect(readFileSync(path).toString('base64')).toBe(NUMPY_F4);
  });

  it('reads back, and leaves nothing beside the file', () => {
    const inner = mkdtempSync(join(folder, 'inner-'));
    const data = Float32Array.of(-0, Number.NaN, 1e-40, Number.NEGATIVE_INFINITY);
    writeNpy(join(inner, 'y.npy'), data, [4]);
    expect(readNpy(join(inner, 'y.npy'))).toEqual({ data, shape: [4], dtype: '<f4' });
    expect(readdirSync(inner)).toEqual(['y.npy']);
  });

  it('leaves an older file where it cannot write', () => {
    const inner = mkdtempSync(join(folder, 'inner-'));
    expect(() => writeNpy(join(inner, 'absent', 'y.npy'), Float32Array.of(1), [1])).toThrowError(/ENOENT/);
    expect(readdirSync(inner)).toEqual([]);
  });
});
