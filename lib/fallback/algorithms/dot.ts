import type { ConvGeometry } from '../../spec.js';
import type { Call } from '../epilogue.js';
import { type MapStrides, mapStrides, paddedCoordinate } from '../geometry.js';
import { NR, type Packed } from '../packed-weights.js';
import { type Algorithm, type Executor, type Layer, STEP_MACS, type Worker } from './algorithm.js';
import { standardPhase } from './im2col-gemm.js';
import type { Phase } from './implicit-gemm.js';
import { phasesOf, refusePhases } from './transposed.js';

/** A phase with its weights packed: for each group the one panel of `[taps, inChannels / groups, NR]`. */
interface Cut extends Phase {
  readonly pixels: number;
  readonly packed: Packed;
  readonly firstStep: number;
}

/**
 * Outputs pixel by pixel, all channels of a group at once, along the input channels of each tap. A step is a range of
 * pixels.
 */
export class DotExecutor implements Executor {
  readonly tile: string;
  readonly steps: number;
  readonly packedBytes: number;
  readonly cuts: readonly Cut[];
  readonly pixelsPerStep: number;

  constructor(
    readonly layer: Layer,
    readonly geometry: ConvGeometry,
  ) {
    const { spec, weights } = layer;
    const phases = spec.transposed ? phasesOf(spec, geometry) : [standardPhase(spec, geometry)];
    const macs = (spec.inChannels / spec.groups) * spec.outChannels * spec.kernel[0] * spec.kernel[1] * spec.kernel[2];
    this.tile = `1x${spec.outChannels / spec.groups}`;
    this.pixelsPerStep = Math.max(1, Math.floor(STEP_MACS / 2 / macs));
    const cuts: Cut[] = [];
    let steps = 0;
    for (const phase of phases) {
      const [depth, height, width] = phase.axes;
      const pixels = geometry.batch * depth.outputs * height.outputs * width.outputs;
      const packed = weights.panels(tapsOf(phase, spec.kernel));
      cuts.push({ ...phase, pixels, packed, firstStep: steps });
      steps += Math.ceil(pixels / this.pixelsPerStep);
    }
    this.cuts = cuts;
    this.steps = steps;
    this.packedBytes = [...new Set(cuts.map(({ packed }) => packed))].reduce(
      (sum, { data }) => sum + data.byteLength,
      0,
    );
  }

  createWorker(): Worker {
    return new DotWorker(this);
  }
}

function tapsOf({ axes: [depth, height, width] }: Phase, kernel: readonly number[]): number[] {
  return depth.taps.flatMap((d) =>
    height.taps.flatMap((h) => width.taps.map((w) => (d * kernel[1] + h) * kernel[2] + w)),
  );
}

class DotWorker implements Worker {
  readonly #executor: DotExecutor;
  readonly #in: MapStrides;
  readonly #out: MapStrides;
  readonly #sums = new Float64Array(NR);

  constructor(executor: DotExecutor) {
    const { spec } = executor.layer;
    this.#executor = executor;
    this.#in = mapStrides(spec.inChannels, executor.geometry.input, spec.channelsLast);
    this.#out = mapStrides(spec.outChannels, executor.geometry.output, spec.channelsLast);
  }

  get bytes(): number {
    return this.#sums.byteLength;
  }

