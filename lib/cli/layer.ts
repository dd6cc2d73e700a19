import type { LayerDescriptor } from '../descriptor.js';
import { descriptorWeightShape } from '../descriptor.js';
import type {
  Activation,
  ConvOptions,
  ConvTransposeOptions,
  Layer,
  PaddingMode,
  Rank,
  WeightLayout,
} from '../index.js';
import {
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  DepthwiseSeparableConv2d,
} from '../index.js';
import type { EngineName, LayoutName, MathName } from './options.js';

/** What a command adds to a descriptor to make a layer of it. */
export interface LayerSettings {
  readonly weight: Float32Array;
  readonly weightLayout?: WeightLayout;
  readonly bias?: Float32Array;
  readonly channelsLast: boolean;
  readonly engine?: EngineName;
  readonly algorithm?: string;
  readonly math?: MathName;
  readonly paddingMode?: PaddingMode;
  readonly activation?: Activation;
}

export const isChannelsLast = (layout: LayoutName): boolean => layout === 'NHWC';

/** Elements of a descriptor's weight. */
export function weightCount(descriptor: LayerDescriptor): number {
  return product(descriptorWeightShape(descriptor));
}

export function product(shape: readonly number[]): number {
  return shape.reduce((total, size) => total * size, 1);
}

/** The layer of a descriptor; the caller disposes of it. */
export function createLayer(descriptor: LayerDescriptor, settings: LayerSettings): Layer {
  const { rank } = descriptor;
  const { channelsLast } = settings;
  if (descriptor.kind === 'convTranspose') {
    if (rank === 1)
      return new ConvTranspose1d({ ...transposed<1>(descriptor, settings), layout: channelsLast ? 'NWC' : 'NCW' });
    if (rank === 2)
      return new ConvTranspose2d({ ...transposed<2>(descriptor, settings), layout: channelsLast ? 'NHWC' : 'NCHW' });
    return new ConvTranspose3d({ ...transposed<3>(descriptor, settings), layout: channelsLast ? 'NDHWC' : 'NCDHW' });
  }
  if (rank === 1) return new Conv1d({ ...standard<1>(descriptor, settings), layout: channelsLast ? 'NWC' : 'NCW' });
  if (rank === 2) return new Conv2d({ ...standard<2>(descriptor, settings), layout: channelsLast ? 'NHWC' : 'NCHW' });
  return new Conv3d({ ...standard<3>(descriptor, settings), layout: channelsLast ? 'NDHWC' : 'NCDHW' });
}

// A descriptor's arrays have one entry an axis of its rank, which their type does not tell: hence the two assertions.

function standard<R extends Rank>({ options }: LayerDescriptor, settings: LayerSettings): ConvOptions<R> {
  const { outputPadding: _, ...sizes } = options;
  const { channelsLast: __, ...rest } = settings;
  return { ...sizes, ...rest } as unknown as ConvOptions<R>;
}

function transposed<R extends Rank>({ options }: LayerDescriptor, settings: LayerSettings): ConvTransposeOptions<R> {
  const { channelsLast: _, paddingMode: __, ...rest } = settings;
  return { ...options, ...rest } as unknown as ConvTransposeOptions<R>;
}

/** The pointwise stage behind a depthwise one. */
export interface PointwiseStage {
  readonly outChannels: number;
  readonly weight: Float32Array;
  readonly bias?: Float32Array;
}

/** A depthwise 2-D descriptor with a pointwise stage behind it, as one layer. The activation comes last. */
export function createSeparable(
  descriptor: LayerDescriptor,
  settings: LayerSettings,
  pointwise: PointwiseStage,
): Layer {
  const { groups: _, activation, engine, algorithm, math, ...depthwise } = standard<2>(descriptor, settings);
  return new DepthwiseSeparableConv2d({
    depthwise: { ...depthwise, multiplier: descriptor.options.outChannels / descriptor.options.groups },
    pointwise: { ...pointwise, activation },
    layout: settings.channelsLast ? 'NHWC' : 'NCHW',
    engine,
    algorithm,
    math,
  });
}
