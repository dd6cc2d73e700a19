/** A seeded generator of 32-bit integers (xorshift32, Marsaglia 2003), so that every failure can be run again. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761) >>> 0 || 1;
    for (let i = 0; i < 4; i++) this.next();
  }

  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return this.#state;
  }

  /** Uniform in [-1, 1). */
  real(): number {
    return this.next() / 2 ** 31 - 1;
  }

  /** Uniform among the integers from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + (this.next() % (high - low + 1));
  }

  reals(length: number): Float32Array {
    return Float32Array.from({ length }, () => this.real());
  }

  /**
   * Small integers. Sums of their products are integers below 2^24, exact in float32 in any order, so results must
   * be equal, not near: one wrong tap shows.
   */
  integers(length: number, bound = 4): Float32Array {
    return Float32Array.from({ length }, () => this.integer(-bound, bound));
  }

  /**
   * Multiples of 576 = 24². F(4×4, 3×3) transforms weights by fractions of 24 on both axes, so these stay integers
   * through it; with inputs of -1, 0 and 1 and up to 33 channels its transformed values are exact in float32 and its
   * results too, whatever the order. Plain integers are not: it needs them to a tolerance.
   */
  multiplesOf576(length: number): Float32Array {
    return Float32Array.from({ length }, () => 576 * this.integer(-1, 1));
  }
}

/** A seed from a name, so that a case has the same data wherever it stands in the table (FNV-1a). */
export function seedOf(name: string): number {
  let hash = 2166136261;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16777619);
  return hash >>> 0;
}
