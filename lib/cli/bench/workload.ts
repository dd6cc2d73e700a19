import type { LayerDescriptor } from '../../descriptor.js';
import { descriptorWeightShape, parseDescriptor } from '../../descriptor.js';
import { product } from '../layer.js';
import { Random } from '../random.js';

/**
 * What is timed: chains of layers, each fed by random data and run to its end. A single layer is one chain of one. A
 * network is cut where a layer does not take the one before it (pooling, branches, concatenation), so that every
 * convolution runs at its own size and nothing else does.
 */
export interface Workload {
  readonly chains: readonly (readonly string[])[];
  /** After every layer. */
  readonly activation: 'linear' | 'relu';
}

/** A layer of a workload with its random weights, the same in every process. */
export interface WorkloadLayer {
  readonly descriptor: LayerDescriptor;
  /** In PyTorch's order: `[out, in / groups, …kernel]`, transposed `[in, out / groups, …kernel]`. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

export interface WorkloadChain {
  readonly layers: readonly WorkloadLayer[];
  /** Channels first. */
  readonly input: Float32Array;
  readonly inputShape: readonly number[];
}

/**
 * The layers and data of a workload. Weights are scaled by their fan-in (He et al., 2015), so that a long chain neither
 * overflows nor runs into denormal numbers, which would be timed with it.
 */
export function readWorkload(workload: Workload): WorkloadChain[] {
  let seed = 1;
  return workload.chains.map((chain) => {
    const layers = chain.map((text): WorkloadLayer => {
      const descriptor = parseDescriptor(text);
      const shape = descriptorWeightShape(descriptor);
      const { inChannels, groups, kernelSize, stride } = descriptor.options;
      const fanIn = (inChannels / groups) * product(kernelSize);
      const met = descriptor.kind === 'convTranspose' ? Math.max(1, fanIn / product(stride)) : fanIn;
      const weight = new Random(seed++).uniform(product(shape), Math.sqrt(6 / met));
      return { descriptor, weight, bias: new Random(seed++).uniform(descriptor.options.outChannels, 0.1) };
    });
    const { inputShape } = layers[0].descriptor;
    return { layers, inputShape, input: new Random(seed++).uniform(product(inputShape)) };
  });
}

/** Cuts a network into chains: each layer goes behind the latest chain whose output it takes, or begins a new one. */
export function chainsOf(layers: readonly StackLayer[]): string[][] {
  const chains: { readonly descriptors: string[]; output: string }[] = [];
  for (const { descriptor, inputShape, outputShape } of layers) {
    const before = chains.findLast(({ output }) => output === inputShape.join());
    if (before === undefined) chains.push({ descriptors: [descriptor], output: outputShape.join() });
    else {
      before.descriptors.push(descriptor);
      before.output = outputShape.join();
    }
  }
  return chains.map(({ descriptors }) => descriptors);
}

export interface StackLayer {
  readonly descriptor: string;
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
}

/** Values by which two contenders' outputs are compared. */
const SAMPLES = 64;

/** Evenly spread values of an output; `shape` is channels first, `data` in either layout. */
export function sampleOf(data: Float32Array, shape: readonly number[], channelsLast: boolean): number[] {
  const total = product(shape);
  const area = product(shape.slice(2));
  const channels = shape[1];
  const count = Math.min(SAMPLES, total);
  return Array.from({ length: count }, (_, index) => {
    const at = Math.floor(((index + 0.5) * total) / count);
    if (!channelsLast) return data[at];
    const batch = Math.floor(at / (channels * area));
    const channel = Math.floor(at / area) % channels;
    return data[(batch * area + (at % area)) * channels + channel];
  });
}

/** A channels-first tensor's values with channels last. */
export function toChannelsLast(data: Float32Array, shape: readonly number[]): Float32Array {
  const [batch, channels] = shape;
  const area = product(shape.slice(2));
  const last = new Float32Array(data.length);
  for (let item = 0; item < batch; item++) {
    for (let channel = 0; channel < channels; channel++) {
      const from = (item * channels + channel) * area;
      const to = item * channels * area + channel;
      for (let pixel = 0; pixel < area; pixel++) last[to + pixel * channels] = data[from + pixel];
    }
  }
  return last;
}
