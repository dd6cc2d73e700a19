import type * as tfc from '@tensorflow/tfjs-core';
import type { Block } from './buffer-pool.js';
import type { Deferred } from './deferred.js';

/** What is derived from a tensor's values and must go with them: packed weights. */
export interface Derived {
  dispose(): void;
}

/**
 * The backend's entry for one piece of data, in the shape that the CPU backend's kernels read (`values`, `dtype`,
 * `refCount`, `complexTensorInfos`). Reading `values` hands the array out of our sight, so it marks the record, and
 * a marked array is never recycled; our own kernels read `array`. Where the data is not computed yet, either computes it.
 */
export class TensorRecord {
  refCount = 1;
  complexTensorInfos: { real: tfc.TensorInfo; imag: tfc.TensorInfo } | undefined;
  escaped = false;
  derived: Derived | null = null;
  /** Whether a kernel of ours made it: nobody else writes to its memory before it escapes. */
  owned = false;
  /** TensorFlow.js has no reference to it any more. */
  disposed = false;
  /** Deferred results that will read it: its memory outlasts its disposal until they have. */
  holders = 0;
  /** Of them, those whose own readers read this in their place. */
  bypassed = 0;
  /** What was to read it was computed without it. */
  passed = false;
  #array: tfc.backend_util.BackendValues | null;
  #deferred: Deferred | null = null;

  constructor(
    array: tfc.backend_util.BackendValues | null,
    public dtype: tfc.DataType,
    /** The pool's memory under `array`, where it is the pool's. */
    public block: Block | null,
  ) {
    this.#array = array;
  }

  /** A float32 tensor of ours that is computed when it is first read. */
  static deferred(deferred: Deferred): TensorRecord {
    const record = new TensorRecord(null, 'float32', null);
    record.owned = true;
    record.#deferred = deferred;
    return record;
  }

  get deferred(): Deferred | null {
    return this.#deferred;
  }

  /** Whether what it holds, or will, stays as it is until somebody else is given it. */
  get isOurs(): boolean {
    return this.owned && !this.escaped;
  }

  get array(): tfc.backend_util.BackendValues {
    const deferred = this.#deferred;
    if (deferred !== null) {
      if (this.passed && deferred.conv !== null) deferred.conv.site.isShared = true;
      const { array, block } = deferred.compute();
      this.#array = array;
      this.block = block;
      this.#deferred = null;
      deferred.release();
    }
    return this.#array as tfc.backend_util.BackendValues;
  }

  get values(): tfc.backend_util.BackendValues {
    const { array } = this;
    this.escaped = true;
    return array;
  }

  set values(values: tfc.backend_util.BackendValues) {
    this.#array = values;
    this.block = null;
  }

  /** Lets go of what a deferred result would have read. */
  abandon(): void {
    const deferred = this.#deferred;
    this.#deferred = null;
    deferred?.release();
  }
}

/** The values of a numeric record as float32, copied where they are of another kind. */
export function floatsOf({ array }: TensorRecord): Float32Array {
  return array instanceof Float32Array ? array : new Float32Array(array as ArrayLike<number>);
}
