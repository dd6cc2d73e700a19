import type { Cost } from '../cost.js';
import { paramCount, stageCost } from '../cost.js';
import type { Engine, EngineConv, EnginePlan } from '../engine.js';
import { selectEngine } from '../engines.js';
import { expected } from '../errors.js';
import type { Axes, Layout, Rank } from '../options.js';
import { asOptions, axesOf, list, product } from '../spec/check.js';
import type { SizeRule } from '../spec/geometry.js';
import { outputShapeOf, resolveGeometry } from '../spec/geometry.js';
import { resolveStage } from '../spec/resolve.js';
import type { StageKind } from '../spec/weight.js';
import type { ConvGeometry, ConvSpec, Triple } from '../spec.js';
import { Layer } from './layer.js';
import { tunedPlan } from './tuning.js';

/** The axes of a layer of `rank` out of the three that a spec has. */
export const frozenAxes = <R extends Rank>(value: Triple, rank: R): Axes<R> =>
  Object.freeze(axesOf(value, rank)) as unknown as Axes<R>;

/** A layer as a stack sees it. */
export interface StackPart {
  readonly conv: EngineConv;
  /** Of the first stage. */
  readonly spec: ConvSpec;
  /** False, or that candidates are timed, and where the choice is kept. */
  readonly tune: boolean | string;
  geometryOf(inputShape: readonly number[]): ConvGeometry;
}

/** A layer of one stage. What its options settled can be read on it. */
export abstract class ConvLayer<R extends Rank = Rank, L extends Layout<R> = Layout<R>> extends Layer<R, L> {
  readonly rank: R;
  /** Order of the dimensions of input, output and residual. */
  readonly layout: L;
  /** Channels of the input. */
  readonly inChannels: number;
  /** Channels of the output. */
  readonly outChannels: number;
  /** Groups of channels that do not mix; the number of input channels in a depthwise layer. */
  readonly groups: number;
  /** One an axis. */
  readonly kernelSize: Axes<R>;
  /** One an axis. */
  readonly stride: Axes<R>;
  /** One an axis. */
  readonly dilation: Axes<R>;
  /** Whether it is a transposed convolution. */
  readonly transposed: boolean;
  /** The engine that serves. */
  readonly engine: 'native' | 'reference';

  readonly #sizes: SizeRule;
  readonly #params: number;
  readonly #conv: EngineConv;
  readonly #tune: boolean | string;
  /** What plans of timed algorithms belong to. */
  readonly #tuned: EngineConv[] = [];

  protected constructor(kind: StageKind, rank: R, options: unknown) {
    super();
    const resolved = resolveStage({ kind, rank, options: asOptions(options, 'options'), path: '' }, new.target.name);
    const { spec } = resolved.stage;
    this.rank = rank;
    this.layout = resolved.layout as L;
    this.inChannels = spec.inChannels;
    this.outChannels = spec.outChannels;
    this.groups = spec.groups;
    this.kernelSize = frozenAxes(spec.kernel, rank);
    this.stride = frozenAxes(spec.stride, rank);
    this.dilation = frozenAxes(spec.dilation, rank);
    this.transposed = spec.transposed;
    const engine = selectEngine(resolved.engine);
    checkAlgorithm(engine, spec.algorithm);
    this.engine = engine.name;
    this.#conv = engine.createConv(resolved.stage);
    this.#sizes = resolved.sizes;
    this.#tune = resolved.tune;
    this.#params = paramCount(resolved.stage);
  }

  /** For stacks. @internal */
  get part(): StackPart {
    const [sizes, tune] = [this.#sizes, this.#tune];
    return { conv: this.#conv, spec: sizes.spec, tune, geometryOf: (shape) => resolveGeometry(sizes, shape) };
  }

  protected override outputShapeOf(inputShape: readonly number[]): readonly number[] {
    return outputShapeOf(this.#sizes.spec, resolveGeometry(this.#sizes, inputShape));
  }

  protected override costOf(inputShape: readonly number[]): Cost {
    return stageCost(this.#sizes.spec, resolveGeometry(this.#sizes, inputShape), this.#params);
  }

  protected override makePlan(inputShape: readonly number[]): EnginePlan {
    const geometry = resolveGeometry(this.#sizes, inputShape);
    const { spec } = this.#sizes;
    if (this.#tune === false || spec.algorithm !== 'auto') return this.#conv.plan(geometry);
    const counts = {
      input: product(inputShape, 'the input'),
      output: product(outputShapeOf(spec, geometry), 'the output'),
    };
    const layer = { engine: selectEngine(this.engine), conv: this.#conv, spec, geometry, counts };
    const { conv, plan } = tunedPlan(layer, typeof this.#tune === 'string' ? this.#tune : null);
    this.#tuned.push(conv);
    return plan;
  }

  protected override free(): void {
    for (const conv of this.#tuned) conv.dispose();
    this.#conv.dispose();
  }
}

/** The engine's list is the only one there is; its names are the known ones. */
export function checkAlgorithm(engine: Engine, name: string): void {
  if (name === 'auto' || engine.algorithms.includes(name)) return;
  throw expected('ERR_OPTION', `'auto' or one of ${list(engine.algorithms)}`, 'algorithm', name);
}