  step(index: number, call: Call): void {
    const { cuts, layer, pixelsPerStep } = this.#executor;
    let phase = cuts.length - 1;
    while (cuts[phase].firstStep > index) phase--;
    const cut = cuts[phase];
    const [depth, height, width] = cut.axes;
    const out = this.#out;
    const groupOut = layer.spec.outChannels / layer.spec.groups;
    const first = (index - cut.firstStep) * pixelsPerStep;
    const last = Math.min(cut.pixels, first + pixelsPerStep);
    for (let pixel = first; pixel < last; pixel++) {
      const w = pixel % width.outputs;
      let rest = Math.floor(pixel / width.outputs);
      const h = rest % height.outputs;
      rest = Math.floor(rest / height.outputs);
      const d = rest % depth.outputs;
      const image = Math.floor(rest / depth.outputs);
      const at =
        image * out.batch +
        (cut.first[0] + d * cut.step[0]) * out.depth +
        (cut.first[1] + h * cut.step[1]) * out.height +
        (cut.first[2] + w * cut.step[2]) * out.width;
      for (let group = 0, channel = 0; group < layer.spec.groups; group++) {
        this.#sum(cut, group, image, d, h, w, call.input);
        for (let i = 0; i < groupOut; i++, channel++) {
          layer.epilogue.store(this.#sums[i], channel, at + channel * out.channel, call);
        }
      }
    }
  }

  /** The sums of one pixel's channels of one group. */
  #sum(cut: Cut, group: number, image: number, d: number, h: number, w: number, input: Float32Array): void {
    const [depth, height, width] = cut.axes;
    const strides = this.#in;
    const { spec } = this.#executor.layer;
    const channels = spec.inChannels / spec.groups;
    const run = channels * NR;
    const base = image * strides.batch + group * channels * strides.channel;
    this.#sums.fill(0);
    let tap = group * cut.packed.panelSize;
    for (let kd = 0; kd < depth.taps.length; kd++) {
      const z = paddedCoordinate(d * depth.scale + depth.shifts[kd], depth.size, depth.mode);
      for (let kh = 0; kh < height.taps.length; kh++) {
        const y = paddedCoordinate(h * height.scale + height.shifts[kh], height.size, height.mode);
        for (let kw = 0; kw < width.taps.length; kw++, tap += run) {
          const x = paddedCoordinate(w * width.scale + width.shifts[kw], width.size, width.mode);
          if (z < 0 || y < 0 || x < 0) continue;
          const from = base + z * strides.depth + y * strides.height + x * strides.width;
          if (spec.outChannels === spec.groups) this.#one(input, from, cut.packed.data, tap, channels);
          else this.#all(input, from, cut.packed.data, tap, channels);
        }
      }
    }
  }

  #one(input: Float32Array, from: number, weights: Float32Array, tap: number, channels: number): void {
    const stride = this.#in.channel;
    let s0 = this.#sums[0];
    for (let c = 0, w = tap; c < channels; c++, from += stride, w += NR) s0 += input[from] * weights[w];
    this.#sums[0] = s0;
  }

  #all(input: Float32Array, from: number, weights: Float32Array, tap: number, channels: number): void {
    const stride = this.#in.channel;
    const sums = this.#sums;
    let s0 = sums[0];
    let s1 = sums[1];
    let s2 = sums[2];
    let s3 = sums[3];
    for (let c = 0, w = tap; c < channels; c++, from += stride, w += NR) {
      const x = input[from];
      s0 += x * weights[w];
      s1 += x * weights[w + 1];
      s2 += x * weights[w + 2];
      s3 += x * weights[w + 3];
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
  }
}

/** Few output channels, standard or transposed: sums along the input channels. */
export const dot: Algorithm = {
  name: 'dot',
  refuse({ layer: { spec }, geometry, pointwise }) {
    if (pointwise !== null) return 'serves one stage, not a depthwise and a pointwise one';
    if (spec.groups > 1) return `${spec.groups} groups, not one`;
    if (spec.outChannels > NR) return `${spec.outChannels} output channels, not at most ${NR}`;
    return spec.transposed ? refusePhases(spec, geometry) : null;
  },
  /** A product computes NR columns whatever they hold: 4×4 sums in registers beat 1×4 unless most are unused. */
  yieldTo({ layer: { spec } }) {
    if (spec.outChannels > 1) return `${spec.outChannels} output channels fill the register tiles of a product`;
    return spec.inChannels < 8 ? `${spec.inChannels} input channels are too short a sum` : null;
  },
  prepare: ({ layer, geometry }) => new DotExecutor(layer, geometry),
};
