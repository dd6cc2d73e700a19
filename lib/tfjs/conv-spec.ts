import type { ConvSpec, EngineActivation } from '../spec.js';
import type { Window } from './conv-geometry.js';

/** No activation. */
export const LINEAR: EngineActivation = Object.freeze({
  op: 'clip',
  min: Number.NEGATIVE_INFINITY,
  max: Number.POSITIVE_INFINITY,
  alpha: 0,
  slope: null,
});

/** What tells one layer of TensorFlow.js from another. */
export interface LayerShape {
  readonly window: Window;
  readonly rank: 2 | 3;
  readonly channelsLast: boolean;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  readonly transposed: boolean;
}

/** The layer as the engine has it; TensorFlow.js pads with zeros only. */
export function specOf({ window, ...layer }: LayerShape, activation: EngineActivation = LINEAR): ConvSpec {
  const { kernel, stride, dilation } = window;
  return { ...layer, kernel, stride, dilation, paddingMode: 'zeros', activation, algorithm: 'auto', math: 'fast' };
}
