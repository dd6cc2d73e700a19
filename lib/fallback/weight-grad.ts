import type { EngineOperation, Explanation } from '../engine.js';
import type { ConvGeometry, ConvSpec, WeightLayout } from '../spec.js';
import { MR, multiplyTile, TILE } from './algorithms/gemm.js';
import { type MapStrides, mapStrides, paddedCoordinate, volume } from './geometry.js';
import { NR } from './packed-weights.js';

/** Output points of a block: its packed panels stay in the second-level cache. */
const BLOCK_POINTS = 256;

/** The taps of an axis, and what input coordinate each output reads by each tap, -1 for a zero: `[output][tap]`. */
interface AxisReads {
  readonly outputs: number;
  readonly taps: number;
  readonly reads: Int32Array;
}

function axisReads(spec: ConvSpec, geometry: ConvGeometry, axis: 0 | 1 | 2): AxisReads {
  const [outputs, taps] = [geometry.output[axis], spec.kernel[axis]];
  const reads = Int32Array.from({ length: outputs * taps }, (_, index) => {
    const [output, tap] = [Math.floor(index / taps), index % taps];
    const at = output * spec.stride[axis] - geometry.padBefore[axis] + tap * spec.dilation[axis];
    return paddedCoordinate(at, geometry.input[axis], spec.paddingMode);
  });
  return { outputs, taps, reads };
}

/**
 * The weight's gradient as a product of matrices: (tap, input channel) × output channel, summed over the output points
 * of all images. A block of points at a time is packed into panels of four and multiplied by the register tile of the
 * convolutions, the block's sums added up in float64, and rounded to float32 once.
 *
 * Where a group has one input channel there is no product of matrices to make: every point adds to the sums of all
 * channels in turn.
 */
export class WeightGrad implements EngineOperation {
  readonly #axes: readonly [AxisReads, AxisReads, AxisReads];
  readonly #groupIn: number;
  readonly #groupOut: number;
  readonly #taps: number;
  readonly #narrow: boolean;
  readonly #in: MapStrides;
  readonly #out: MapStrides;
  /** Σ of all blocks: `[group][input channel of the group][tap][output channel of the group]`. */
  readonly #sums: Float64Array;

  constructor(
    readonly spec: ConvSpec,
    readonly geometry: ConvGeometry,
    readonly layout: WeightLayout,
  ) {
    this.#axes = [axisReads(spec, geometry, 0), axisReads(spec, geometry, 1), axisReads(spec, geometry, 2)];
    this.#groupIn = spec.inChannels / spec.groups;
    this.#groupOut = spec.outChannels / spec.groups;
    this.#taps = volume(spec.kernel);
    this.#in = mapStrides(spec.inChannels, geometry.input, spec.channelsLast);
    this.#out = mapStrides(spec.outChannels, geometry.output, spec.channelsLast);
    this.#narrow = this.#groupIn === 1 && spec.groups > 1;
    this.#sums = new Float64Array(spec.outChannels * this.#groupIn * this.#taps);
  }

