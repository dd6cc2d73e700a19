import type { ConvGeometry, ConvSpec } from '../../spec.js';
import type { Call, Epilogue } from '../epilogue.js';
import type { PackedWeights } from '../packed-weights.js';

/** One stage as the algorithms take it. */
export interface Layer {
  readonly spec: ConvSpec;
  readonly weights: PackedWeights;
  readonly epilogue: Epilogue;
}

/** What an algorithm is given: one stage, or two where a pointwise one follows a depthwise one in the same pass. */
export interface Problem {
  readonly layer: Layer;
  readonly pointwise: Layer | null;
  /** Of the first stage. */
  readonly geometry: ConvGeometry;
}

/** A candidate of the plan's list. */
export interface Algorithm {
  readonly name: string;
  /** Why it cannot serve; null where it can. */
  refuse(problem: Problem): string | null;
  /** Why another serves better, though it can; null where it is the one to take. Not asked where it is forced. */
  yieldTo(problem: Problem): string | null;
  prepare(problem: Problem): Executor;
}

/**
 * A prepared algorithm: a run is `steps` steps in order, on one worker. Steps are cut at about STEP_MACS, so that a
 * slice of an asynchronous run ends on time.
 */
export interface Executor {
  readonly steps: number;
  readonly tile: string;
  readonly packedBytes: number;
  createWorker(): Worker;
}

/** The scratch of one run. A worker serves one run at a time; a plan keeps those that are free. */
export interface Worker {
  /** Of its scratch. */
  readonly bytes: number;
  step(index: number, call: Call): void;
}

/** About a millisecond of register-tiled work, measured at 2 to 2.5 GMAC/s. */
export const STEP_MACS = 2 ** 21;

/** What serves everything: nothing stands behind it to yield to. */
export function neverYields(): null {
  return null;
}
