import type { Cost } from '../cost.js';
import { paramCount, stageCost } from '../cost.js';
import type { Engine, EngineConv, EnginePlan } from '../engine.js';
import { selectEngine } from '../engines.js';
import { expected } from '../errors.js';
import type { Axes, Layout, Rank } from '../options.js';
import { asOptions, axesOf, list } from '../spec/check.js';
import type { SizeRule } from '../spec/geometry.js';
import { outputShapeOf, resolveGeometry } from '../spec/geometry.js';
import { resolveStage } from '../spec/resolve.js';
import type { StageKind } from '../spec/weight.js';
import type { ConvGeometry, ConvSpec, Triple } from '../spec.js';
import { Layer } from './layer.js';

/** A layer as a stack sees it. */
export interface StackPart {
  readonly conv: EngineConv;
  /** Of the first stage. */
  readonly spec: ConvSpec;
  geometryOf(inputShape: readonly number[]): ConvGeometry;
}

/** A layer of one stage. What its options settled can be read on it. */
export abstract class ConvLayer<R extends Rank = Rank, L extends Layout<R> = Layout<R>> extends Layer<R, L> {
  readonly rank: R;
  /** Order of the dimensions of input, output and residual. */
  readonly layout: L;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  /** One an axis. */
  readonly kernelSize: Axes<R>;
  /** One an axis. */
  readonly stride: Axes<R>;
  /** One an axis. */
  readonly dilation: Axes<R>;
  readonly transposed: boolean;
  /** The engine that serves. */
  readonly engine: 'native' | 'reference';

  readonly #sizes: SizeRule;
  readonly #params: number;
  readonly #conv: EngineConv;

  protected constructor(kind: StageKind, rank: R, options: unknown) {
    super();
    const resolved = resolveStage({ kind, rank, options: asOptions(options, 'options'), path: '' }, new.target.name);
    const { spec } = resolved.stage;
    const axes = (value: Triple): Axes<R> => Object.freeze(axesOf(value, rank)) as unknown as Axes<R>;
    this.rank = rank;
    this.layout = resolved.layout as L;
    this.inChannels = spec.inChannels;
    this.outChannels = spec.outChannels;
    this.groups = spec.groups;
    this.kernelSize = axes(spec.kernel);
    this.stride = axes(spec.stride);
    this.dilation = axes(spec.dilation);
    this.transposed = spec.transposed;
    const engine = selectEngine(resolved.engine);
    checkAlgorithm(engine, spec.algorithm);
    this.engine = engine.name;
    this.#conv = engine.createConv(resolved.stage);
    this.#sizes = resolved.sizes;
    this.#params = paramCount(resolved.stage);
  }

  /** For stacks. @internal */
  get part(): StackPart {
    return { conv: this.#conv, spec: this.#sizes.spec, geometryOf: (shape) => resolveGeometry(this.#sizes, shape) };
  }

  protected override outputShapeOf(inputShape: readonly number[]): readonly number[] {
    return outputShapeOf(this.#sizes.spec, resolveGeometry(this.#sizes, inputShape));
  }

  protected override costOf(inputShape: readonly number[]): Cost {
    return stageCost(this.#sizes.spec, resolveGeometry(this.#sizes, inputShape), this.#params);
  }

  protected override makePlan(inputShape: readonly number[]): EnginePlan {
    return this.#conv.plan(resolveGeometry(this.#sizes, inputShape));
  }

  protected override free(): void {
    this.#conv.dispose();
  }
}

/** The engine's list is the only one there is; its names are the known ones. */
function checkAlgorithm(engine: Engine, name: string): void {
  if (name === 'auto' || engine.algorithms.includes(name)) return;
  throw expected('ERR_OPTION', `'auto' or one of ${list(engine.algorithms)}`, 'algorithm', name);
}
