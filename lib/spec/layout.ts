import type { Layout, Rank } from '../options.js';

/** Layouts of each rank, channels first and then channels last; the first is the default. */
export const LAYOUTS: { readonly [R in Rank]: readonly [Layout<R>, Layout<R>] } = {
  1: ['NCW', 'NWC'],
  2: ['NCHW', 'NHWC'],
  3: ['NCDHW', 'NDHWC'],
};

/** Names of the spatial axes in messages, depth first; lower ranks use the last ones. */
export const AXIS_NAMES = ['depth', 'height', 'width'] as const;

/** Batch, channels and spatial sizes in a layout's order. */
export function shapeOf(batch: number, channels: number, spatial: readonly number[], channelsLast: boolean): number[] {
  return channelsLast ? [batch, ...spatial, channels] : [batch, channels, ...spatial];
}

/** The spatial sizes of a whole shape. */
export function spatialOf(shape: readonly number[], channelsLast: boolean): number[] {
  return channelsLast ? shape.slice(1, -1) : shape.slice(2);
}

export function channelsOf(shape: readonly number[], channelsLast: boolean): number {
  return shape[channelsLast ? shape.length - 1 : 1];
}
