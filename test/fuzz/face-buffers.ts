import { types } from 'node:util';
import { UNTOUCHED } from '../support/binding.js';
import { BUFFER_KINDS, type BufferKind } from './face-case.js';

/** ES2024's, which Node 20 has and the library's types do not. */
export type ResizableBuffer = ArrayBuffer & { resize(bytes: number): void; readonly resizable: boolean };

function resizable(bytes: number, shared: boolean): ResizableBuffer {
  const options = { maxByteLength: 2 * bytes + 64 };
  return Reflect.construct(shared ? SharedArrayBuffer : ArrayBuffer, [bytes, options]) as ResizableBuffer;
}

export function isBufferKind(name: string): name is BufferKind {
  return (BUFFER_KINDS as readonly string[]).includes(name);
}

/** Moves the memory of an array to a buffer that is dropped; nothing where it cannot be moved. */
export function detach(value: unknown): void {
  if (!ArrayBuffer.isView(value) || !(value.buffer instanceof ArrayBuffer)) return;
  structuredClone(null, { transfer: [value.buffer] });
}

/** Cuts the memory of an array short, where it may be. */
export function shrink(value: unknown): void {
  if (!ArrayBuffer.isView(value)) return;
  const buffer = value.buffer as ResizableBuffer;
  if (buffer instanceof ArrayBuffer && buffer.resizable) buffer.resize(12);
}

/** An argument of `length` floats, or of what the kind makes of that. `input` is the run's first argument. */
export function makeBuffer(kind: BufferKind, length: number, fill: number, input: unknown): unknown {
  const filled = (floats: Float32Array): Float32Array => floats.fill(fill);
  switch (kind) {
    case 'right':
      return filled(new Float32Array(length));
    case 'offset':
      return filled(new Float32Array(new ArrayBuffer(4 * length + 20), 12, length));
    case 'short':
      return filled(new Float32Array(Math.max(0, length - 1)));
    case 'long':
      return filled(new Float32Array(length + 1));
    case 'empty':
      return new Float32Array(0);
    case 'detached': {
      const floats = filled(new Float32Array(length));
      detach(floats);
      return floats;
    }
    case 'resizable':
      return filled(new Float32Array(resizable(4 * length, false), 0, length));
    case 'tracking':
      return filled(new Float32Array(resizable(4 * length, false)));
    case 'shrunk': {
      const floats = filled(new Float32Array(resizable(4 * length, false), 0, length));
      shrink(floats);
      return floats;
    }
    case 'shared':
      return filled(new Float32Array(new SharedArrayBuffer(4 * length)));
    case 'shared tracking':
      return filled(new Float32Array(resizable(4 * length, true)));
    case 'doubles':
      return new Float64Array(length);
    case 'integers':
      return new Int32Array(length);
    case 'proxied':
      return new Proxy(filled(new Float32Array(length)), {});
    case 'the input':
      return input ?? filled(new Float32Array(length));
    case 'overlapping': {
      if (!types.isFloat32Array(input) || input.byteLength === 0) return filled(new Float32Array(length));
      // The last value of the input and what lies behind it, where its buffer is long enough.
      const from = input.byteOffset + input.byteLength - 4;
      const room = Math.floor((input.buffer.byteLength - from) / 4);
      return new Float32Array(input.buffer, from, Math.max(0, Math.min(length, room)));
    }
  }
}

/** Fills an array that can be filled: by its byteLength, for the reason below. */
export function overwrite(value: unknown): void {
  if (types.isFloat32Array(value) && value.byteLength > 0) value.fill(Number.NaN);
}

/** Whether an output that a run refused is as it was. */
export function isUntouched(value: unknown): boolean {
  // V8 11.3 gives a detached array's old length once the code is optimised; its byteLength is right.
  if (!types.isFloat32Array(value) || value.byteLength === 0) return true;
  for (let at = 0; at < value.length; at++) if (value[at] !== UNTOUCHED) return false;
  return true;
}
