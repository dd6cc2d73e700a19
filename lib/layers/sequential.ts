import type { Cost } from '../cost.js';
import { totalCost } from '../cost.js';
import type { EnginePlan, Explanation } from '../engine.js';
import { ConvolithError, expected, show } from '../errors.js';
import type { Layout, OneRank, Rank, RankedShape } from '../options.js';
import type { ReceptiveField, ReceptiveFieldLayer } from '../receptive-field.js';
import { receptiveField } from '../receptive-field.js';
import { isObject, product } from '../spec/check.js';
import { allocate } from '../tensor.js';
import { ConvLayer } from './conv-layer.js';
import { aborted, Layer } from './layer.js';
import { DepthwiseSeparableConv2d } from './separable.js';

/** What a stack's plan decided: the layers' explanations, and their sums or maxima. */
export interface SequentialExplanation extends Explanation {
  readonly algorithm: 'sequential';
  /** One a layer, in order; nested stacks are flattened. */
  readonly layers: readonly Explanation[];
  /** The two recycled buffers between the layers, in bytes. */
  readonly mapBytes: number;
}

/** A layer that is not itself a stack. */
type Leaf<R extends Rank, L extends Layout<R> = Layout<R>> = Layer<R, L> & ReceptiveFieldLayer;

/**
 * Layers after one another, run without their intermediate maps ever being new memory: they lie in two recycled
 * buffers. Nested stacks are flattened. The layers belong to the stack: `dispose()` disposes of them. `residual` is added
 * in the last layer, before its activation.
 * @example
 * const net = new Sequential([
 *   new Conv2d({ weight: tensor(new Float32Array(16 * 3 * 9), [16, 3, 3, 3]), stride: 2, padding: 1, activation: 'relu' }),
 *   new PointwiseConv2d({ weight: tensor(new Float32Array(8 * 16), [8, 16, 1, 1]) }),
 * ]);
 * const y = await net.forwardAsync(tensor(new Float32Array(3 * 64 * 64), [1, 3, 64, 64]));
 * console.log(y.shape, net.receptiveField().size); // → [ 1, 8, 32, 32 ] [ 3, 3 ]
 */
export class Sequential<R extends Rank = Rank, L extends Layout<R> = Layout<R>> extends Layer<R, L> {
  readonly rank: R;
  readonly layout: L;
  readonly inChannels: number;
  readonly outChannels: number;
  /** The layers in order, nested stacks flattened. */
  readonly layers: readonly Layer<R, L>[];

  readonly #leaves: readonly Leaf<R, L>[];
  readonly #maps = new MapPool();

  /** @throws ConvolithError `ERR_OPTION` where there are no layers, or one does not fit the one before it. */
  constructor(layers: readonly Layer<R, L>[] & OneRank<R>) {
    super();
    if (!Array.isArray(layers) || layers.length === 0)
      throw expected('ERR_OPTION', 'at least one layer', 'layers', layers);
    const leaves = layers.flatMap((layer, index) => leavesOf<R, L>(layer, `layers[${index}]`));
    for (let index = 1; index < leaves.length; index++) checkPair(leaves[index - 1], leaves[index], index);
    this.#leaves = leaves;
    this.layers = Object.freeze([...leaves]);
    this.rank = leaves[0].rank;
    this.layout = leaves[0].layout;
    this.inChannels = leaves[0].inChannels;
    this.outChannels = leaves[leaves.length - 1].outChannels;
  }

