import type { Explanation } from '../../engine.js';
import type { LayoutName } from '../options.js';
import type { Spread } from './statistics.js';

/** What is measured against what. */
export type ContenderName = 'native' | 'reference' | 'onednn' | 'onnxruntime' | 'tfjs-wasm';

/** What one core of this machine can do, measured in the same run; null where the native engine cannot load. */
export interface MachineLimits {
  /** f32 fused multiply-adds, GFLOP/s a core. */
  readonly peakGflops: number | null;
  /** GB/s a core: bytes read plus bytes written by a copy beyond its caches. */
  readonly bandwidthGBs: number | null;
}

/** One contender's figures on one subject. Shares are of the limits times the threads. */
export interface ContenderResult {
  readonly contender: ContenderName;
  /** Null for peers, which have a layout of their own. */
  readonly layout: LayoutName | null;
  readonly version: string;
  /** Of a run: the trials' medians. */
  readonly milliseconds: Spread;
  readonly bestMs: number;
  /** From making the layer to the end of its first run, the median of the trials. */
  readonly firstMs: number;
  /** Direct-convolution FLOPs over the median time. */
  readonly gflops: number;
  readonly peakShare: number | null;
  /** Bytes of input, output and weights, each counted once, over the median time. */
  readonly bandwidthShare: number | null;
  /** One a layer; empty for peers. */
  readonly plans: readonly Explanation[];
  /** Whether its outputs agree with the first contender's; a comparison of unequal work is none. */
  readonly agrees: boolean;
}

/** A contender that cannot do a subject. */
export interface ContenderRefusal {
  readonly contender: ContenderName;
  readonly layout: LayoutName | null;
  readonly refused: string;
}

/** A layer, or the convolutions of a network. */
export interface SubjectResult {
  readonly name: string;
  /** Layers of the network with this descriptor. */
  readonly count: number;
  /** One line a layer. */
  readonly chains: readonly (readonly string[])[];
  readonly macs: number;
  /** Of input, output and weights, each counted once. */
  readonly bytes: number;
  /** The peak as measured around this subject's trials, GFLOP/s a core. */
  readonly peakGflops: number | null;
  /** min(1, FLOPs / bytes · bandwidth / peak): what the roofline leaves a direct convolution from memory. */
  readonly attainableShare: number | null;
  readonly results: readonly ContenderResult[];
  readonly refusals: readonly ContenderRefusal[];
  /** The layout in which the native engine (or the TypeScript one, alone) is faster. */
  readonly better: LayoutName;
  /** A peer's time over that of our better layout, trial by trial. */
  readonly ratios: { readonly [peer: string]: Spread };
}

/** Everything that a run of `convolith bench` found. */
export interface BenchReport {
  readonly version: string;
  readonly date: string;
  readonly cpu: string;
  readonly node: string;
  readonly isa: string;
  readonly threads: number;
  readonly trials: number;
  readonly command: string;
  readonly limits: MachineLimits;
  readonly layers: readonly SubjectResult[];
  readonly stacks: readonly SubjectResult[];
}

export const PEERS = ['onednn', 'onnxruntime', 'tfjs-wasm'] as const satisfies readonly ContenderName[];
