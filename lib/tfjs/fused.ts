import type { Backend } from './backend.js';
import type { TensorInfo } from './kernel.js';

/** What TensorFlow.js may fuse into a kernel, beside its own inputs and attributes. */
export interface FusedInputs {
  readonly bias?: TensorInfo;
  readonly preluActivationWeights?: TensorInfo;
}

export interface FusedAttrs {
  readonly activation?: string;
  readonly leakyreluAlpha?: number;
}

/** The kernels that stand for a fused activation where it is not fused. */
const ACTIVATION_KERNELS: Readonly<Record<string, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  leakyrelu: 'LeakyRelu',
  sigmoid: 'Sigmoid',
  prelu: 'Prelu',
};

export function isKnownActivation(name: string | undefined): boolean {
  return name === undefined || name === null || name === 'linear' || Object.hasOwn(ACTIVATION_KERNELS, name);
}

/** A one-dimensional operand of a channels-first map goes along its channels. */
function aligned(info: TensorInfo, channelsFirst: boolean): TensorInfo {
  const along = channelsFirst && info.shape.length === 1 && info.shape[0] !== 1;
  return along ? { ...info, shape: [info.shape[0], 1, 1] } : info;
}

/**
 * The operand where it is one value or one a channel; `null` where there is none, `undefined` where it is something else
 * and has to be broadcast by a kernel of its own.
 */
export function perChannel(
  info: TensorInfo | undefined | null,
  channels: number,
  channelsFirst: boolean,
): TensorInfo | null | undefined {
  if (info === undefined || info === null) return null;
  if (info.dtype !== 'float32') return undefined;
  let size = 1;
  for (const extent of info.shape) size *= extent;
  if (size === 1) return info;
  const { shape } = aligned(info, channelsFirst);
  return size === channels && shape.at(channelsFirst ? -3 : -1) === channels ? info : undefined;
}

/** Bias and activation as kernels of their own after `result`, which is used up. */
export function applySeparately(
  backend: Backend,
  result: TensorInfo,
  { bias, preluActivationWeights: alpha }: FusedInputs,
  { activation, leakyreluAlpha }: FusedAttrs,
  channelsFirst: boolean,
): TensorInfo {
  let current = result;
  const then = (name: string, operands: object, attrs?: object): void => {
    const before = current;
    current = backend.call(name, operands, attrs);
    backend.disposeData(before.dataId);
  };
  if (bias) then('Add', { a: current, b: aligned(bias, channelsFirst) });
  if (activation === 'prelu' && alpha) then('Prelu', { x: current, alpha: aligned(alpha, channelsFirst) });
  else if (activation && activation !== 'linear') {
    then(ACTIVATION_KERNELS[activation], { x: current }, { alpha: leakyreluAlpha });
  }
  return current;
}
