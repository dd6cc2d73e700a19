import type { ConvGeometry, Triple } from '../../spec.js';
import type { Call, TilePlace } from '../epilogue.js';
import { type AxisTaps, type MapStrides, mapStrides, paddedCoordinate } from '../geometry.js';
import { NR, type Packed } from '../packed-weights.js';
import type { Executor, Layer, Worker } from './algorithm.js';
import { blockRows, MR, multiplyPanels, type PanelProduct, panelsPerStep, TILE } from './gemm.js';

/**
 * A grid of outputs that share their taps: the whole map of a standard convolution, or one of the interleaved maps
 * of a transposed one. On each axis it holds the outputs `first + i * step`.
 */
export interface Phase {
  readonly first: Triple;
  readonly step: Triple;
  readonly axes: readonly [depth: AxisTaps, height: AxisTaps, width: AxisTaps];
}

/** A phase with its weights packed and its work cut: blocks of pixels, and of each block ranges of panels. */
interface Cut extends Phase {
  readonly taps: number;
  readonly k: number;
  readonly pixels: number;
  readonly rows: number;
  readonly panels: number;
  readonly ranges: number;
  readonly panelsPerStep: number;
  readonly packed: Packed;
  readonly firstStep: number;
}

/**
 * Convolution as a product of matrices, of which the left, the im2col matrix, exists a block of rows at a time:
 * at most 64 pixels by all of K, packed straight from the feature map in the order the register tile reads.
 * K is never split, so sums stay in registers until they are whole, and are rounded once.
 *
 * Measured on one Zen 5 core, GMAC/s, both layouts alike, and how many times textbook loops (NCHW, sizes hoisted, a
 * bounds check a tap): 3×3 64 → 64 at 56² 2.2 (11), 256 → 256 at 14² 2.3 (10), 1×1 64 → 256 at 56² 1.9 (14),
 * 256 → 64 2.1 (16), 7×7 stride 2 3 → 64 2.0 (10), 3×3 128 → 128 in 32 groups at 28² 1.1, 4×4 stride 2 transposed
 * 128 → 64 2.2.
 */
export class ImplicitGemm implements Executor {
  readonly tile = TILE;
  readonly steps: number;
  readonly packedBytes: number;
  readonly cuts: readonly Cut[];

  constructor(
    readonly layer: Layer,
    readonly geometry: ConvGeometry,
    phases: readonly Phase[],
  ) {
    const { spec } = layer;
    const cuts: Cut[] = [];
    let steps = 0;
    for (const phase of phases) {
      const cut = cutPhase(layer, geometry.batch, phase, steps);
      steps += Math.ceil(cut.pixels / Math.max(1, cut.rows)) * spec.groups * cut.ranges;
      cuts.push(cut);
    }
    this.cuts = cuts;
    this.steps = steps;
    this.packedBytes = sum([...new Set(cuts.map((cut) => cut.packed))].map(({ data }) => data.byteLength));
  }

