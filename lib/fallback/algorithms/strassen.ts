import type { ConvGeometry } from '../../spec.js';
import type { Call, TilePlace } from '../epilogue.js';
import { type MapStrides, mapStrides, volume } from '../geometry.js';
import { NR, type Packed } from '../packed-weights.js';
import { type Algorithm, type Executor, type Layer, STEP_MACS, type Worker } from './algorithm.js';
import { MR, multiplyTile, TILE } from './gemm.js';

/** Of two halves of two pixels, by two halves of two columns: seven products for eight. */
const PRODUCTS = 7;
const AREA = MR * NR;

/**
 * Strassen's product in Winograd's form, one level ("Gaussian elimination is not optimal", 1969; on the form Higham,
 * "Accuracy and Stability of Numerical Algorithms", section 23.2.1): pairs of neighbouring pixels, halves of the
 * input channels and halves of the output channels. Sums of pixels and of weights are held as float32, which is
 * where its rounding beyond the order of summation comes from.
 */
class StrassenExecutor implements Executor {
  readonly tile = `${TILE} of 7/8`;
  readonly steps: number;
  readonly packedBytes: number;
  readonly packed: Packed;
  /** Of an image: an odd last pixel is paired with zeros. */
  readonly pairs: number;
  readonly pairsPerBlock: number;
  readonly blocks: number;
  readonly panels: number;
  readonly panelsPerStep: number;
  readonly ranges: number;

  constructor(
    readonly layer: Layer,
    readonly geometry: ConvGeometry,
  ) {
    const { inChannels, outChannels } = layer.spec;
    this.pairs = Math.ceil(volume(geometry.output) / 2);
    this.pairsPerBlock = Math.min(8 * MR, Math.ceil(this.pairs / MR) * MR);
    this.blocks = Math.ceil(this.pairs / this.pairsPerBlock);
    this.panels = Math.ceil(outChannels / 2 / NR);
    const macs = (PRODUCTS * this.pairsPerBlock * inChannels * NR) / 2;
    this.panelsPerStep = Math.min(this.panels, Math.max(1, Math.floor(STEP_MACS / macs)));
    this.ranges = Math.ceil(this.panels / this.panelsPerStep);
    this.steps = geometry.batch * this.blocks * this.ranges;
    this.packed = layer.weights.quartered('strassen', PRODUCTS, combineWeights);
    this.packedBytes = this.packed.data.byteLength;
  }

  createWorker(): Worker {
    return new StrassenWorker(this);
  }
}

function combineWeights(b11: number, b12: number, b21: number, b22: number, to: Float64Array): void {
  const t1 = b12 - b11;
  const t2 = b22 - t1;
  to[0] = b11;
  to[1] = b21;
  to[2] = b22;
  to[3] = t2 - b21;
  to[4] = t1;
  to[5] = t2;
  to[6] = b22 - b12;
}

/** A step is a block of pairs by a range of panels, the first of which adds up the block's pixels. */
class StrassenWorker implements Worker {
  readonly #executor: StrassenExecutor;
  readonly #in: MapStrides;
  readonly #out: MapStrides;
  /** Left operands of a block: `[products, pairs / MR, channels / 2, MR]`. */
  readonly #a: Float32Array;
  readonly #sums = Array.from({ length: PRODUCTS }, () => new Float64Array(AREA));
  /** Where the pixels of each pair are stored, and the first ones apart from the second. */
  readonly #places: readonly [first: TilePlace, second: TilePlace];

  constructor(executor: StrassenExecutor) {
    const { layer, geometry, pairsPerBlock } = executor;
    const { spec } = layer;
    this.#executor = executor;
    this.#in = mapStrides(spec.inChannels, geometry.input, spec.channelsLast);
    this.#out = mapStrides(spec.outChannels, geometry.output, spec.channelsLast);
    this.#a = new Float32Array((PRODUCTS * pairsPerBlock * spec.inChannels) / 2);
    const place = (): TilePlace => ({
      offsets: new Int32Array(pairsPerBlock),
      from: 0,
      channel: 0,
      channelStride: this.#out.channel,
    });
    this.#places = [place(), place()];
  }

  get bytes(): number {
    const sums = PRODUCTS * AREA * Float64Array.BYTES_PER_ELEMENT;
    return this.#places.reduce((total, { offsets }) => total + offsets.byteLength, this.#a.byteLength + sums);
  }

  step(index: number, call: Call): void {
    const { ranges, blocks, pairs, pairsPerBlock, panels, panelsPerStep } = this.#executor;
    const range = index % ranges;
    const block = Math.floor(index / ranges) % blocks;
    const image = Math.floor(index / (ranges * blocks));
    const first = block * pairsPerBlock;
    const count = Math.min(pairsPerBlock, pairs - first);
    if (range === 0) {
      for (let pair = 0; pair < count; pair++) this.#addUp(image, first + pair, pair, call.input);
    }
    const last = Math.min(panels, (range + 1) * panelsPerStep);
    for (let panel = range * panelsPerStep; panel < last; panel++) {
      for (let row = 0; row < count; row += MR) this.#multiply(first, row, Math.min(MR, count - row), panel, call);
    }
  }

