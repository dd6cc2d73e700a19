import type { Cost } from '../cost.js';
import { totalCost } from '../cost.js';
import type { EngineConv, EnginePlan, EngineStack, Matrices } from '../engine.js';
import { selectEngine } from '../engines.js';
import { ConvolithError, expected, show } from '../errors.js';
import type { Layout, OneRank, Rank, RankedShape } from '../options.js';
import type { ReceptiveField, ReceptiveFieldLayer } from '../receptive-field.js';
import { receptiveField } from '../receptive-field.js';
import { isObject, product } from '../spec/check.js';
import type { StackPart } from './conv-layer.js';
import { ConvLayer } from './conv-layer.js';
import { Layer } from './layer.js';
import { DepthwiseSeparableConv2d } from './separable.js';
import type { SequentialExplanation } from './stack-plan.js';
import { JoinedPlan, MapPool, StackPlan } from './stack-plan.js';

/** A layer that is not itself a stack. */
type Leaf<R extends Rank, L extends Layout<R> = Layout<R>> = Layer<R, L> &
  ReceptiveFieldLayer & {
    readonly engine: 'native' | 'reference';
    /** What the stack makes its own plans of. */
    readonly part: StackPart;
  };

/**
 * Layers after one another, run without their intermediate maps ever being new memory: they lie in two recycled
 * buffers. Where such a map is larger than a cache, the native engine runs the layers around it some rows at a time, and
 * the map never exists as a whole; an asynchronous run is one job, however many layers there are. A stack with channels
 * first keeps them channels last, as the kernels want them, where its input and output are smaller than the maps between.
 * Nested stacks are flattened. The layers belong to the stack: `dispose()` disposes of them. `residual` is added in the
 * last layer, before its activation.
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
  /** Of layers that one engine runs into each other. */
  #stack: EngineStack | null = null;
  /** Channels-last copies of channels-first layers, by position. */
  readonly #variants = new Map<number, EngineConv>();

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
    const counts = shapes.map((shape) => product(shape, 'an intermediate map'));
    const turned = this.#paysChannelsLast(counts);
    const layers = this.#leaves.map((_, index) => this.#step(index, shapes[index], turned));
    const [first, last] = [shapes[0], shapes[shapes.length - 1]];
    const stacked = {
      layers,
      border: turned ? { input: planesOf(first), output: planesOf(last) } : null,
      counts: turned ? counts : counts.slice(1, -1),
    };
    const engine = selectEngine(this.#leaves[0].engine);
    if (engine.createStack === null || !this.#alike()) return new StackPlan(stacked, engine, this.#maps);
    this.#stack ??= engine.createStack();
    return new JoinedPlan(layers, this.#stack.plan(stacked));
  }

  protected override free(): void {
    this.#maps.clear();
    this.#stack?.dispose();
    for (const variant of this.#variants.values()) variant.dispose();
    this.#variants.clear();
    for (const leaf of this.#leaves) leaf.dispose();
  }

  /**
   * Whether channels-first maps are turned once at each end instead of by every layer. On one thread of an AMD Zen 4 that
   * takes a tenth to a fifth off the convolutions of MobileNet v2 and EfficientNet-B0.
   */
  #paysChannelsLast(counts: readonly number[]): boolean {
    if (this.#leaves[0].part.spec.channelsLast || !this.#alike()) return false;
    const ends = counts[0] + counts[counts.length - 1];
    return ends < counts.slice(1, -1).reduce((all, count) => all + count, 0);
  }

  /** Whether one engine serves all layers, by plans of its own. */
  #alike(): boolean {
    return this.#leaves.every(({ engine, part }) => engine === this.#leaves[0].engine && part.tune === false);
  }

  #step(index: number, shape: readonly number[], convert: boolean): EnginePlan {
    const leaf = this.#leaves[index];
    if (!convert) return leaf.preparePlan(shape);
    const { conv, spec, geometryOf } = leaf.part;
    const turned = this.#variants.get(index) ?? conv.variant(true, spec.algorithm);
    this.#variants.set(index, turned);
    return turned.plan(geometryOf(shape));
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

/** A channels-first map as matrices of channels × pixels. */
function planesOf([batch, channels, ...sizes]: readonly number[]): Matrices {
  return { batch, rows: channels, columns: product(sizes, 'a plane') };
}