  /** Input positions that one output position sees, and those between two outputs, one entry an axis. */
  receptiveField(): ReceptiveField {
    return receptiveField(this.#leaves);
  }

  override explain<const S extends readonly number[]>(inputShape: RankedShape<S, R>): SequentialExplanation {
    return super.explain(inputShape) as SequentialExplanation;
  }

  /** @internal */
  override checkAlive(): void {
    super.checkAlive();
    for (const leaf of this.#leaves) leaf.checkAlive();
  }

  /** @internal */
  override retain(): void {
    super.retain();
    for (const leaf of this.#leaves) leaf.retain();
  }

  /** @internal */
  override release(): void {
    for (const leaf of this.#leaves) leaf.release();
    super.release();
  }

  protected override outputShapeOf(inputShape: readonly number[]): readonly number[] {
    return this.#shapes(inputShape)[this.#leaves.length];
  }

  protected override costOf(inputShape: readonly number[]): Cost {
    const shapes = this.#shapes(inputShape);
    return totalCost(this.#leaves.map((leaf, index) => leaf.cost(shapes[index])));
  }

  protected override makePlan(inputShape: readonly number[]): EnginePlan {
    const shapes = this.#shapes(inputShape);
    const plans = this.#leaves.map((leaf, index) => leaf.preparePlan(shapes[index]));
    const counts = shapes.slice(1, -1).map((shape) => product(shape, 'an intermediate map'));
    return new SequentialPlan(plans, counts, this.#maps);
  }

  protected override free(): void {
    this.#maps.clear();
    for (const leaf of this.#leaves) leaf.dispose();
  }

  /** The shape before each layer, and the last one's output. */
  #shapes(inputShape: readonly number[]): (readonly number[])[] {
    const shapes: (readonly number[])[] = [inputShape];
    for (const [index, leaf] of this.#leaves.entries()) {
      try {
        shapes.push(leaf.outputShape(shapes[index]));
      } catch (error) {
        if (!(error instanceof ConvolithError) || index === 0) throw error;
        throw new ConvolithError(error.code, `${error.message} (layers[${index}] of the stack)`, { cause: error });
      }
    }
    return shapes;
  }
}

function leavesOf<R extends Rank, L extends Layout<R>>(layer: unknown, name: string): readonly Leaf<R, L>[] {
  if (layer instanceof Sequential) return layer.layers as unknown as readonly Leaf<R, L>[];
  if (layer instanceof ConvLayer || layer instanceof DepthwiseSeparableConv2d) return [layer as unknown as Leaf<R, L>];
  const received =
    isObject(layer) && typeof layer.constructor === 'function' ? `an object of ${layer.constructor.name}` : layer;
  throw expected('ERR_OPTION', 'a layer', name, received);
}

function checkPair<R extends Rank>(before: Leaf<R>, after: Leaf<R>, index: number): void {
  const fits = (what: 'rank' | 'layout', wanted: unknown, came: unknown): void => {
    if (wanted !== came)
      throw expected('ERR_OPTION', `${show(wanted)}, as the layer before it has,`, `layers[${index}].${what}`, came);
  };
  fits('rank', before.rank, after.rank);
  fits('layout', before.layout, after.layout);
  if (before.outChannels !== after.inChannels) {
    throw expected(
      'ERR_OPTION',
      `${before.outChannels} (layers[${index - 1}].outChannels)`,
      `layers[${index}].inChannels`,
      after.inChannels,
    );
  }
}

/** Two buffers, and the parts of them that one plan's maps take in turn. */
interface Maps {
  readonly buffers: [Float32Array, Float32Array];
  plan: SequentialPlan | null;
  views: readonly Float32Array[];
}

/** Buffer pairs: one for each run under way, and this many kept. A synchronous run needs one; a second serves an asynchronous one beside it. */
const PAIRS_KEPT = 2;

class MapPool {
  #free: Maps[] = [];

  acquire(plan: SequentialPlan): Maps {
    const maps = this.#free.pop() ?? { buffers: [new Float32Array(0), new Float32Array(0)], plan: null, views: [] };
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

/** The plans of a stack's layers, run one into the next. */
class SequentialPlan implements EnginePlan {
  /** Elements of each of the two buffers. */
  readonly needed: readonly [number, number];

  constructor(
    private readonly plans: readonly EnginePlan[],
    /** Elements of each intermediate map. */
    readonly counts: readonly number[],
    private readonly maps: MapPool,
  ) {
    const most = (side: number): number => Math.max(0, ...counts.filter((_, index) => index % 2 === side));
    this.needed = [most(0), most(1)];
  }

  run(input: Float32Array, output: Float32Array, residual: Float32Array | null): void {
    const maps = this.maps.acquire(this);
    try {
      const last = this.plans.length - 1;
      let from = input;
      for (let index = 0; index < last; index++) {
        const to = maps.views[index];
        this.plans[index].run(from, to, null);
        from = to;
      }
      this.plans[last].run(from, output, residual);
    } finally {
      this.maps.release(maps);
    }
  }

  async runAsync(
    input: Float32Array,
    output: Float32Array,
    residual: Float32Array | null,
    signal: AbortSignal | null,
  ): Promise<void> {
    const maps = this.maps.acquire(this);
    try {
      const last = this.plans.length - 1;
      let from = input;
      for (let index = 0; index < last; index++) {
        const to = maps.views[index];
        await this.plans[index].runAsync(from, to, null, signal);
        if (signal?.aborted) throw aborted(signal);
        from = to;
      }
      await this.plans[last].runAsync(from, output, residual, signal);
    } finally {
      this.maps.release(maps);
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
}
