import type { EnginePlan, Explanation } from '../engine.js';
import { ConvolithError } from '../errors.js';
import type { Executor, Worker } from './algorithms/algorithm.js';
import type { Call } from './epilogue.js';
import { runSliced } from './slices.js';

/** A chosen algorithm, prepared. Workers (the scratch of one run) are kept for the next run. */
export class ReferencePlan implements EnginePlan {
  readonly #executor: Executor;
  readonly #explanation: Explanation;
  readonly #idle: Worker[] = [];

  constructor(executor: Executor, choice: Pick<Explanation, 'algorithm' | 'refused'>) {
    const worker = executor.createWorker();
    this.#executor = executor;
    this.#idle.push(worker);
    this.#explanation = Object.freeze({
      ...choice,
      isa: 'js',
      threads: 1,
      tile: executor.tile,
      workspaceBytes: worker.bytes,
      packedBytes: executor.packedBytes,
    });
  }

  run(input: Float32Array, output: Float32Array, residual: Float32Array | null): void {
    const worker = this.#idle.pop() ?? this.#executor.createWorker();
    const call: Call = { input, output, residual };
    const { steps } = this.#executor;
    for (let index = 0; index < steps; index++) worker.step(index, call);
    this.#idle.push(worker);
  }

  async runAsync(
    input: Float32Array,
    output: Float32Array,
    residual: Float32Array | null,
    signal: AbortSignal | null,
  ): Promise<void> {
    const call: Call = { input, output, residual };
    const lengths = [input.length, output.length, residual?.length];
    const { steps } = this.#executor;
    const worker = this.#idle.pop() ?? this.#executor.createWorker();
    let next = 0;
    try {
      await runSliced((until) => {
        if (signal?.aborted) {
          throw new ConvolithError('ERR_ABORTED', 'The run was aborted by its signal', { cause: signal.reason });
        }
        if (input.length !== lengths[0] || output.length !== lengths[1] || residual?.length !== lengths[2]) {
          throw new ConvolithError('ERR_BUFFER', 'Expected the buffers of a run to stay attached until it ends');
        }
        while (next < steps) {
          worker.step(next++, call);
          if (performance.now() >= until) break;
        }
        return next === steps;
      });
    } finally {
      this.#idle.push(worker);
    }
  }

  explain(): Explanation {
    return this.#explanation;
  }
}
