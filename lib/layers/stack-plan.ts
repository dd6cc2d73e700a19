import type { Engine, EnginePlan, Explanation, Matrices } from '../engine.js';
import { allocate } from '../tensor.js';
import { aborted } from './layer.js';

/** What a stack's plan decided: the layers' explanations, and their sums or maxima. */
export interface SequentialExplanation extends Explanation {
  readonly algorithm: 'sequential';
  /** One a layer, in order; nested stacks are flattened. */
  readonly layers: readonly Explanation[];
  /** The two recycled buffers between the layers, in bytes. */
  readonly mapBytes: number;
}

/** Where a channels-first stack keeps its maps channels last: how its input and output are turned. */
export interface Border {
  readonly engine: Engine;
  readonly input: Matrices;
  readonly output: Matrices;
}

/** Two buffers, and the parts of them that one plan's maps take in turn. */
interface Maps {
  readonly buffers: [Float32Array, Float32Array];
  /** A residual turned to channels last; empty until a run has one. */
  residual: Float32Array;
  plan: StackPlan | null;
  views: readonly Float32Array[];
}

/** Buffer pairs: one for each run under way, and this many kept. A synchronous run needs one; a second serves an asynchronous one beside it. */
const PAIRS_KEPT = 2;

/** Buffers between runs. */
export class MapPool {
  #free: Maps[] = [];

  acquire(plan: StackPlan): Maps {
    const none = new Float32Array(0);
    const maps = this.#free.pop() ?? { buffers: [none, none], residual: none, plan: null, views: [] };
    if (maps.plan === plan) return maps;
    for (const side of [0, 1] as const) {
      const needed = plan.needed[side];
      if (maps.buffers[side].length < needed) maps.buffers[side] = allocate(needed, 'an intermediate map');
    }
    maps.views = plan.counts.map((count, index) => maps.buffers[index % 2].subarray(0, count));
    maps.plan = plan;
    return maps;
  }

  release(maps: Maps): void {
    if (this.#free.length < PAIRS_KEPT) this.#free.push(maps);
  }

  clear(): void {
    this.#free = [];
  }
}

/** What one run's layers read and write. */
interface Ends {
  readonly input: Float32Array;
  readonly maps: readonly Float32Array[];
  readonly output: Float32Array;
  readonly residual: Float32Array | null;
}

/** The plans of a stack's layers, run one into the next. */
export class StackPlan implements EnginePlan {
  /** Elements of each of the two buffers. */
  readonly needed: readonly [number, number];

  constructor(
    private readonly plans: readonly EnginePlan[],
    /** Elements of each map between the layers; with a border, of the turned input before and the unturned output behind. */
    readonly counts: readonly number[],
    private readonly border: Border | null,
    private readonly pool: MapPool,
  ) {
    const most = (side: number): number => Math.max(0, ...counts.filter((_, index) => index % 2 === side));
    this.needed = [most(0), most(1)];
  }

  run(input: Float32Array, output: Float32Array, residual: Float32Array | null): void {
    const maps = this.pool.acquire(this);
    try {
      const ends = this.#enter(maps, input, output, residual);
      const last = this.plans.length - 1;
      let from = ends.input;
      for (let index = 0; index < last; index++) {
        const to = ends.maps[index];
        this.plans[index].run(from, to, null);
        from = to;
      }
      this.plans[last].run(from, ends.output, ends.residual);
      this.#leave(ends, output);
    } finally {
      this.pool.release(maps);
    }
  }

  async runAsync(
    input: Float32Array,
    output: Float32Array,
    residual: Float32Array | null,
    signal: AbortSignal | null,
  ): Promise<void> {
    const maps = this.pool.acquire(this);
    try {
      const ends = this.#enter(maps, input, output, residual);
      const last = this.plans.length - 1;
      let from = ends.input;
      for (let index = 0; index < last; index++) {
        const to = ends.maps[index];
        await this.plans[index].runAsync(from, to, null, signal);
        if (signal?.aborted) throw aborted(signal);
        from = to;
      }
      await this.plans[last].runAsync(from, ends.output, ends.residual, signal);
      this.#leave(ends, output);
    } finally {
      this.pool.release(maps);
    }
  }

  explain(): SequentialExplanation {
    const layers = this.plans.map((plan) => plan.explain());
    const most = (pick: (layer: Explanation) => number): number => Math.max(...layers.map(pick));
    return {
      algorithm: 'sequential',
      isa: [...new Set(layers.map((layer) => layer.isa))].join(', '),
      threads: most((layer) => layer.threads),
      tile: '',
      workspaceBytes: most((layer) => layer.workspaceBytes),
      packedBytes: layers.reduce((all, layer) => all + layer.packedBytes, 0),
      refused: [],
      layers,
      mapBytes: 4 * (this.needed[0] + this.needed[1]),
    };
  }

  /** Turns the input, and a residual, where the maps between lie in another layout. */
  #enter(maps: Maps, input: Float32Array, output: Float32Array, residual: Float32Array | null): Ends {
    if (this.border === null) return { input, maps: maps.views, output, residual };
    const { engine, input: planes, output: outPlanes } = this.border;
    const [turned, ...between] = maps.views;
    engine.transpose(input, turned, planes);
    if (residual !== null) {
      if (maps.residual.length < residual.length) maps.residual = allocate(residual.length, 'a turned residual');
      engine.transpose(residual, maps.residual, outPlanes);
    }
    const result = between[between.length - 1];
    const added = residual === null ? null : maps.residual.subarray(0, result.length);
    return { input: turned, maps: between, output: result, residual: added };
  }

  #leave({ output: unturned }: Ends, output: Float32Array): void {
    if (this.border === null) return;
    const { batch, rows, columns } = this.border.output;
    this.border.engine.transpose(unturned, output, { batch, rows: columns, columns: rows });
  }
}