  /** The seven left operands of a pair, and where its pixels go. */
  #addUp(image: number, pair: number, local: number, input: Float32Array): void {
    const { layer, geometry, pairsPerBlock } = this.#executor;
    const half = layer.spec.inChannels / 2;
    const second = 2 * pair + 1 < volume(geometry.output);
    const from0 = this.#locate(image, 2 * pair, 0, local);
    const from1 = second ? this.#locate(image, 2 * pair + 1, 1, local) : 0;
    const a = this.#a;
    const next = pairsPerBlock * half;
    const lane = local % MR;
    const stride = this.#in.channel;
    for (let k = 0, to = (local - lane) * half + lane; k < half; k++, to += MR) {
      const low = k * stride;
      const high = (k + half) * stride;
      const a11 = input[from0 + low];
      const a12 = input[from0 + high];
      const a21 = second ? input[from1 + low] : 0;
      const a22 = second ? input[from1 + high] : 0;
      const s1 = a21 + a22;
      const s2 = s1 - a11;
      a[to] = a11;
      a[to + next] = a12;
      a[to + 2 * next] = a12 - s2;
      a[to + 3 * next] = a22;
      a[to + 4 * next] = s1;
      a[to + 5 * next] = s2;
      a[to + 6 * next] = a11 - a21;
    }
  }

  /** Writes where a pixel is stored, and returns where it is read. */
  #locate(image: number, pixel: number, which: 0 | 1, local: number): number {
    const { layer, geometry } = this.#executor;
    const [, rows, columns] = geometry.output;
    const x = pixel % columns;
    const y = Math.floor(pixel / columns) % rows;
    const z = Math.floor(pixel / (columns * rows));
    const at = ({ batch, depth, height, width }: MapStrides, [d, h, w]: readonly number[]): number =>
      image * batch + z * d * depth + y * h * height + x * w * width;
    this.#places[which].offsets[local] = at(this.#out, [1, 1, 1]);
    return at(this.#in, layer.spec.stride);
  }

  #multiply(first: number, row: number, rows: number, panel: number, call: Call): void {
    const { layer, geometry, packed, pairsPerBlock } = this.#executor;
    const { inChannels, outChannels } = layer.spec;
    const half = inChannels / 2;
    const sums = this.#sums;
    for (let product = 0; product < PRODUCTS; product++) {
      const b = panel * packed.panelSize + product * half * NR;
      multiplyTile(half, this.#a, (product * pairsPerBlock + row) * half, packed.data, b, sums[product], 0);
    }
    const [p1, p2, p3, p4, p5, p6, p7] = sums;
    for (let i = 0; i < AREA; i++) {
      const u2 = p1[i] + p6[i];
      const u3 = u2 + p7[i];
      const c12 = u2 + p5[i] + p3[i];
      p1[i] += p2[i];
      p2[i] = c12;
      p3[i] = u3 - p4[i];
      p4[i] = u3 + p5[i];
    }
    const columns = Math.min(NR, outChannels / 2 - panel * NR);
    // The last pair's second pixel may not exist.
    const seconds = 2 * (first + row + rows) > volume(geometry.output) ? rows - 1 : rows;
    for (const [which, count] of [rows, seconds].entries()) {
      const place = this.#places[which];
      place.from = row;
      for (const side of [0, 1]) {
        place.channel = panel * NR + (side * outChannels) / 2;
        layer.epilogue.storeTile(sums[2 * which + side], count, columns, place, call);
      }
    }
  }
}

/** 1×1, ungrouped, of even channels; any stride. */
export const strassen: Algorithm = {
  name: 'strassen',
  refuse({ layer: { spec }, pointwise, geometry }) {
    if (pointwise !== null) return 'serves one stage, not a depthwise and a pointwise one';
    if (spec.math === 'strict') return "math is 'strict', and its sums round beyond the order of summation";
    if (spec.transposed) return 'the convolution is transposed';
    if (volume(spec.kernel) !== 1) return `kernel is ${spec.kernel.join('x')}, not 1x1x1`;
    if ([...geometry.padBefore, ...geometry.padAfter].some((padding) => padding !== 0)) return 'the input is padded';
    if (spec.groups !== 1) return `groups is ${spec.groups}, not 1`;
    if (spec.inChannels % 2 === 0 && spec.outChannels % 2 === 0) return null;
    return `channels are ${spec.inChannels} and ${spec.outChannels}, not even`;
  },
  /** Measured against pointwise on one Zen 4 core: 256 → 256 and 128 → 128 0.93 to 0.95 of the time, 64 → 64 1.0. */
  yieldTo({ layer: { spec }, geometry }) {
    if (volume(geometry.output) < WORTH_PIXELS) return `under ${WORTH_PIXELS} pixels its tiles are not full`;
    const fewest = Math.min(spec.inChannels, spec.outChannels);
    return fewest < WORTH_CHANNELS ? `under ${WORTH_CHANNELS} channels its additions cost what they save` : null;
  },
  prepare: ({ layer, geometry }) => new StrassenExecutor(layer, geometry),
};

const WORTH_CHANNELS = 96;
const WORTH_PIXELS = 16;
