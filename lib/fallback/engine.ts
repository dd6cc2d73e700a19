import type { ConvStage, Engine, EngineConv, EnginePlan } from '../engine.js';
import { ConvolithError } from '../errors.js';
import type { ConvGeometry } from '../spec.js';
import type { Layer } from './algorithms/algorithm.js';
import { DynamicConv } from './dynamic-conv.js';
import { Epilogue } from './epilogue.js';
import { PackedWeights } from './packed-weights.js';
import { ALGORITHM_NAMES, makePlan, requestedAlgorithm } from './plan.js';
import { WeightGrad } from './weight-grad.js';

function makeLayer({ spec, weight, bias }: ConvStage): Layer {
  const epilogue = new Epilogue(bias?.slice() ?? null, spec.activation, spec.outChannels);
  return { spec, weights: new PackedWeights(spec, weight), epilogue };
}

class ReferenceConv implements EngineConv {
  readonly #request: string;
  #layers: { readonly layer: Layer; readonly pointwise: Layer | null } | null;

  constructor(stage: ConvStage, second: ConvStage | null) {
    this.#request = requestedAlgorithm(stage.spec.algorithm, second?.spec.algorithm ?? 'auto');
    this.#layers = { layer: makeLayer(stage), pointwise: second === null ? null : makeLayer(second) };
  }

  plan(geometry: ConvGeometry): EnginePlan {
    if (this.#layers === null)
      throw new ConvolithError('ERR_DISPOSED', 'Expected a layer in use but it was disposed of');
    return makePlan({ ...this.#layers, geometry }, this.#request);
  }

  dispose(): void {
    this.#layers = null;
  }
}

/**
 * The engine in pure TypeScript: the same algorithms by the same names as the native one, on one thread. Sums are
 * float64 in registers and rounded to float32 once, by the store.
 */
export function createReferenceEngine(): Engine {
  return {
    name: 'reference',
    isa: 'js',
    algorithms: ALGORITHM_NAMES,
    createConv: (stage) => new ReferenceConv(stage, null),
    createSeparable: (depthwise, pointwise) => new ReferenceConv(depthwise, pointwise),
    createDynamicConv: (spec, geometry, layout) => new DynamicConv(spec, geometry, layout),
    createWeightGrad: (spec, geometry, layout) => new WeightGrad(spec, geometry, layout),
  };
}
