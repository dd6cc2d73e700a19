import type { Backend } from './backend.js';
import type { Block } from './buffer-pool.js';
import type { ConvSite, PackedLayer } from './conv-cache.js';
import { Epilogue, type Stage, type Step, stageAfter } from './epilogue.js';
import type { TensorInfo } from './kernel.js';
import type { StripPlan } from './strips.js';
import type { TensorRecord } from './tensor-record.js';

// A convolution is computed when its result is first read. TensorFlow.js calls one kernel after the other, and a network
// reads a convolution's map only to add a bias, normalise it, add a residual and apply an activation, each a pass over
// memory; when the last of them is read, those before it are disposed of, so all of it is one pass of the engine.

/** Memory with a result in it. */
export interface Memory {
  readonly array: Float32Array;
  readonly block: Block | null;
}

/** A result that is not computed yet. */
export interface Deferred {
  /** The convolution's epilogue so far, if all goes into it. */
  readonly stage: Stage;
  /** Output channels, where they are the last axis. */
  readonly channels: number | null;
  /** Steps since the convolution. */
  readonly depth: number;
  /** What it began with; `null` where that is no convolution. */
  readonly conv: DeferredConv | null;
  /** What it is done to, and what; `null` of the convolution itself. */
  readonly route: Route | null;
  compute(): Memory;
  /** Lets go of what it was to read. Called once. */
  release(): void;
  /** The convolution and its epilogue, with nothing computed in between; `null` where something has to be. */
  fused(): { readonly conv: DeferredConv; readonly epilogue: Epilogue } | null;
}

/** Bounds the recursion of a chain. */
const MAX_DEPTH = 8;

/** Convolutions of a chain that is computed in strips. */
const MAX_CHAIN = 6;

export class DeferredConv implements Deferred {
  readonly depth = 0;
  readonly conv = this;
  readonly route = null;
  readonly stage: Stage;
  readonly channels: number | null;

  constructor(
    private readonly backend: Backend,
    readonly site: ConvSite,
    private readonly input: TensorRecord,
    private readonly filter: TensorRecord,
    private readonly steps: readonly Step[],
  ) {
    const { channelsLast, outChannels } = site.setup.shape;
    this.channels = channelsLast ? outChannels : null;
    let stage: Stage = 'scaled';
    for (const step of steps) stage = stageAfter(stage, step) ?? stage;
    this.stage = stage;
    hold(input, filter, steps);
  }

  #epilogue(): Epilogue {
    const epilogue = new Epilogue();
    for (const step of this.steps) epilogue.take(step);
    return epilogue;
  }

  fused(): { readonly conv: DeferredConv; readonly epilogue: Epilogue } {
    return { conv: this, epilogue: this.#epilogue() };
  }

  compute(): Memory {
    return this.run(this.#epilogue(), true) as Memory;
  }

  /** The convolution with `epilogue` after it; `null` where that is not to be packed. */
  run(epilogue: Epilogue, isOwn = false): Memory | null {
    const layer = this.site.layer(this.backend, epilogue, isOwn);
    if (layer === null) return null;
    // First, since it may compute the input too.
    const residual = (epilogue.residual?.array ?? null) as Float32Array | null;
    const strips = this.#strips({ conv: this, layer, residual: epilogue.residual });
    if (strips !== null) return strips;
    const input = this.input.array as Float32Array;
    const memory = this.backend.allocate(this.site.setup.outShape);
    layer.plan(this.site.setup.geometry).run(input, memory.array, residual);
    return memory;
  }

  /** `last` together with convolutions before it that nobody else reads; `null` where it is to be computed alone. */
  #strips(last: ChainStage): Memory | null {
    const before = this.#before();
    if (before === null) return null;
    const sites = [before.site, this.site];
    for (let conv = before.#before(); conv !== null && sites.length < MAX_CHAIN; conv = conv.#before()) {
      sites.unshift(conv.site);
    }
    const strips = this.site.strips(sites);
    if (strips === null) return null;
    const chain = [last];
    while (chain.length < strips.stages) {
      const { input } = chain[0].conv;
      const found = input.deferred?.fused();
      const layer = found?.conv.site.layer(this.backend, found.epilogue, false);
      if (!found || !layer) return null;
      chain.unshift({ conv: found.conv, layer, residual: found.epilogue.residual });
    }
    for (const { conv } of chain.slice(1)) conv.input.passed = true;
    return runStrips(this.backend, strips, chain);
  }

  /** The convolution before this one, where the two may be computed in strips. */
  #before(): DeferredConv | null {
    const conv = this.site.isStripped ? this.input.deferred?.conv : null;
    if (!conv) return null;
    const { site } = conv;
    return site.isStripped && site.isWorthStrips && isPassed(this.input, site) ? conv : null;
  }

  /** What it reads, computed. */
  get inputArray(): Float32Array {
    return this.input.array as Float32Array;
  }

  release(): void {
    letGo(this.backend, this.input, this.filter, this.steps);
  }
}

