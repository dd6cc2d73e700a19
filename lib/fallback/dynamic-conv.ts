import type { EngineOperation, Explanation } from '../engine.js';
import { reorder } from '../spec/weight.js';
import type { ConvGeometry, ConvSpec, WeightLayout } from '../spec.js';
import { Epilogue } from './epilogue.js';
import { volume } from './geometry.js';
import { PackedWeights } from './packed-weights.js';
import { makePlan, requestedAlgorithm } from './plan.js';
import type { ReferencePlan } from './run.js';

/** A convolution whose weights come with each run. Planning is cheap beside the run here, so each run plans anew. */
export class DynamicConv implements EngineOperation {
  readonly #request: string;

  constructor(
    readonly spec: ConvSpec,
    readonly geometry: ConvGeometry,
    readonly layout: WeightLayout,
  ) {
    this.#request = requestedAlgorithm(spec.algorithm);
  }

  run(input: Float32Array, weight: Float32Array, output: Float32Array): void {
    this.#plan(weight).run(input, output, null);
  }

  explain(): Explanation {
    const { inChannels, outChannels, groups, kernel } = this.spec;
    return this.#plan(new Float32Array((inChannels / groups) * outChannels * volume(kernel))).explain();
  }

  dispose(): void {}

  #plan(weight: Float32Array): ReferencePlan {
    const { spec, geometry } = this;
    const major = spec.transposed ? spec.inChannels : spec.outChannels;
    const canonical = this.layout === 'HWIO' ? reorder(weight, major, volume(spec.kernel)) : weight;
    const epilogue = new Epilogue(null, spec.activation, spec.outChannels);
    const layer = { spec, weights: new PackedWeights(spec, canonical), epilogue };
    return makePlan({ layer, pointwise: null, geometry }, this.#request);
  }
}