  createWorker(): Worker {
    return new GemmWorker(this);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function cutPhase({ spec, weights }: Layer, batch: number, phase: Phase, firstStep: number): Cut {
  const [depth, height, width] = phase.axes;
  const taps: number[] = [];
  for (const d of depth.taps) {
    for (const h of height.taps) {
      for (const w of width.taps) taps.push((d * spec.kernel[1] + h) * spec.kernel[2] + w);
    }
  }
  const k = taps.length * (spec.inChannels / spec.groups);
  const pixels = batch * depth.outputs * height.outputs * width.outputs;
  const rows = blockRows(k, pixels);
  const panels = Math.ceil(spec.outChannels / spec.groups / NR);
  const perStep = panelsPerStep(rows, k, panels);
  const ranges = Math.ceil(panels / perStep);
  const packed = weights.panels(taps);
  return { ...phase, taps: taps.length, k, pixels, rows, panels, ranges, panelsPerStep: perStep, packed, firstStep };
}

/** Scratch: a block of packed rows, where each tap of each of its pixels reads, and where each pixel is stored. */
class GemmWorker implements Worker {
  readonly #executor: ImplicitGemm;
  readonly #a: Float32Array;
  readonly #reads: Int32Array;
  readonly #sums = new Float64Array(MR * NR);
  readonly #place: TilePlace;
  readonly #product: PanelProduct;
  readonly #in: MapStrides;
  readonly #out: MapStrides;

  constructor(executor: ImplicitGemm) {
    const { spec } = executor.layer;
    const { input, output } = executor.geometry;
    const most = (size: (cut: Cut) => number) => executor.cuts.reduce((max, cut) => Math.max(max, size(cut)), 0);
    this.#executor = executor;
    this.#a = new Float32Array(most((cut) => cut.rows * cut.k));
    this.#reads = new Int32Array(most((cut) => cut.rows * cut.taps));
    this.#in = mapStrides(spec.inChannels, input, spec.channelsLast);
    this.#out = mapStrides(spec.outChannels, output, spec.channelsLast);
    const offsets = new Int32Array(most((cut) => cut.rows));
    this.#place = { offsets, from: 0, channel: 0, channelStride: this.#out.channel };
    const groupOut = spec.outChannels / spec.groups;
    this.#product = {
      k: 0,
      rows: 0,
      group: 0,
      firstPanel: 0,
      lastPanel: 0,
      groupOut,
      packed: { data: new Float32Array(0), panelSize: 0 },
    };
  }

  get bytes(): number {
    return this.#a.byteLength + this.#reads.byteLength + this.#sums.byteLength + this.#place.offsets.byteLength;
  }

  step(index: number, call: Call): void {
    const { cuts, layer } = this.#executor;
    let phase = cuts.length - 1;
    while (cuts[phase].firstStep > index) phase--;
    const cut = cuts[phase];
    const { groups } = layer.spec;
    const local = index - cut.firstStep;
    const range = local % cut.ranges;
    const group = Math.floor(local / cut.ranges) % groups;
    const first = Math.floor(local / (cut.ranges * groups)) * cut.rows;
    const rows = Math.min(cut.rows, cut.pixels - first);
    if (range === 0) {
      if (group === 0) this.#locate(cut, first, rows);
      this.#pack(cut, group, rows, call.input);
    }
    const product = this.#product;
    product.k = cut.k;
    product.rows = rows;
    product.group = group;
    product.firstPanel = range * cut.panelsPerStep;
    product.lastPanel = Math.min(cut.panels, product.firstPanel + cut.panelsPerStep);
    product.packed = cut.packed;
    multiplyPanels(this.#a, this.#sums, product, this.#place, layer.epilogue, call);
  }

  /** Fills the offset tables of a block. Stride, dilation and padding are in these tables, not in any inner loop. */
  #locate(cut: Cut, first: number, rows: number): void {
    const [depth, height, width] = cut.axes;
    const reads = this.#reads;
    const { offsets } = this.#place;
    const input = this.#in;
    const output = this.#out;
    const depthTaps = depth.taps.length;
    const heightTaps = height.taps.length;
    const widthTaps = width.taps.length;
    let w = first % width.outputs;
    let rest = Math.floor(first / width.outputs);
    let h = rest % height.outputs;
    rest = Math.floor(rest / height.outputs);
    let d = rest % depth.outputs;
    let image = Math.floor(rest / depth.outputs);
    for (let row = 0, at = 0; row < rows; row++) {
      offsets[row] =
        image * output.batch +
        (cut.first[0] + d * cut.step[0]) * output.depth +
        (cut.first[1] + h * cut.step[1]) * output.height +
        (cut.first[2] + w * cut.step[2]) * output.width;
      for (let kd = 0; kd < depthTaps; kd++) {
        const z = paddedCoordinate(d * depth.scale + depth.shifts[kd], depth.size, depth.mode);
        for (let kh = 0; kh < heightTaps; kh++) {
          const y = paddedCoordinate(h * height.scale + height.shifts[kh], height.size, height.mode);
          const base = z < 0 || y < 0 ? -1 : image * input.batch + z * input.depth + y * input.height;
          for (let kw = 0; kw < widthTaps; kw++) {
            const x = paddedCoordinate(w * width.scale + width.shifts[kw], width.size, width.mode);
            reads[at++] = base < 0 || x < 0 ? -1 : base + x * input.width;
          }
        }
      }
      if (++w === width.outputs) {
        w = 0;
        if (++h === height.outputs) {
          h = 0;
          if (++d === depth.outputs) {
            d = 0;
            image++;
          }
        }
      }
    }
  }

  /** Packs the block's rows of one group: panels of MR pixels, each `[taps, channels, MR]`. */
  #pack(cut: Cut, group: number, rows: number, input: Float32Array): void {
    const { taps, k } = cut;
    const channels = k / Math.max(1, taps);
    const stride = this.#in.channel;
    const base = group * channels * stride;
    const reads = this.#reads;
    const a = this.#a;
    for (let row = 0; row < rows; row += MR) {
      let to = row * k;
      const r0 = row * taps;
      const r1 = row + 1 < rows ? r0 + taps : -1;
      const r2 = row + 2 < rows ? r0 + 2 * taps : -1;
      const r3 = row + 3 < rows ? r0 + 3 * taps : -1;
      for (let tap = 0; tap < taps; tap++) {
        const o0 = reads[r0 + tap];
        const o1 = r1 < 0 ? -1 : reads[r1 + tap];
        const o2 = r2 < 0 ? -1 : reads[r2 + tap];
        const o3 = r3 < 0 ? -1 : reads[r3 + tap];
        if (o0 >= 0 && o1 >= 0 && o2 >= 0 && o3 >= 0) {
          for (let c = 0, shift = base; c < channels; c++, shift += stride, to += MR) {
            a[to] = input[o0 + shift];
            a[to + 1] = input[o1 + shift];
            a[to + 2] = input[o2 + shift];
            a[to + 3] = input[o3 + shift];
          }
        } else {
          for (let c = 0, shift = base; c < channels; c++, shift += stride, to += MR) {
            a[to] = o0 < 0 ? 0 : input[o0 + shift];
            a[to + 1] = o1 < 0 ? 0 : input[o1 + shift];
            a[to + 2] = o2 < 0 ? 0 : input[o2 + shift];
            a[to + 3] = o3 < 0 ? 0 : input[o3 + shift];
          }
        }
      }
    }
  }
}