/** A convolution of a chain, with what it reads beside the one before. */
interface ChainStage {
  readonly conv: DeferredConv;
  readonly layer: PackedLayer;
  readonly residual: TensorRecord | null;
}

function runStrips(backend: Backend, plan: StripPlan, chain: readonly ChainStage[]): Memory {
  const last = chain.length - 1;
  const residuals = chain.map(({ residual }) => residual && (residual.array as Float32Array));
  const input = chain[0].conv.inputArray;
  const scratch = backend.scratch(plan.scratch);
  const memory = backend.allocate(chain[last].conv.site.setup.outShape);
  const { inputs, outputs } = plan.views(scratch);
  let view = 0;
  for (const { moves, calls } of plan.strips) {
    for (const { begin, end, to } of moves) scratch.copyWithin(to, begin, end);
    for (const { stage, geometry, input: from, output: to, residual: added } of calls) {
      chain[stage].layer
        .plan(geometry)
        .run(
          stage === 0 ? input.subarray(from.begin, from.end) : inputs[view],
          stage === last ? memory.array.subarray(to.begin, to.end) : outputs[view],
          residuals[stage]?.subarray(added.begin, added.end) ?? null,
        );
      view++;
    }
  }
  return memory;
}

/** A step, and the tensor that it is done to. */
export interface Route {
  readonly source: TensorRecord;
  readonly step: Step;
}

/** An operation that may join the convolution before it, by one of its operands (a sum by either). */
class DeferredStep implements Deferred {
  readonly route: Route;
  readonly conv: DeferredConv | null;
  readonly channels: number | null;
  readonly depth: number;

  constructor(
    private readonly backend: Backend,
    before: Deferred,
    readonly stage: Stage,
    private readonly shape: number[],
    private readonly routes: readonly Route[],
    private readonly separately: (out: Float32Array) => void,
  ) {
    this.conv = before.conv;
    this.channels = before.channels;
    this.depth = before.depth + 1;
    [this.route] = routes;
    hold(this.route.source, null, [this.route.step]);
  }

  fused(): { readonly conv: DeferredConv; readonly epilogue: Epilogue } | null {
    for (const { source, step } of this.routes) {
      const { deferred } = source;
      if (!deferred?.conv || !isPassed(source, deferred.conv.site)) continue;
      const before = deferred.fused();
      if (!before?.epilogue.take(step)) continue;
      source.passed = true;
      return before;
    }
    return null;
  }

  compute(): Memory {
    const found = this.fused();
    const memory = found?.conv.run(found.epilogue);
    if (memory) return memory;
    const made = this.backend.allocate(this.shape);
    this.separately(made.array);
    return made;
  }

  release(): void {
    const { source, step } = this.route;
    letGo(this.backend, source, null, [step]);
  }
}

/**
 * Whether nobody but one deferred result will read a tensor. Of one that is not disposed of that is a guess, until it is
 * seen to be wrong at the same place of the network: layers leave what lies within them to the end of a prediction.
 */
function isPassed({ disposed, holders, bypassed }: TensorRecord, site: ConvSite): boolean {
  return holders - bypassed === 1 && (disposed || !site.isShared);
}

function hold(source: TensorRecord, filter: TensorRecord | null, steps: readonly Step[]): void {
  source.holders++;
  if (filter !== null) filter.holders++;
  for (const { operands } of steps) for (const operand of operands) operand.holders++;
}

function letGo(backend: Backend, source: TensorRecord, filter: TensorRecord | null, steps: readonly Step[]): void {
  backend.letGo(source);
  if (filter !== null) backend.letGo(filter);
  for (const { operands } of steps) for (const operand of operands) backend.letGo(operand);
}

/**
 * An elementwise result of `shape`: deferred where it may join a convolution along one of `routes`, whose operands are
 * the same in another order, else computed at once by `separately`.
 */
export function follow(
  backend: Backend,
  shape: number[],
  routes: readonly Route[],
  separately: (out: Float32Array) => void,
): TensorInfo {
  for (const { source, step } of routes) {
    const { deferred } = source;
    if (deferred === null || deferred.depth === MAX_DEPTH) continue;
    const stage = stageAfter(deferred.stage, step);
    if (stage === null) continue;
    return backend.defer(shape, new DeferredStep(backend, deferred, stage, shape, routes, separately));
  }
  const { info, array } = backend.output(shape);
  separately(array);
  return info;
}
