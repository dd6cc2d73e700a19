import type { ConvGeometry, ConvSpec, WeightLayout } from './spec.js';

/** Why a candidate of the algorithm list does not serve a layer. */
export interface Refusal {
  readonly algorithm: string;
  readonly reason: string;
}

/** What a plan decided, as `explain()` shows it. */
export interface Explanation {
  /** The algorithm that serves, by the name that the `algorithm` option takes. */
  readonly algorithm: string;
  /** The instruction set its kernels were written for; `'js'` for the TypeScript engine. */
  readonly isa: string;
  /** Threads a run may use at the most. */
  readonly threads: number;
  /** The register tile or blocking, e.g. `14x2`. */
  readonly tile: string;
  /** Scratch memory of a run, in bytes a thread. */
  readonly workspaceBytes: number;
  /** Weights as packed for this plan, in bytes. */
  readonly packedBytes: number;
  /** The candidates before the chosen one, each with its reason. */
  readonly refused: readonly Refusal[];
}

/** A layer made ready for one input geometry. Buffers are checked by the caller: right kind, right length, no overlap. */
export interface EnginePlan {
  /** Fills `output`. `residual`, shaped as the output, is added before the activation. */
  run(input: Float32Array, output: Float32Array, residual: Float32Array | null): void;
  /** The same without blocking the event loop. Rejects with `ERR_ABORTED` when `signal` fires first. */
  runAsync(
    input: Float32Array,
    output: Float32Array,
    residual: Float32Array | null,
    signal: AbortSignal | null,
  ): Promise<void>;
  explain(): Explanation;
}

/** A layer inside an engine: its weights, and a plan for each geometry asked for. */
export interface EngineConv {
  plan(geometry: ConvGeometry): EnginePlan;
  /**
   * A copy for maps of the layout and by the algorithm given (`'auto'` or a name), whatever the spec's. The caller
   * disposes of it.
   */
  variant(channelsLast: boolean, algorithm: string): EngineConv;
  /** Frees weights and packed weights. Plans must not be run afterwards. */
  dispose(): void;
}

/** One stage of a layer: its spec and its weights in canonical order, batch norm folded in. */
export interface ConvStage {
  readonly spec: ConvSpec;
  /** `[outChannels, inChannels / groups, kD, kH, kW]`; transposed `[inChannels, outChannels / groups, kD, kH, kW]`. Copied. */
  readonly weight: Float32Array;
  /** `[outChannels]`, copied. */
  readonly bias: Float32Array | null;
}

/** Dense matrices after one another. */
export interface Matrices {
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
}

/** Where a channels-first stack keeps its maps channels last: its input and output as channels × pixels. */
export interface Border {
  readonly input: Matrices;
  readonly output: Matrices;
}

/** Layers run one into the next, for one input shape. */
export interface StackedPlans {
  readonly layers: readonly EnginePlan[];
  readonly border: Border | null;
  /** Elements of each map between the layers; with a border, of the turned input before and the unturned output behind. */
  readonly counts: readonly number[];
}

/** Several layers' plans as one plan: where the maps between them lie is the engine's affair. */
export interface EngineStack {
  /** `explain()` of it has the memory of the maps as `workspaceBytes`, and what it joined as `tile`. */
  plan(stacked: StackedPlans): EnginePlan;
  /** Frees the maps. Plans must not be run afterwards. */
  dispose(): void;
}

/**
 * An operation on two arrays at one geometry, made ready: what training needs, where weights change from call to call.
 * Buffers are checked by the caller, as those of `EnginePlan`. One run at a time.
 */
export interface EngineOperation {
  /** Fills `output`. Nothing is allocated but scratch on the first run. */
  run(first: Float32Array, second: Float32Array, output: Float32Array): void;
  explain(): Explanation;
  /** Frees its memory. It must not be run afterwards. */
  dispose(): void;
}

/** What both engines serve. Everything above this line is the same for them. */
export interface Engine {
  readonly name: 'native' | 'reference';
  /** The instruction set in use; `'js'` for the TypeScript engine. */
  readonly isa: string;
  /** Names of the algorithms, best first, the reference last. */
  readonly algorithms: readonly string[];
  createConv(stage: ConvStage): EngineConv;
  /** Depthwise then pointwise as one layer. `plan` takes the depthwise stage's geometry. */
  createSeparable(depthwise: ConvStage, pointwise: ConvStage): EngineConv;
  /** Null where the engine has no way of its own to run layers into each other: they run one after another then. */
  readonly createStack: (() => EngineStack) | null;
  /** `to[b][j][i] = from[b][i][j]` for `batch` dense matrices of `rows` × `columns`; the two lie apart. */
  transpose(from: Float32Array, to: Float32Array, matrices: Matrices): void;
  /**
   * A convolution whose weights come with each run: `run(input, weight, output)`. `weight` is in the order of `layout`,
   * its dimensions those of {@link ConvStage.weight}. No bias.
   */
  createDynamicConv(spec: ConvSpec, geometry: ConvGeometry, layout: WeightLayout): EngineOperation;
  /**
   * The gradient of a loss by the weights of a standard convolution, `run(input, gradOutput, gradWeight)`:
   * `gradWeight[o, c, k] = Σ_n Σ_p gradOutput[n, o, p] · input[n, c, p · stride − padBefore + k · dilation]`,
   * in the order of `layout`. Every padding mode; the activation is not looked at.
   */
  createWeightGrad(spec: ConvSpec, geometry: ConvGeometry, layout: WeightLayout): EngineOperation;
}
