import { Random } from '../support/random.js';

const LENGTH = 1 << 20;
const POOLS = {
  whole: new Random(1).integers(LENGTH, 4),
  real: new Random(2).reals(LENGTH),
};

/** Random data, drawn once for the whole run: each array is a part of it, from a place that the seed names. */
export class Pool {
  readonly #values: Float32Array;
  #at: number;

  constructor(kind: keyof typeof POOLS, seed: number) {
    this.#values = POOLS[kind];
    this.#at = (seed * 977) % (LENGTH / 2);
  }

  /** A part of the pool, to be read only; neighbours are apart from each other. */
  take(count: number): Float32Array {
    if (count > LENGTH) throw new Error(`Expected at most ${LENGTH} values, not ${count}`);
    if (this.#at + count > LENGTH) this.#at = 0;
    const part = this.#values.subarray(this.#at, this.#at + count);
    this.#at += count;
    return part;
  }
}

/** A NaN that no arithmetic makes: what lies around a buffer, and in an output that was not written. */
const SENTINEL = 0x7fc0_5a5a;
const GUARD = 32;

/** One buffer between guards, used again for every run. */
export class Guarded {
  #bits = new Uint32Array(0);
  #from = 0;
  #count = 0;

  /** `count` unwritten values, not on a cache line's boundary but by chance. */
  take(count: number, seed: number): Float32Array {
    if (this.#bits.length < count + 3 * GUARD) this.#bits = new Uint32Array(2 * (count + 3 * GUARD)).fill(SENTINEL);
    this.#from = GUARD + (seed % GUARD);
    this.#count = count;
    this.#bits.fill(SENTINEL, 0, this.#from + count + GUARD);
    return new Float32Array(this.#bits.buffer, 4 * this.#from, count);
  }

  /** A copy of `values` between guards: a read beyond its ends brings a NaN in. */
  copy(values: Float32Array, seed: number): Float32Array {
    const view = this.take(values.length, seed);
    view.set(values);
    return view;
  }

  /** What is wrong with a run that should have written all of it, or none of it. */
  fault(written: boolean): string | null {
    const end = this.#from + this.#count;
    for (let at = this.#from - GUARD; at < end + GUARD; at++) {
      const inside = at >= this.#from && at < end;
      const untouched = this.#bits[at] === SENTINEL;
      if (!inside && !untouched) return `wrote outside of the output, at ${at - this.#from} of ${this.#count}`;
      if (inside && untouched && written) return `left output ${at - this.#from} of ${this.#count} unwritten`;
      if (inside && !untouched && !written) return `wrote output ${at - this.#from} of a refused call`;
    }
    return null;
  }
}
