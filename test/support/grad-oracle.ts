import type { WeightLayout } from '../../lib/spec.js';
import { eachProduct } from './oracle.js';
import { type Built, inputLength, outputLength, volumeOf, weightLength } from './spec.js';

/** What a layer's gradients are taken of, and the gradient by its output. */
export interface GradCase {
  readonly built: Built;
  readonly input: Float32Array;
  /** In canonical order. */
  readonly weight: Float32Array;
  readonly gradOutput: Float32Array;
}

/** A sum, and what rounding errors of it are counted against. */
export interface GradResult {
  readonly values: Float64Array;
  readonly magnitude: Float64Array;
  /** The most products that one value sums. */
  readonly terms: number;
}

/**
 * Both gradients by the chain rule alone: a layer that sums `input[i] · weight[w]` into `output[o]` gives
 * `gradOutput[o] · weight[w]` to `input[i]` and `gradOutput[o] · input[i]` to `weight[w]`.
 */
export function gradOracle({ built, input, weight, gradOutput }: GradCase): { input: GradResult; weight: GradResult } {
  const [byInput, byWeight] = [accumulator(inputLength(built)), accumulator(weightLength(built.spec))];
  eachProduct(built, (from, to, by) => {
    byInput.add(from, gradOutput[to] * weight[by]);
    byWeight.add(by, gradOutput[to] * input[from]);
  });
  return { input: byInput.result(), weight: byWeight.result() };
}

function accumulator(length: number) {
  const values = new Float64Array(length);
  const magnitude = new Float64Array(length);
  const counts = new Uint32Array(length);
  return {
    add(at: number, product: number): void {
      values[at] += product;
      magnitude[at] += Math.abs(product);
      counts[at]++;
    },
    result: (): GradResult => ({ values, magnitude, terms: counts.reduce((most, count) => Math.max(most, count), 1) }),
  };
}

/** Random data of a layer, whole numbers or reals, drawn by `draw`. */
export function gradCase(built: Built, draw: (length: number) => Float32Array): GradCase {
  return {
    built,
    input: draw(inputLength(built)),
    weight: draw(weightLength(built.spec)),
    gradOutput: draw(outputLength(built)),
  };
}

/** A weight, or its gradient, from canonical order to that of `layout`. */
export function inLayout<T extends Float32Array | Float64Array>(weight: T, { spec }: Built, layout: WeightLayout): T {
  if (layout === 'OIHW') return weight;
  const major = spec.transposed ? spec.inChannels : spec.outChannels;
  const taps = volumeOf(spec.kernel);
  const minor = weight.length / major / taps;
  const to = weight.slice() as T;
  for (let i = 0; i < major; i++) {
    for (let j = 0; j < minor; j++) {
      for (let tap = 0; tap < taps; tap++) to[(tap * minor + j) * major + i] = weight[(i * minor + j) * taps + tap];
    }
  }
  return to;
}