  run(input: Float32Array, gradOutput: Float32Array, gradWeight: Float32Array): void {
    this.#sums.fill(0);
    if (this.#narrow) this.#sumChannels(input, gradOutput);
    else for (let group = 0; group < this.spec.groups; group++) this.#sumGroup(input, gradOutput, group);
    this.#store(gradWeight);
  }

  explain(): Explanation {
    return {
      algorithm: this.#narrow ? 'depthwise-weight-grad' : 'gemm-weight-grad',
      isa: 'js',
      threads: 1,
      tile: this.#narrow ? '1x1' : TILE,
      workspaceBytes: this.#sums.byteLength,
      packedBytes: 0,
      refused: [],
    };
  }

  dispose(): void {}

  /** Where output point `point` is in the output, and where each of its taps is in the input, both of channel 0. */
  #locate(point: number, taps: Int32Array, from: number): number {
    const [depth, height, width] = this.#axes;
    const [input, output] = [this.#in, this.#out];
    const w = point % width.outputs;
    const row = Math.floor(point / width.outputs);
    const h = row % height.outputs;
    const slice = Math.floor(row / height.outputs);
    const d = slice % depth.outputs;
    const image = Math.floor(slice / depth.outputs);
    let at = from;
    for (let kd = 0; kd < depth.taps; kd++) {
      const z = depth.reads[d * depth.taps + kd];
      for (let kh = 0; kh < height.taps; kh++) {
        const y = height.reads[h * height.taps + kh];
        for (let kw = 0; kw < width.taps; kw++) {
          const x = width.reads[w * width.taps + kw];
          const outside = z < 0 || y < 0 || x < 0;
          taps[at++] = outside ? -1 : image * input.batch + z * input.depth + y * input.height + x * input.width;
        }
      }
    }
    return image * output.batch + d * output.depth + h * output.height + w * output.width;
  }

  #sumGroup(input: Float32Array, gradOutput: Float32Array, group: number): void {
    const { geometry } = this;
    const [groupIn, groupOut, taps] = [this.#groupIn, this.#groupOut, this.#taps];
    const points = geometry.batch * volume(geometry.output);
    const [inChannel, outChannel] = [this.#in.channel, this.#out.channel];
    const rows = groupIn * taps;
    const panels = Math.ceil(groupOut / NR);
    const most = Math.min(points, BLOCK_POINTS);
    const a = new Float32Array(most * MR);
    const b = new Float32Array(panels * most * NR);
    const reads = new Int32Array(most * taps);
    const tile = new Float64Array(MR * NR);
    const sums = this.#sums.subarray(group * rows * groupOut, (group + 1) * rows * groupOut);
    for (let first = 0; first < points; first += most) {
      const k = Math.min(most, points - first);
      for (let p = 0; p < k; p++) {
        const at = this.#locate(first + p, reads, p * taps) + group * groupOut * outChannel;
        for (let o = 0; o < groupOut; o++) {
          b[(Math.floor(o / NR) * k + p) * NR + (o % NR)] = gradOutput[at + o * outChannel];
        }
      }
      for (let row = 0; row < rows; row += MR) {
        const height = Math.min(MR, rows - row);
        for (let i = 0; i < height; i++) {
          const channel = (group * groupIn + Math.floor((row + i) / taps)) * inChannel;
          for (let p = 0, at = (row + i) % taps; p < k; p++, at += taps) {
            a[p * MR + i] = reads[at] < 0 ? 0 : input[reads[at] + channel];
          }
        }
        for (let panel = 0; panel < panels; panel++) {
          multiplyTile(k, a, 0, b, panel * k * NR, tile, 0);
          const width = Math.min(NR, groupOut - panel * NR);
          for (let i = 0; i < height; i++) {
            const to = (row + i) * groupOut + panel * NR;
            for (let j = 0; j < width; j++) sums[to + j] += tile[i * NR + j];
          }
        }
      }
    }
  }

  /** One input channel a group: `[channel][tap][filter of the channel]`. */
  #sumChannels(input: Float32Array, gradOutput: Float32Array): void {
    const { spec, geometry } = this;
    const [groupOut, taps] = [this.#groupOut, this.#taps];
    const points = geometry.batch * volume(geometry.output);
    const [inChannel, outChannel] = [this.#in.channel, this.#out.channel];
    const reads = new Int32Array(taps);
    const sums = this.#sums;
    for (let point = 0; point < points; point++) {
      const at = this.#locate(point, reads, 0);
      for (let tap = 0; tap < taps; tap++) {
        const read = reads[tap];
        if (read < 0) continue;
        for (let c = 0, o = 0; c < spec.groups; c++) {
          const value = input[read + c * inChannel];
          const to = (c * taps + tap) * groupOut;
          for (let q = 0; q < groupOut; q++, o++) sums[to + q] += value * gradOutput[at + o * outChannel];
        }
      }
    }
  }

  /** The sums, rounded, in the order asked for. */
  #store(gradWeight: Float32Array): void {
    const [groupIn, groupOut, taps] = [this.#groupIn, this.#groupOut, this.#taps];
    const { groups, outChannels } = this.spec;
    const hwio = this.layout === 'HWIO';
    for (let group = 0, from = 0; group < groups; group++) {
      for (let c = 0; c < groupIn; c++) {
        for (let tap = 0; tap < taps; tap++) {
          for (let q = 0; q < groupOut; q++, from++) {
            const o = group * groupOut + q;
            const to = hwio ? (tap * groupIn + c) * outChannels + o : (o * groupIn + c) * taps + tap;
            gradWeight[to] = this.#sums[from];
          }
        }
      }
    }
  }
}
