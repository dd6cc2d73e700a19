import type { Cost } from '../cost.js';
import { paramCount, stageCost, totalCost } from '../cost.js';
import type { EngineConv, EnginePlan } from '../engine.js';
import { selectEngine } from '../engines.js';
import { ConvolithError, show } from '../errors.js';
import type { Axes, Layout, SeparableConvOptions } from '../options.js';
import type { Bag } from '../spec/check.js';
import { asOptions, checkKeys } from '../spec/check.js';
import type { SizeRule } from '../spec/geometry.js';
import { outputShapeOf, resolveGeometry } from '../spec/geometry.js';
import { ENGINE_KEYS, resolveStage, SEPARABLE_POINTWISE_KEYS } from '../spec/resolve.js';
import type { StackPart } from './conv-layer.js';
import { checkAlgorithm, frozenAxes } from './conv-layer.js';
import { Layer } from './layer.js';

/**
 * Depthwise then pointwise as one layer (MobileNet's block): 1/Cout + 1/K² of a standard convolution's work. Each stage
 * has its own bias, batch norm and activation; `residual` is added before the last activation.
 * @example
 * const block = new DepthwiseSeparableConv2d({
 *   depthwise: { weight: tensor(new Float32Array(32 * 9), [32, 1, 3, 3]), padding: 1, activation: 'relu6' },
 *   pointwise: { weight: tensor(new Float32Array(64 * 32), [64, 32, 1, 1]), activation: 'relu6' },
 * });
 * console.log(block.outputShape([1, 32, 112, 112])); // → [ 1, 64, 112, 112 ]
 */
export class DepthwiseSeparableConv2d<const L extends Layout<2> = 'NCHW'> extends Layer<2, L> {
  readonly rank = 2;
  readonly layout: L;
  readonly inChannels: number;
  readonly outChannels: number;
  /** The depthwise stage's, `[height, width]`. */
  readonly kernelSize: Axes<2>;
  /** The depthwise stage's, `[height, width]`. */
  readonly stride: Axes<2>;
  /** The depthwise stage's, `[height, width]`. */
  readonly dilation: Axes<2>;
  readonly transposed = false;
  /** The engine that serves. */
  readonly engine: 'native' | 'reference';

  readonly #depthwise: SizeRule;
  readonly #pointwise: SizeRule;
  readonly #params: { readonly depthwise: number; readonly pointwise: number };
  readonly #conv: EngineConv;

  /** @throws ConvolithError where an option is wrong, and says which. */
  constructor(options: SeparableConvOptions<2, L>) {
    super();
    const owner = 'DepthwiseSeparableConv2d';
    const parts = shareOptions(asOptions(options, 'options'), owner);
    const depthwise = resolveStage({ kind: 'depthwise', rank: 2, options: parts.depthwise, path: 'depthwise.' }, owner);
    const { spec } = depthwise.stage;
    const named = { inChannels: spec.outChannels, ...parts.pointwise };
    const pointwise = resolveStage(
      { kind: 'pointwise', rank: 2, options: named, path: 'pointwise.' },
      owner,
      SEPARABLE_POINTWISE_KEYS,
    );
    this.layout = depthwise.layout as L;
    this.inChannels = spec.inChannels;
    this.outChannels = pointwise.stage.spec.outChannels;
    this.kernelSize = frozenAxes(spec.kernel, 2);
    this.stride = frozenAxes(spec.stride, 2);
    this.dilation = frozenAxes(spec.dilation, 2);
    const engine = selectEngine(depthwise.engine);
    checkAlgorithm(engine, spec.algorithm);
    this.engine = engine.name;
    this.#conv = engine.createSeparable(depthwise.stage, pointwise.stage);
    this.#depthwise = depthwise.sizes;
    this.#pointwise = pointwise.sizes;
    this.#params = { depthwise: paramCount(depthwise.stage), pointwise: paramCount(pointwise.stage) };
  }

  /** For stacks. @internal */
  get part(): StackPart {
    const sizes = this.#depthwise;
    return { conv: this.#conv, spec: sizes.spec, tune: false, geometryOf: (shape) => resolveGeometry(sizes, shape) };
  }

  protected override outputShapeOf(inputShape: readonly number[]): readonly number[] {
    const between = outputShapeOf(this.#depthwise.spec, resolveGeometry(this.#depthwise, inputShape));
    return outputShapeOf(this.#pointwise.spec, resolveGeometry(this.#pointwise, between));
  }

  protected override costOf(inputShape: readonly number[]): Cost {
    const geometry = resolveGeometry(this.#depthwise, inputShape);
    const between = resolveGeometry(this.#pointwise, outputShapeOf(this.#depthwise.spec, geometry));
    return totalCost([
      stageCost(this.#depthwise.spec, geometry, this.#params.depthwise),
      stageCost(this.#pointwise.spec, between, this.#params.pointwise),
    ]);
  }

  protected override makePlan(inputShape: readonly number[]): EnginePlan {
    return this.#conv.plan(resolveGeometry(this.#depthwise, inputShape));
  }

  protected override free(): void {
    this.#conv.dispose();
  }
}

/** Options that must be the same in both stages: they run in one pass. */
const COMMON: readonly string[] = ['layout', 'algorithm', 'math', 'engine'];

/** Gives each stage the options that stand beside the two, and both what one of them says for the pair. */
function shareOptions(options: Bag, owner: string): { readonly depthwise: Bag; readonly pointwise: Bag } {
  checkKeys(options, ['depthwise', 'pointwise', ...ENGINE_KEYS], owner);
  const depthwise: Record<string, unknown> = { ...asOptions(options.depthwise, 'depthwise') };
  const pointwise: Record<string, unknown> = { ...asOptions(options.pointwise, 'pointwise') };
  for (const key of ENGINE_KEYS) {
    const common = COMMON.includes(key);
    settle(key, options[key] ?? (common ? pointwise[key] : undefined), depthwise, 'depthwise');
    settle(key, options[key] ?? (common ? depthwise[key] : undefined), pointwise, 'pointwise');
  }
  return { depthwise, pointwise };
}

function settle(key: string, value: unknown, stage: Record<string, unknown>, name: string): void {
  if (value === undefined) return;
  if (stage[key] !== undefined && stage[key] !== value) {
    throw new ConvolithError(
      'ERR_OPTION',
      `Expected ${show(value)}, as beside it, for ${name}.${key} but received ${show(stage[key])}`,
    );
  }
  stage[key] = value;
}
