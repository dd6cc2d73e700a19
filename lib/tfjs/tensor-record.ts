import type * as tfc from '@tensorflow/tfjs-core';
import type { Block } from './buffer-pool.js';

/** What is derived from a tensor's values and must go with them: packed weights. */
export interface Derived {
  dispose(): void;
}

/**
 * The backend's entry for one piece of data, in the shape that the CPU backend's kernels read (`values`, `dtype`,
 * `refCount`, `complexTensorInfos`). Reading `values` hands the array out of our sight, so it marks the record, and
 * a marked array is never recycled; our own kernels read `array`.
 */
export class TensorRecord {
  refCount = 1;
  complexTensorInfos: { real: tfc.TensorInfo; imag: tfc.TensorInfo } | undefined;
  escaped = false;
  derived: Derived[] | null = null;

  constructor(
    public array: tfc.backend_util.BackendValues,
    public dtype: tfc.DataType,
    /** The pool's memory under `array`, where it is the pool's. */
    public block: Block | null,
  ) {}

  get values(): tfc.backend_util.BackendValues {
    this.escaped = true;
    return this.array;
  }

  set values(values: tfc.backend_util.BackendValues) {
    this.array = values;
    this.block = null;
  }
}
