import type { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import type * as tfc from '@tensorflow/tfjs-core';
import type { CompanionKernels, Movable } from '../companions/index.js';
import type { Engine } from '../engine.js';
import { type Block, BufferPool } from './buffer-pool.js';
import type { Deferred, Memory } from './deferred.js';
import type { KernelResult, TensorInfo } from './kernel.js';
import { OperationCache } from './operation-cache.js';
import { TensorRecord } from './tensor-record.js';
import type { Recorder } from './trace.js';

/** What of TensorFlow.js is needed: the namespace of `@tensorflow/tfjs-core` or of a package that exports all of it. */
export type TensorFlow = typeof tfc;

/** A kernel by name, ours or the CPU backend's: for kernels that are made of others. */
export type KernelCaller = (name: string, inputs: object, attrs: object, backend: Backend) => TensorInfo;

export interface BackendOptions {
  readonly tf: TensorFlow;
  readonly engine: Engine;
  readonly companions: CompanionKernels;
  readonly call: KernelCaller;
}

/** The kinds of array that stand for a dtype, and the dtypes that our kernels serve. */
export interface ArrayOf {
  readonly float32: Float32Array;
  readonly int32: Int32Array;
  readonly bool: Uint8Array;
}
export type OwnDtype = keyof ArrayOf;

/** A new tensor: what the kernel returns, and what it fills. */
export interface Output<D extends OwnDtype = 'float32'> {
  readonly info: TensorInfo;
  readonly array: ArrayOf[D];
}

const KINDS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

/** TensorFlow.js's CPU backend, so that its kernels run on our data, with recycled memory and our engine beside it. */
export type Backend = MathBackendCPU & BackendExtras;

interface BackendExtras {
  readonly tf: TensorFlow;
  readonly engine: Engine;
  readonly companions: CompanionKernels;
  readonly pool: BufferPool;
  readonly operations: OperationCache;
  /** Writes down what a graph model's run asks for, while one is traced. */
  recorder: Recorder | null;
  record(info: TensorInfo): TensorRecord;
  /** The values of a float32 tensor; `null` for another dtype. Not to be kept beyond the call. */
  floats(info: TensorInfo): Float32Array | null;
  /** The values of a tensor as the array of its dtype; `null` where they are something else. Not to be kept. */
  values(info: TensorInfo): Movable | null;
  /** An output whose values are arbitrary until the kernel fills them all. */
  output(shape: number[]): Output;
  output<D extends OwnDtype>(shape: number[], dtype: D): Output<D>;
  /** Memory for a float32 tensor of `shape`; its values are arbitrary. */
  allocate(shape: readonly number[]): Memory;
  /** Memory for `length` values within one call of a kernel, the same each time as long as it is enough. */
  scratch(length: number): Float32Array;
  /** A float32 tensor that is computed when it is first read. */
  defer(shape: number[], deferred: Deferred): TensorInfo;
  /** A float32 tensor's record, computed or not, its array of that kind; `null` for another dtype. */
  operand(info: TensorInfo): TensorRecord | null;
  /** One deferred result less will read `record`. */
  letGo(record: TensorRecord): void;
  /** A tensor over a part of another's memory. */
  viewOf(source: TensorInfo, shape: number[], array: Movable): TensorInfo;
  /** The same data under another shape. */
  reshaped(info: TensorInfo, shape: number[]): TensorInfo;
  /** Runs a kernel by name. */
  call(name: string, inputs: object, attrs?: object): TensorInfo;
}

/** The class under the name `convolith`, over the CPU backend's of the TensorFlow.js in use. */
export function makeBackendClass(Base: typeof MathBackendCPU, options: BackendOptions): new () => Backend {
  return class ConvolithBackend extends Base implements BackendExtras {
    readonly tf = options.tf;
    readonly engine = options.engine;
    readonly companions = options.companions;
    readonly pool = new BufferPool();
    readonly operations = new OperationCache();
    recorder: Recorder | null = null;
    #scratch = new Float32Array(0);

    override write(values: tfc.backend_util.BackendValues, _shape: number[], dtype: tfc.DataType): object {
      this.recorder?.spoil();
      const dataId = {};
      this.data.set(dataId, new TensorRecord(values, dtype, null));
      return dataId;
    }

    override move(
      dataId: object,
      values: tfc.backend_util.BackendValues,
      _shape: number[],
      dtype: tfc.DataType,
      refCount: number,
    ): void {
      this.recorder?.spoil();
      const record = new TensorRecord(values, dtype, null);
      record.refCount = refCount;
      this.data.set(dataId, record);
    }

    /**
     * Pooled memory never leaves: what is read is copied out of it, once, and lives on in the copy; nor does memory that
     * a deferred result is still to read, since the reader may write to it.
     */
    override readSync(dataId: object): tfc.backend_util.BackendValues {
      this.recorder?.read(dataId);
      const record = this.data.get(dataId) as TensorRecord;
      if (record.isOurs && record.complexTensorInfos === undefined) {
        const { array, block } = record;
        if (record.holders > 0) return (array as Movable).slice();
        if (block !== null) {
          record.values = (array as Movable).slice();
          this.pool.release(block);
        }
      }
      return super.readSync(dataId);
    }

    override incRef(dataId: object): void {
      this.recorder?.spoil();
      super.incRef(dataId);
    }

    override disposeData(dataId: object, force = false): boolean {
      if (!this.data.has(dataId)) return true;
      this.recorder?.dispose(dataId);
      const record = this.data.get(dataId) as TensorRecord;
      record.refCount--;
      if (!force && record.refCount > 0) return false;
      if (record.complexTensorInfos !== undefined) {
        this.disposeData(record.complexTensorInfos.real.dataId, true);
        this.disposeData(record.complexTensorInfos.imag.dataId, true);
      }
      this.data.delete(dataId);
      record.disposed = true;
      if (record.holders === 0) this.#free(record);
      return true;
    }

    #free(record: TensorRecord): void {
      record.abandon();
      record.derived?.dispose();
      if (record.block !== null && !record.escaped) this.pool.release(record.block);
    }

    letGo(record: TensorRecord): void {
      record.holders--;
      if (record.holders === 0 && record.disposed) this.#free(record);
    }

    override dispose(): void {
      this.pool.clear();
      this.#scratch = new Float32Array(0);
      this.operations.dispose();
      super.dispose();
    }

    record(info: TensorInfo): TensorRecord {
      return this.data.get(info.dataId) as TensorRecord;
    }

    operand(info: TensorInfo): TensorRecord | null {
      if (info.dtype !== 'float32') return null;
      const record = this.data.get(info.dataId) as TensorRecord;
      if (record.deferred !== null || record.array instanceof Float32Array) return record;
      // Cast to float32 relabels integers and leaves their array.
      if (!ArrayBuffer.isView(record.array)) return null;
      const converted = new TensorRecord(new Float32Array(record.array as ArrayLike<number>), 'float32', null);
      converted.owned = true;
      return converted;
    }

    floats(info: TensorInfo): Float32Array | null {
      return (this.operand(info)?.array ?? null) as Float32Array | null;
    }

    values(info: TensorInfo): Movable | null {
      const { dtype } = info;
      if (dtype === 'float32') return this.floats(info);
      if (dtype !== 'int32' && dtype !== 'bool') return null;
      const { array } = this.data.get(info.dataId) as TensorRecord;
      return array instanceof KINDS[dtype] ? array : null;
    }

    scratch(length: number): Float32Array {
      if (this.#scratch.length < length) this.#scratch = new Float32Array(length);
      return this.#scratch;
    }

    allocate(shape: readonly number[]): Memory {
      return this.#take(shape, 'float32') as Memory;
    }

    #take(shape: readonly number[], dtype: OwnDtype): { array: Movable; block: Block | null } {
      let length = 1;
      for (let axis = 0; axis < shape.length; axis++) length *= shape[axis];
      const Kind = KINDS[dtype];
      const block = this.pool.take(length * Kind.BYTES_PER_ELEMENT);
      if (block === null) return { array: new Kind(length), block };
      const { view } = block;
      if (view instanceof Kind && view.length === length) return { array: view, block };
      const array = new Kind(block.buffer, 0, length);
      block.view = array;
      return { array, block };
    }

    output(shape: number[]): Output;
    output<D extends OwnDtype>(shape: number[], dtype: D): Output<D>;
    output(shape: number[], dtype: OwnDtype = 'float32'): Output<OwnDtype> {
      const { array, block } = this.#take(shape, dtype);
      const record = new TensorRecord(array, dtype, block);
      record.owned = true;
      const dataId = {};
      this.data.set(dataId, record);
      return { info: { dataId, shape, dtype }, array };
    }

    defer(shape: number[], deferred: Deferred): TensorInfo {
      const dataId = {};
      this.data.set(dataId, TensorRecord.deferred(deferred));
      return { dataId, shape, dtype: 'float32' };
    }

    viewOf(source: TensorInfo, shape: number[], array: Movable): TensorInfo {
      const from = this.record(source);
      // Read first: it may be what computes the block.
      const whole = from.array;
      const { block, escaped, owned } = from;
      // The array may be a conversion and not the source's.
      const shares = ArrayBuffer.isView(whole) && whole.buffer === array.buffer;
      const record = new TensorRecord(array, source.dtype, shares ? block : null);
      if (record.block !== null) record.block.users++;
      record.escaped = escaped;
      record.owned = owned;
      const dataId = {};
      this.data.set(dataId, record);
      return { dataId, shape, dtype: source.dtype };
    }

    reshaped({ dataId, dtype }: TensorInfo, shape: number[]): TensorInfo {
      this.incRef(dataId);
      return { dataId, shape, dtype };
    }

    call(name: string, inputs: object, attrs: object = {}): TensorInfo {
      return options.call(name, inputs, attrs, this as unknown as Backend);
    }
  } as unknown as new () => Backend;
}

