import type { EngineActivation } from '../spec.js';
import { erfc } from './erf.js';

/** Where sums end, and what is added to them before the activation. */
export interface Target {
  readonly output: Float32Array;
  readonly residual: Float32Array | null;
}

/** The buffers of one run. */
export interface Call extends Target {
  readonly input: Float32Array;
}

type ActivationOp = EngineActivation['op'];
type Activate = (value: number, activation: EngineActivation, channel: number) => number;

/** Both return NaN where either argument is, so a NaN passes. */
function clip(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}

/**
 * The activations on a float64 sum, rounded to float32 once, by the store. `hardSwish` is x·relu6(x+3)/6 (Howard et
 * al. 2019, section 5.2) and `hardSigmoid` relu6(x+3)/6, both as in PyTorch; `gelu` is the exact x·Φ(x).
 */
const ACTIVATIONS: { readonly [op in ActivationOp]: Activate } = {
  clip: (value, { min, max }) => clip(value, min, max),
  leakyRelu: (value, { alpha }) => (value >= 0 ? value : value * alpha),
  prelu: (value, { slope }, channel) => (value >= 0 ? value : value * (slope as Float32Array)[channel]),
  elu: (value, { alpha }) => (value >= 0 ? value : alpha * Math.expm1(value)),
  sigmoid: (value) => 1 / (1 + Math.exp(-value)),
  tanh: (value) => Math.tanh(value),
  hardSwish: (value) => (value * clip(value + 3, 0, 6)) / 6,
  hardSigmoid: (value) => clip(value + 3, 0, 6) / 6,
  silu: (value) => value / (1 + Math.exp(-value)),
  gelu: (value) => 0.5 * value * erfc(-value * Math.SQRT1_2),
};

/** Bias, residual and activation, applied to sums on their only way to memory. */
export class Epilogue {
  readonly #bias: Float32Array;
  readonly #activation: EngineActivation;
  readonly #activate: Activate;
  /** `clip` is inlined in the stores: most layers of a network end in it. */
  readonly #clips: boolean;

  constructor(bias: Float32Array | null, activation: EngineActivation, outChannels: number) {
    this.#bias = bias ?? new Float32Array(outChannels);
    this.#activation = activation;
    this.#activate = ACTIVATIONS[activation.op];
    this.#clips = activation.op === 'clip';
  }

  /** One sum, to `output[at]`. */
  store(sum: number, channel: number, at: number, target: Target): void {
    const value = sum + this.#bias[channel] + (target.residual === null ? 0 : target.residual[at]);
    target.output[at] = this.#activate(value, this.#activation, channel);
  }

  /** `count` sums of one channel, to every `stride`-th entry from `first`. */
  storeRow(sums: Float64Array, count: number, first: number, stride: number, channel: number, target: Target): void {
    const { output, residual } = target;
    const bias = this.#bias[channel];
    if (!this.#clips || residual !== null) {
      for (let i = 0; i < count; i++) this.store(sums[i], channel, first + i * stride, target);
      return;
    }
    const { min, max } = this.#activation;
    for (let i = 0, at = first; i < count; i++, at += stride) {
      output[at] = clip(sums[i] + bias, min, max);
    }
  }

  /**
   * The top left `rows` × `place.columns` of a 4×4 tile of sums. Row i is the pixel whose entry of channel 0 lies at
   * `offsets[from + i]`, column j is channel `channel + j`.
   */
  storeTile(sums: Float64Array, rows: number, columns: number, place: TilePlace, target: Target): void {
    const { output, residual } = target;
    const { offsets, from, channel, channelStride } = place;
    const { min, max } = this.#activation;
    const inline = this.#clips && residual === null;
    for (let j = 0; j < columns; j++) {
      const shift = (channel + j) * channelStride;
      const bias = this.#bias[channel + j];
      for (let i = 0; i < rows; i++) {
        const at = offsets[from + i] + shift;
        if (inline) {
          output[at] = clip(sums[i * 4 + j] + bias, min, max);
        } else {
          this.store(sums[i * 4 + j], channel + j, at, target);
        }
      }
    }
  }
}

/** Where a tile goes. One mutable object a worker, so that no tile allocates. */
export interface TilePlace {
  offsets: Int32Array;
  from: number;
  channel: number;
  channelStride: number;
}
