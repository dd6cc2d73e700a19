import { expectRank, type Sizes } from './check.js';
import { type CompanionKernels, MAX_RANK, type Movable } from './kernels.js';

/** Steps of the axes of a dense row-major array. */
export function denseStrides(shape: Sizes): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

// Innermost axis first, while a region is being joined.
const sizes = new Int32Array(MAX_RANK);
const sourceSteps = new Int32Array(MAX_RANK);
const outSteps = new Int32Array(MAX_RANK);

/** The block of `CompanionKernels.copy`, written region by region and used again by the next movement. */
class Regions {
  #block = new Int32Array(256);
  #end = 1;

  /** Starts a new list. */
  begin(): this {
    this.#block[0] = 0;
    this.#end = 1;
    return this;
  }

  /**
   * A region with an axis for each of `shape`, outermost first. Axes that step alike on both sides become one, and a
   * region without elements is left out.
   * @throws ConvolithError `ERR_UNSUPPORTED` where more than {@link MAX_RANK} axes remain.
   */
  add(source: number, from: number, to: number, shape: Sizes, fromStrides: Sizes, toStrides: Sizes): void {
    let rank = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = shape[axis];
      if (size <= 0) return;
      if (size === 1) continue;
      const inner = rank - 1;
      if (
        rank > 0 &&
        fromStrides[axis] === sourceSteps[inner] * sizes[inner] &&
        toStrides[axis] === outSteps[inner] * sizes[inner]
      ) {
        sizes[inner] *= size;
        continue;
      }
      expectRank(rank + 1, 'a strided copy');
      sizes[rank] = size;
      sourceSteps[rank] = fromStrides[axis];
      outSteps[rank++] = toStrides[axis];
    }
    this.#reserve(4 + 3 * rank);
    const block = this.#block;
    block[0]++;
    block[this.#end++] = source;
    block[this.#end++] = from;
    block[this.#end++] = to;
    block[this.#end++] = rank;
    for (let axis = rank - 1; axis >= 0; axis--) {
      block[this.#end++] = sizes[axis];
      block[this.#end++] = sourceSteps[axis];
      block[this.#end++] = outSteps[axis];
    }
  }

  /** Carries all of them out, where there is any. */
  run<T extends Movable>(kernels: CompanionKernels, sources: readonly T[], out: T): void {
    if (this.#block[0] > 0) kernels.copy(sources, out, this.#block);
  }

  #reserve(count: number): void {
    if (this.#end + count <= this.#block.length) return;
    const grown = new Int32Array(2 * this.#block.length);
    grown.set(this.#block);
    this.#block = grown;
  }
}

/** The one list of this thread: movements do not nest. */
export const regions = new Regions();
