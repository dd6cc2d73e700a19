import type { ConvSpec } from '../spec.js';
import { volume } from './geometry.js';

/** Output channels of a panel, and the columns of a register tile. */
export const NR = 4;

/** A packed form of the weights. */
export interface Packed {
  readonly data: Float32Array;
  /** Floats from one panel of NR output channels to the next. */
  readonly panelSize: number;
}

/**
 * A stage's weights in canonical order, and each packed form that a plan asked for, made once.
 * A panel holds NR output channels side by side; those beyond the group's last are zeros.
 */
export class PackedWeights {
  readonly raw: Float32Array;
  readonly #spec: ConvSpec;
  readonly #packed = new Map<string, Packed>();

  constructor(spec: ConvSpec, weight: Float32Array) {
    this.#spec = spec;
    this.raw = weight.slice();
  }

  /**
   * `[groups, panels, taps, inChannels / groups, NR]`, over the taps given as indices into the kernel's volume: the
   * order in which a panel of the implicit im2col matrix is laid out.
   */
  panels(taps: readonly number[]): Packed {
    return this.#once(`taps ${taps.join(' ')}`, taps.length, (column, group, input) => {
      for (let i = 0; i < taps.length; i++) column[i] = this.#at(group, input.output, input.channel, taps[i]);
    });
  }

  /** `[groups, panels, points, inChannels / groups, NR]`: each 3×3 kernel through `transform`, to `points` values. */
  transformed(name: string, points: number, transform: (kernel: Float64Array, to: Float64Array) => void): Packed {
    const kernel = new Float64Array(volume(this.#spec.kernel));
    return this.#once(name, points, (column, group, { output, channel }) => {
      for (let tap = 0; tap < kernel.length; tap++) kernel[tap] = this.#at(group, output, channel, tap);
      transform(kernel, column);
    });
  }

  /**
   * Of a kernel of 1 and one group, `[panels, products, inChannels / 2, NR]` over the first half of the output
   * channels: what `combine` makes of each weight, the one of the same place in the second half of the output
   * channels, and the two of the second half of the input channels.
   */
  quartered(name: string, products: number, combine: Combination): Packed {
    const known = this.#packed.get(name);
    if (known !== undefined) return known;
    const { inChannels, outChannels } = this.#spec;
    const inputs = inChannels / 2;
    const outputs = outChannels / 2;
    const panelSize = products * inputs * NR;
    const data = new Float32Array(Math.ceil(outputs / NR) * panelSize);
    const column = new Float64Array(products);
    for (let o = 0; o < outputs; o++) {
      const first = Math.floor(o / NR) * panelSize + (o % NR);
      for (let i = 0; i < inputs; i++) {
        const b11 = o * inChannels + i;
        const b12 = (o + outputs) * inChannels + i;
        combine(this.raw[b11], this.raw[b12], this.raw[b11 + inputs], this.raw[b12 + inputs], column);
        for (let product = 0; product < products; product++) {
          data[first + (product * inputs + i) * NR] = column[product];
        }
      }
    }
    const packed = { data, panelSize };
    this.#packed.set(name, packed);
    return packed;
  }

  #at(group: number, output: number, channel: number, tap: number): number {
    const { transposed, inChannels, outChannels, groups, kernel } = this.#spec;
    const groupIn = inChannels / groups;
    const groupOut = outChannels / groups;
    const row = transposed
      ? (group * groupIn + channel) * groupOut + output
      : (group * groupOut + output) * groupIn + channel;
    return this.raw[row * volume(kernel) + tap];
  }

  #once(key: string, rows: number, fill: (column: Float64Array, group: number, at: ChannelPair) => void): Packed {
    const known = this.#packed.get(key);
    if (known !== undefined) return known;
    const { inChannels, outChannels, groups } = this.#spec;
    const groupIn = inChannels / groups;
    const groupOut = outChannels / groups;
    const panels = Math.ceil(groupOut / NR);
    const panelSize = rows * groupIn * NR;
    const data = new Float32Array(groups * panels * panelSize);
    const column = new Float64Array(rows);
    const at: ChannelPair = { output: 0, channel: 0 };
    for (let group = 0; group < groups; group++) {
      for (at.output = 0; at.output < groupOut; at.output++) {
        const first = (group * panels + Math.floor(at.output / NR)) * panelSize + (at.output % NR);
        for (at.channel = 0; at.channel < groupIn; at.channel++) {
          fill(column, group, at);
          for (let row = 0; row < rows; row++) data[first + (row * groupIn + at.channel) * NR] = column[row];
        }
      }
    }
    const packed = { data, panelSize };
    this.#packed.set(key, packed);
    return packed;
  }
}

type Combination = (b11: number, b12: number, b21: number, b22: number, to: Float64Array) => void;

/** An output and an input channel, counted within their group. */
interface ChannelPair {
  output: number;
  channel: number;
}
