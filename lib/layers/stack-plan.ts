import type { Engine, EnginePlan, Explanation, StackedPlans } from '../engine.js';
import { allocate } from '../tensor.js';
import { aborted } from './layer.js';

/** What a stack's plan decided: the layers' explanations, and their sums or maxima. */
export interface SequentialExplanation extends Explanation {
  readonly algorithm: 'sequential';
  /** One a layer, in order; nested stacks are flattened. */
  readonly layers: readonly Explanation[];
  /** Layers that are run into each other some rows at a time, so that the maps between them stay in the caches. */
  readonly tile: string;
  /** The recycled memory between the layers, in bytes. */
  readonly mapBytes: number;
}

/** The layers' explanations as one. */
function explainStack(
  layers: readonly Explanation[],
  joined: { readonly tile: string; readonly mapBytes: number },
): SequentialExplanation {
  const most = (pick: (layer: Explanation) => number): number => Math.max(...layers.map(pick));
  return {
    algorithm: 'sequential',
    isa: [...new Set(layers.map((layer) => layer.isa))].join(', '),
    threads: most((layer) => layer.threads),
    workspaceBytes: most((layer) => layer.workspaceBytes),
    packedBytes: layers.reduce((all, layer) => all + layer.packedBytes, 0),
    refused: [],
    layers,
    ...joined,
  };
}

/** A stack that the layers' engine runs as one. */
export class JoinedPlan implements EnginePlan {
  constructor(
    private readonly layers: readonly EnginePlan[],
    private readonly joined: EnginePlan,
  ) {}

  run(input: Float32Array, output: Float32Array, residual: Float32Array | null): void {
    this.joined.run(input, output, residual);
  }

  runAsync(
    input: Float32Array,
    output: Float32Array,
    residual: Float32Array | null,
    signal: AbortSignal | null,
  ): Promise<void> {
    return this.joined.runAsync(input, output, residual, signal);
  }

  explain(): SequentialExplanation {
    const { tile, workspaceBytes } = this.joined.explain();
    return explainStack(
      this.layers.map((layer) => layer.explain()),
      { tile, mapBytes: workspaceBytes },
    );
  }
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

/** The plans of a stack's layers, run one into the next: of engines that do not do that themselves, or of several. */
export class StackPlan implements EnginePlan {
  readonly counts: readonly number[];
  /** Elements of each of the two buffers. */
  readonly needed: readonly [number, number];

  constructor(
    private readonly stacked: StackedPlans,
    /** What turns the maps at the ends. */
    private readonly engine: Engine,
    private readonly pool: MapPool,
  ) {
    const { counts } = stacked;
    const most = (side: number): number => Math.max(0, ...counts.filter((_, index) => index % 2 === side));
    this.counts = counts;
    this.needed = [most(0), most(1)];
  }

  run(input: Float32Array, output: Float32Array, residual: Float32Array | null): void {
    const maps = this.pool.acquire(this);
    try {
      const ends = this.#enter(maps, input, output, residual);
      const { layers } = this.stacked;
      const last = layers.length - 1;
      let from = ends.input;
      for (let index = 0; index < last; index++) {
        const to = ends.maps[index];
        layers[index].run(from, to, null);
        from = to;
      }
      layers[last].run(from, ends.output, ends.residual);
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
      const { layers } = this.stacked;
      const last = layers.length - 1;
      let from = ends.input;
      for (let index = 0; index < last; index++) {
        const to = ends.maps[index];
        await layers[index].runAsync(from, to, null, signal);
        if (signal?.aborted) throw aborted(signal);
        from = to;
      }
      await layers[last].runAsync(from, ends.output, ends.residual, signal);
      this.#leave(ends, output);
    } finally {
      this.pool.release(maps);
    }
  }

  explain(): SequentialExplanation {
    return explainStack(
      this.stacked.layers.map((layer) => layer.explain()),
      { tile: '', mapBytes: 4 * (this.needed[0] + this.needed[1]) },
    );
  }

  /** Turns the input, and a residual, where the maps between lie in another layout. */
  #enter(maps: Maps, input: Float32Array, output: Float32Array, residual: Float32Array | null): Ends {
    const { border } = this.stacked;
    if (border === null) return { input, maps: maps.views, output, residual };
    const { input: planes, output: outPlanes } = border;
    const [turned, ...between] = maps.views;
    this.engine.transpose(input, turned, planes);
    if (residual !== null) {
      if (maps.residual.length < residual.length) maps.residual = allocate(residual.length, 'a turned residual');
      this.engine.transpose(residual, maps.residual, outPlanes);
    }
    const result = between[between.length - 1];
    const added = residual === null ? null : maps.residual.subarray(0, result.length);
    return { input: turned, maps: between, output: result, residual: added };
  }

  #leave({ output: unturned }: Ends, output: Float32Array): void {
    if (this.stacked.border === null) return;
    const { batch, rows, columns } = this.stacked.border.output;
    this.engine.transpose(unturned, output, { batch, rows: columns, columns: rows });
  }
}
