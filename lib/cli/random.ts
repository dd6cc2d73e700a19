/** Marsaglia's xorshift32 (Xorshift RNGs, 2003): small, seeded, good enough for test data. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = (Math.imul(seed, 0x9e3779b1) ^ 0x85ebca6b) | 0 || 1;
    for (let warm = 0; warm < 8; warm++) this.next();
  }

  /** A number in [0, 1). */
  next(): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) / 2 ** 32;
  }

  /** A whole number from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.integer(0, choices.length - 1)];
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** `count` values in [-`bound`, `bound`). */
  uniform(count: number, bound = 1): Float32Array {
    const values = new Float32Array(count);
    // A loop, because `Float32Array.from` takes a second for the weights of VGG-16.
    for (let index = 0; index < count; index++) values[index] = (this.next() * 2 - 1) * bound;
    return values;
  }

  /** `count` whole numbers from -`bound` to `bound`. */
  integers(count: number, bound: number): Float32Array {
    return Float32Array.from({ length: count }, () => this.integer(-bound, bound));
  }
}
