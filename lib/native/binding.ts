import type { Border, Explanation } from '../engine.js';
import type { ConvGeometry, ConvSpec, WeightLayout } from '../spec.js';
import type { NativeCompanions } from './companions.js';

/** The addon's whole contract. Its face checks all of this again, so that a caller around the TypeScript checks cannot crash it. */
export interface NativeBinding {
  readonly Conv: NativeConvConstructor;
  readonly Operation: NativeOperationConstructor;
  readonly Stack: new () => NativeStack;
  readonly CancelToken: new () => NativeCancelToken;
  readonly companions: NativeCompanions;
  /** Version of the addon, equal to the package's. */
  readonly version: string;
  /** A short name of the processor. */
  cpu(): string;
  /** Instruction sets that this CPU runs and the addon has kernels for, best first. */
  isas(): string[];
  /** The one in use for layers made from now on. */
  getIsa(): string;
  /** Throws where the name is unknown or the CPU lacks it. */
  setIsa(name: string): void;
  /** Names of the algorithms for single convolutions, best first, the reference last. */
  algorithms(): string[];
  /** Threads that the affinity mask and the cgroup allow. */
  availableThreads(): number;
  getThreads(): number;
  setThreads(count: number): void;
  /** `to[b][j][i] = from[b][i][j]` for `batch` dense matrices of `rows` × `columns`. */
  transpose(from: Float32Array, to: Float32Array, batch: number, rows: number, columns: number): void;
  /** Peak of f32 fused multiply-adds on one core with the instruction set in use, GFLOP/s, measured now. */
  fmaPeak(): number;
  /** Bandwidth of one core reading and writing memory beyond its caches, GB/s, measured now. */
  memoryBandwidth(): number;
}

export interface NativeConvConstructor {
  /** One stage, or two where `pointwise` follows a depthwise one in the same pass. */
  new (stage: NativeStage, pointwise?: NativeStage): NativeConv;
}

/** One stage, as `ConvStage` of the engine interface. */
export interface NativeStage {
  readonly spec: ConvSpec;
  readonly weight: Float32Array;
  readonly bias: Float32Array | null;
}

export interface NativeConv {
  plan(geometry: ConvGeometry): NativePlan;
  /** A copy for maps of the layout and by the algorithm given. */
  variant(channelsLast: boolean, algorithm: string): NativeConv;
  dispose(): void;
}

export interface NativePlan {
  run(input: Float32Array, output: Float32Array, residual: Float32Array | null): void;
  /** `token`, where given, stops the run at the next tile boundary once its first entry is not 0. */
  runAsync(
    input: Float32Array,
    output: Float32Array,
    residual: Float32Array | null,
    token: NativeCancelToken | null,
  ): Promise<void>;
  explain(): Explanation;
}

/** As `EngineStack` of the engine interface. */
export interface NativeStack {
  /** The plans of layers, not of stacks; they keep their own lives. */
  plan(layers: readonly NativePlan[], border: Border | null): NativePlan;
  dispose(): void;
}

/** The operations of `Engine.createDynamicConv` and `Engine.createWeightGrad`, by name. */
export type NativeOperationKind = 'dynamicConv' | 'weightGrad';

export interface NativeOperationConstructor {
  new (kind: NativeOperationKind, spec: ConvSpec, geometry: ConvGeometry, layout: WeightLayout): NativeOperation;
}

export interface NativeOperation {
  run(first: Float32Array, second: Float32Array, output: Float32Array): void;
  explain(): Explanation;
  dispose(): void;
}

/** Made by `new binding.CancelToken()`; `cancel()` may be called from any turn of the event loop. */
export interface NativeCancelToken {
  cancel(): void;
}
