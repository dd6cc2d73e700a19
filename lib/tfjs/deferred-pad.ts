import { pad } from '../companions/index.js';
import type { Backend } from './backend.js';
import type { Deferred, Memory } from './deferred.js';
import type { TensorRecord } from './tensor-record.js';

/** Zeros before and behind the rows and the columns of an NHWC map. */
export type Margins = readonly [readonly [number, number], readonly [number, number]];

/** A map of zeros around another one: most often a convolution reads it, which pads by itself. */
export class DeferredPad implements Deferred {
  // Nothing joins it.
  readonly stage = 'activated';
  readonly channels = null;
  readonly depth = 0;
  readonly conv = null;
  readonly route = null;
  #isBypassed = false;

  constructor(
    private readonly backend: Backend,
    readonly source: TensorRecord,
    /** Of what lies within. */
    readonly inner: readonly number[],
    readonly margins: Margins,
    private readonly outShape: readonly number[],
  ) {
    source.holders++;
  }

  fused(): null {
    return null;
  }

  compute(): Memory {
    const values = this.source.array as Float32Array;
    const memory = this.backend.allocate(this.outShape);
    pad(this.backend.companions, values, this.inner, [[0, 0], ...this.margins, [0, 0]], 0, memory.array);
    return memory;
  }

  /** Its reader reads what lies within, and pads by itself. */
  bypass(): void {
    if (!this.#isBypassed) this.source.bypassed++;
    this.#isBypassed = true;
  }

  release(): void {
    if (this.#isBypassed) this.source.bypassed--;
    this.backend.letGo(this.source);
  }
}