/** A kernel as TensorFlow.js calls it. */
export type KernelFunc = (call: { inputs: object; attrs: object; backend: Backend }) => KernelResult;

/**
 * Lets a kernel of the CPU backend read pooled memory and keeps that memory ours: it saw the arrays during its run
 * only, unless an output lies in the same buffer (a slice) or is made of tensors (a complex one).
 */
export function lend(kernel: tfc.KernelFunc): tfc.KernelFunc {
  return (call) => {
    const backend = call.backend as Backend;
    const lent: TensorRecord[] = [];
    for (const info of Object.values(call.inputs) as (TensorInfo | undefined)[]) {
      if (info?.dataId === undefined || !backend.data.has(info.dataId)) continue;
      const record = backend.record(info);
      // Computed before the kernel reads it, so that its block is known.
      if (record.deferred !== null) void record.array;
      if (record.block !== null && !record.escaped) lent.push(record);
    }
    const result = kernel(call);
    if (lent.length > 0) takeBack(backend, lent, Array.isArray(result) ? result : [result]);
    return result;
  };
}

function takeBack(backend: Backend, lent: readonly TensorRecord[], outputs: readonly TensorInfo[]): void {
  const results = outputs.map((info) => backend.record(info));
  if (results.some((record) => record.complexTensorInfos !== undefined)) return;
  for (const record of lent) {
    const buffer = record.block?.buffer;
    record.escaped = results.some(
      (result) => result !== record && ArrayBuffer.isView(result.array) && result.array.buffer === buffer,
    );
  }
}
