import type { LayerDescriptor } from '../descriptor.js';
import { descriptorInputShape, formatDescriptor } from '../descriptor.js';
import type { Layer } from '../index.js';
import { createLayer, isChannelsLast, product, weightCount } from './layer.js';
import type { EngineName, LayoutName } from './options.js';
import { Random } from './random.js';

/** What one core of this machine can do, measured in the same run; null where the native engine cannot load. */
export interface MachineLimits {
  /** f32 fused multiply-adds, GFLOP/s a core. */
  readonly peakGflops: number | null;
  /** GB/s a core. */
  readonly bandwidthGBs: number | null;
}

/** One layer's figures. Shares are of the limits times the threads. */
export interface Measurement {
  readonly name: string;
  /** Layers of the network with this descriptor. */
  readonly count: number;
  readonly descriptor: string;
  readonly engine: EngineName;
  readonly layout: LayoutName;
  readonly algorithm: string;
  readonly isa: string;
  readonly tile: string;
  readonly runs: number;
  readonly medianMs: number;
  readonly bestMs: number;
  /** Direct-convolution FLOPs over the median time. */
  readonly gflops: number;
  /** The peak as measured just before this layer. */
  readonly peakGflops: number | null;
  readonly peakShare: number | null;
  /** Bytes of input, output and weights, each counted once, over the median time. */
  readonly bandwidthShare: number | null;
}

export interface MeasureRequest {
  readonly name: string;
  readonly count: number;
  readonly descriptor: LayerDescriptor;
  readonly engine: EngineName;
  readonly layout: LayoutName;
  readonly threads: number;
  readonly limits: MachineLimits;
}

/** How long and how often an engine is timed: the TypeScript one takes seconds where the native one takes milliseconds. */
const EFFORT = {
  native: { warmUps: 3, minRuns: 7, maxRuns: 2000, milliseconds: 400 },
  reference: { warmUps: 1, minRuns: 2, maxRuns: 20, milliseconds: 200 },
} as const;

/** Times `forward` with `out` given, on random data. */
export function measure(request: MeasureRequest): Measurement {
  const { descriptor, engine, layout, limits, threads } = request;
  const channelsLast = isChannelsLast(layout);
  const random = new Random(1);
  const layer = createLayer(descriptor, {
    weight: random.uniform(weightCount(descriptor)),
    bias: random.uniform(descriptor.options.outChannels),
    channelsLast,
    engine,
  });
  try {
    const inputShape = descriptorInputShape(descriptor, channelsLast);
    const times = timeRuns(layer, random.uniform(product(inputShape)), inputShape, engine);
    const cost = layer.cost(inputShape);
    const { algorithm, isa, tile } = layer.explain(inputShape);
    const medianMs = median(times);
    const gflops = cost.flops / (medianMs * 1e6);
    const gigabytes = (cost.inputBytes + cost.outputBytes + cost.weightBytes) / (medianMs * 1e6);
    return {
      name: request.name,
      count: request.count,
      descriptor: formatDescriptor(descriptor),
      engine,
      layout,
      algorithm,
      isa,
      tile,
      runs: times.length,
      medianMs,
      bestMs: Math.min(...times),
      gflops,
      peakGflops: limits.peakGflops,
      peakShare: limits.peakGflops === null ? null : gflops / (limits.peakGflops * threads),
      bandwidthShare: limits.bandwidthGBs === null ? null : gigabytes / (limits.bandwidthGBs * threads),
    };
  } finally {
    layer.dispose();
  }
}

/** Milliseconds of each run. */
function timeRuns(layer: Layer, data: Float32Array, shape: number[], engine: EngineName): number[] {
  const input = { data, shape };
  const outShape = layer.outputShape(shape);
  const out = { data: new Float32Array(product(outShape)), shape: outShape };
  const { warmUps, minRuns, maxRuns, milliseconds } = EFFORT[engine];
  for (let run = 0; run < warmUps; run++) layer.forward(input, { out });
  const times: number[] = [];
  const end = performance.now() + milliseconds;
  while (times.length < minRuns || (times.length < maxRuns && performance.now() < end)) {
    const start = process.hrtime.bigint();
    layer.forward(input, { out });
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  return times;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
