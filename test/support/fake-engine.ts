import type { ConvStage, Engine, EngineConv, EnginePlan } from '../../lib/engine.js';
import { ConvolithError } from '../../lib/errors.js';
import type { ConvGeometry } from '../../lib/spec.js';

/** A reference engine that computes nothing: a run fills the output with its first input value plus one, and all is recorded. */
export class FakeEngine implements Engine {
  readonly name = 'reference';
  readonly isa = 'fake';
  readonly algorithms = ['fake', 'reference'];
  readonly stages: ConvStage[] = [];
  readonly geometries: ConvGeometry[] = [];
  runs = 0;
  disposed = 0;
  /** Asynchronous runs wait for this. */
  gate: Promise<void> = Promise.resolve();

  createConv(stage: ConvStage): EngineConv {
    this.stages.push(stage);
    return this.#conv();
  }

  createSeparable(depthwise: ConvStage, pointwise: ConvStage): EngineConv {
    this.stages.push(depthwise, pointwise);
    return this.#conv();
  }

  readonly createStack = null;
  transpose(from: Float32Array, to: Float32Array): void {
    to.set(from);
  }

  #conv(): EngineConv {
    return {
      plan: (geometry) => this.#plan(geometry),
      variant: () => this.#conv(),
      dispose: () => void this.disposed++,
    };
  }

  createDynamicConv(): never {
    throw new ConvolithError('ERR_UNSUPPORTED', 'the fake has no gradients');
  }

  createWeightGrad(): never {
    throw new ConvolithError('ERR_UNSUPPORTED', 'the fake has no gradients');
  }

  #plan(geometry: ConvGeometry): EnginePlan {
    this.geometries.push(geometry);
    const run = (input: Float32Array, output: Float32Array): void => {
      this.runs++;
      output.fill(input[0] + 1);
    };
    return {
      run,
      runAsync: async (input, output, _residual, signal) => {
        await this.gate;
        if (signal?.aborted) throw new ConvolithError('ERR_ABORTED', 'stopped');
        run(input, output);
      },
      explain: () => ({
        algorithm: 'fake',
        isa: 'fake',
        threads: 1,
        tile: '',
        workspaceBytes: 8,
        packedBytes: 4,
        refused: [],
      }),
    };
  }
}
