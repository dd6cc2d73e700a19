import type { LayerDescriptor } from '../descriptor.js';
import { descriptorWeightShape } from '../descriptor.js';
import type { ActivationOption, Layer, PaddingMode } from '../index.js';
import { Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from '../index.js';
import type { EngineName, LayoutName, MathName } from './options.js';

/** What a command adds to a descriptor to make a layer of it. */
export interface LayerSettings {
  readonly weight: Float32Array;
  readonly bias?: Float32Array;
  readonly channelsLast: boolean;
  readonly engine?: EngineName;
  readonly algorithm?: string;
  readonly math?: MathName;
  readonly paddingMode?: PaddingMode;
  readonly activation?: ActivationOption;
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
  const { kind, rank, options } = descriptor;
  const { channelsLast, ...rest } = settings;
  const common = { ...options, ...rest };
  const { outputPadding, ...standard } = common;
  const transposed = { ...standard, outputPadding };
  if (kind === 'convTranspose') {
    if (rank === 1) return new ConvTranspose1d({ ...transposed, layout: channelsLast ? 'NWC' : 'NCW' });
    if (rank === 2) return new ConvTranspose2d({ ...transposed, layout: channelsLast ? 'NHWC' : 'NCHW' });
    return new ConvTranspose3d({ ...transposed, layout: channelsLast ? 'NDHWC' : 'NCDHW' });
  }
  if (rank === 1) return new Conv1d({ ...standard, layout: channelsLast ? 'NWC' : 'NCW' });
  if (rank === 2) return new Conv2d({ ...standard, layout: channelsLast ? 'NHWC' : 'NCHW' });
  return new Conv3d({ ...standard, layout: channelsLast ? 'NDHWC' : 'NCDHW' });
}
