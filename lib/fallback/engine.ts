import type { ConvStage, Engine, EngineConv, EnginePlan, Matrices } from '../engine.js';
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

/** One stage, or a pointwise one behind it in the same pass. */
interface Stages {
  readonly layer: Layer;
  readonly pointwise: Layer | null;
}

class ReferenceConv implements EngineConv {
  readonly #request: string;
  #stages: Stages | null;

  constructor(stages: Stages) {
    this.#request = requestedAlgorithm(stages.layer.spec.algorithm, stages.pointwise?.spec.algorithm ?? 'auto');
    this.#stages = stages;
  }

  plan(geometry: ConvGeometry): EnginePlan {
    return makePlan({ ...this.#live(), geometry }, this.#request);
  }

  /** Weights are shared: their packing does not depend on the layout. */
  variant(channelsLast: boolean, algorithm: string): EngineConv {
    const { layer, pointwise } = this.#live();
    const inLayout = (stage: Layer): Layer => ({ ...stage, spec: { ...stage.spec, channelsLast, algorithm } });
    return new ReferenceConv({ layer: inLayout(layer), pointwise: pointwise === null ? null : inLayout(pointwise) });
  }

  #live(): Stages {
    if (this.#stages === null)
      throw new ConvolithError('ERR_DISPOSED', 'Expected a layer in use but it was disposed of');
    return this.#stages;
  }

  dispose(): void {
    this.#stages = null;
  }
}

/** Squares of this side keep the lines that they read and write in cache. */
const SQUARE = 16;

function transpose(from: Float32Array, to: Float32Array, { batch, rows, columns }: Matrices): void {
  for (let matrix = 0, at = 0; matrix < batch; matrix++, at += rows * columns) {
    for (let row = 0; row < rows; row += SQUARE) {
      const rowEnd = Math.min(rows, row + SQUARE);
      for (let column = 0; column < columns; column += SQUARE) {
        const columnEnd = Math.min(columns, column + SQUARE);
        for (let i = row; i < rowEnd; i++)
          for (let j = column; j < columnEnd; j++) to[at + j * rows + i] = from[at + i * columns + j];
      }
    }
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
    createConv: (stage) => new ReferenceConv({ layer: makeLayer(stage), pointwise: null }),
    createSeparable: (depthwise, pointwise) =>
      new ReferenceConv({ layer: makeLayer(depthwise), pointwise: makeLayer(pointwise) }),
    createStack: null,
    transpose,
    createDynamicConv: (spec, geometry, layout) => new DynamicConv(spec, geometry, layout),
    createWeightGrad: (spec, geometry, layout) => new WeightGrad(spec, geometry, layout),
  };
}
