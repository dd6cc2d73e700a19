import type { ConvGeometry } from '../../spec.js';
import type { Call, TilePlace } from '../epilogue.js';
import { type MapStrides, mapStrides, paddedCoordinate } from '../geometry.js';
import { NR, type Packed } from '../packed-weights.js';
import { type Algorithm, type Executor, type Layer, STEP_MACS, type Worker } from './algorithm.js';
import { MR, multiplyTile, TILE } from './gemm.js';

/** Outputs of a tile along one axis, and the points that they are computed at: F(4×4, 3×3) has 6 × 6 for 4 × 4. */
const OUT = 4;
const POINTS = 6;
const AREA = POINTS * POINTS;

/**
 * Winograd's minimal filtering F(4×4, 3×3) at the points 0, ±1, ±2, ∞ (Lavin and Gray, "Fast algorithms for
 * convolutional neural networks", 2015, section 4.3): 36 multiplications for 16 outputs instead of 144.
 * Transforms are computed in float64; transformed weights and inputs are held as float32, which is where its
 * rounding beyond the order of summation comes from.
 */
class WinogradExecutor implements Executor {
  readonly tile = `F(4x4,3x3) ${TILE}`;
  readonly steps: number;
  readonly packedBytes: number;
  readonly packed: Packed;
  readonly tilesAcross: number;
  readonly tilesDown: number;
  readonly tiles: number;
  readonly tilesPerBlock: number;
  readonly panels: number;
  readonly panelsPerStep: number;
  readonly ranges: number;

  constructor(
    readonly layer: Layer,
    readonly geometry: ConvGeometry,
  ) {
    const { inChannels, outChannels } = layer.spec;
    this.tilesDown = Math.ceil(geometry.output[1] / OUT);
    this.tilesAcross = Math.ceil(geometry.output[2] / OUT);
    this.tiles = geometry.batch * this.tilesDown * this.tilesAcross;
    this.tilesPerBlock = blockTiles(inChannels, this.tiles);
    this.panels = Math.ceil(outChannels / NR);
    const macs = AREA * this.tilesPerBlock * inChannels * NR;
    this.panelsPerStep = Math.min(this.panels, Math.max(1, Math.floor(STEP_MACS / macs)));
    this.ranges = Math.ceil(this.panels / this.panelsPerStep);
    this.steps = Math.ceil(this.tiles / this.tilesPerBlock) * this.ranges;
    this.packed = layer.weights.transformed('F(4x4,3x3)', AREA, transformKernel);
    this.packedBytes = this.packed.data.byteLength;
  }

  createWorker(): Worker {
    return new WinogradWorker(this);
  }
}

/** Tiles of a block: a multiple of MR whose transformed input stays within half a megabyte where it can. */
function blockTiles(channels: number, tiles: number): number {
  const fitting = Math.floor(131072 / (AREA * channels) / MR) * MR;
  return Math.min(Math.min(32, Math.max(MR, fitting)), Math.ceil(tiles / MR) * MR);
}

/** G g Gᵀ of a 3×3 kernel. */
function transformKernel(kernel: Float64Array, to: Float64Array): void {
  const half = new Float64Array(POINTS * 3);
  for (let column = 0; column < 3; column++) {
    kernelPoints(kernel[column], kernel[3 + column], kernel[6 + column], half, column, 3);
  }
  for (let row = 0; row < POINTS; row++) {
    kernelPoints(half[row * 3], half[row * 3 + 1], half[row * 3 + 2], to, row * POINTS, 1);
  }
}

function kernelPoints(g0: number, g1: number, g2: number, to: Float64Array, first: number, stride: number): void {
  to[first] = g0 / 4;
  to[first + stride] = -(g0 + g1 + g2) / 6;
  to[first + 2 * stride] = -(g0 - g1 + g2) / 6;
  to[first + 3 * stride] = (g0 + 2 * g1 + 4 * g2) / 24;
  to[first + 4 * stride] = (g0 - 2 * g1 + 4 * g2) / 24;
  to[first + 5 * stride] = g2;
}

/** Bᵀ along one line of six, in place. */
function inputPoints(d: Float64Array, first: number, stride: number): void {
  const d0 = d[first];
  const d1 = d[first + stride];
  const d2 = d[first + 2 * stride];
  const d3 = d[first + 3 * stride];
  const d4 = d[first + 4 * stride];
  const d5 = d[first + 5 * stride];
  const even = d4 - 4 * d2;
  const odd = d3 - 4 * d1;
  const even2 = d4 - d2;
  const odd2 = 2 * (d3 - d1);
  d[first] = 4 * d0 - 5 * d2 + d4;
  d[first + stride] = even + odd;
  d[first + 2 * stride] = even - odd;
  d[first + 3 * stride] = even2 + odd2;
  d[first + 4 * stride] = even2 - odd2;
  d[first + 5 * stride] = 4 * d1 - 5 * d3 + d5;
}

/** Aᵀ along one line of six, its four outputs in place of the first four. */
function outputPoints(m: Float64Array, first: number, stride: number): void {
  const m0 = m[first];
  const m5 = m[first + 5 * stride];
  const sum1 = m[first + stride] + m[first + 2 * stride];
  const difference1 = m[first + stride] - m[first + 2 * stride];
  const sum2 = m[first + 3 * stride] + m[first + 4 * stride];
  const difference2 = m[first + 3 * stride] - m[first + 4 * stride];
  m[first] = m0 + sum1 + sum2;
  m[first + stride] = difference1 + 2 * difference2;
  m[first + 2 * stride] = sum1 + 4 * sum2;
  m[first + 3 * stride] = difference1 + 8 * difference2 + m5;
}

/** A step is a block of tiles by a range of output panels, the first of which transforms the block's input. */
class WinogradWorker implements Worker {
  readonly #executor: WinogradExecutor;
  readonly #in: MapStrides;
  readonly #out: MapStrides;
  /** Input row and column that each row and column of the padded map reads, or -1. */
  readonly #rows: Int32Array;
  readonly #columns: Int32Array;
  /** Transformed input of a block: `[points, tiles / MR, channels, MR]`. */
  readonly #a: Float32Array;
  readonly #reads = new Int32Array(AREA);
  readonly #line = new Float64Array(AREA);
  /** Products of a panel: `[points, tiles / MR, MR, NR]`. */
  readonly #sums: Float64Array;
  /** Sums of a tile's outputs, a row at a time as the epilogue takes them: `[rows][columns, NR]`. */
  readonly #outputs = Array.from({ length: OUT }, () => new Float64Array(OUT * NR));
  readonly #place: TilePlace;

  constructor(executor: WinogradExecutor) {
    const { layer, geometry, tilesPerBlock, tilesDown, tilesAcross } = executor;
    const { spec } = layer;
    this.#executor = executor;
    this.#in = mapStrides(spec.inChannels, geometry.input, spec.channelsLast);
    this.#out = mapStrides(spec.outChannels, geometry.output, spec.channelsLast);
    const reads = (axis: 1 | 2, tiles: number) =>
      Int32Array.from({ length: tiles * OUT + 2 }, (_, at) =>
        paddedCoordinate(at - geometry.padBefore[axis], geometry.input[axis], spec.paddingMode),
      );
    this.#rows = reads(1, tilesDown);
    this.#columns = reads(2, tilesAcross);
    this.#a = new Float32Array(AREA * tilesPerBlock * spec.inChannels);
    this.#sums = new Float64Array(AREA * tilesPerBlock * NR);
    this.#place = { offsets: new Int32Array(OUT), from: 0, channel: 0, channelStride: this.#out.channel };
  }

  get bytes(): number {
    const buffers = [this.#rows, this.#columns, this.#a, this.#reads, this.#line, this.#sums, this.#place.offsets];
    return [...buffers, ...this.#outputs].reduce((total, { byteLength }) => total + byteLength, 0);
  }

  step(index: number, call: Call): void {
    const { ranges, tilesPerBlock, tiles, panels, panelsPerStep } = this.#executor;
    const range = index % ranges;
    const first = Math.floor(index / ranges) * tilesPerBlock;
    const count = Math.min(tilesPerBlock, tiles - first);
    if (range === 0) {
      for (let tile = 0; tile < count; tile++) this.#transformInput(first + tile, tile, call.input);
    }
    const last = Math.min(panels, (range + 1) * panelsPerStep);
    for (let panel = range * panelsPerStep; panel < last; panel++) {
      this.#multiply(panel, count);
      for (let tile = 0; tile < count; tile++) this.#store(first + tile, tile, panel, call);
    }
  }

  #transformInput(tile: number, local: number, input: Float32Array): void {
    const { tilesAcross, tilesDown, tilesPerBlock, layer } = this.#executor;
    const channels = layer.spec.inChannels;
    const left = (tile % tilesAcross) * OUT;
    const top = (Math.floor(tile / tilesAcross) % tilesDown) * OUT;
    const image = Math.floor(tile / (tilesAcross * tilesDown)) * this.#in.batch;
    const reads = this.#reads;
    for (let i = 0, at = 0; i < POINTS; i++) {
      const y = this.#rows[top + i];
      for (let j = 0; j < POINTS; j++) {
        const x = this.#columns[left + j];
        reads[at++] = y < 0 || x < 0 ? -1 : image + y * this.#in.height + x * this.#in.width;
      }
    }
    const a = this.#a;
    const line = this.#line;
    const lane = local % MR;
    const pointStride = tilesPerBlock * channels;
    for (let channel = 0; channel < channels; channel++) {
      const shift = channel * this.#in.channel;
      for (let i = 0; i < AREA; i++) line[i] = reads[i] < 0 ? 0 : input[reads[i] + shift];
      for (let i = 0; i < POINTS; i++) inputPoints(line, i, POINTS);
      for (let i = 0; i < POINTS; i++) inputPoints(line, i * POINTS, 1);
      let to = (local - lane) * channels + channel * MR + lane;
      for (let i = 0; i < AREA; i++, to += pointStride) a[to] = line[i];
    }
  }

  #multiply(panel: number, count: number): void {
    const { tilesPerBlock, packed, layer } = this.#executor;
    const channels = layer.spec.inChannels;
    const b = packed.data;
    let bo = panel * packed.panelSize;
    for (let point = 0; point < AREA; point++, bo += channels * NR) {
      const rows = point * tilesPerBlock;
      for (let row = 0; row < count; row += MR) {
        multiplyTile(channels, this.#a, (rows + row) * channels, b, bo, this.#sums, (rows + row) * NR);
      }
    }
  }

  #store(tile: number, local: number, panel: number, call: Call): void {
    const { tilesAcross, tilesDown, tilesPerBlock, layer, geometry } = this.#executor;
    const { outChannels } = layer.spec;
    const left = (tile % tilesAcross) * OUT;
    const top = (Math.floor(tile / tilesAcross) % tilesDown) * OUT;
    const image = Math.floor(tile / (tilesAcross * tilesDown));
    const columns = Math.min(NR, outChannels - panel * NR);
    const line = this.#line;
    const sums = this.#sums;
    for (let j = 0; j < columns; j++) {
      for (let i = 0, from = local * NR + j; i < AREA; i++, from += tilesPerBlock * NR) line[i] = sums[from];
      for (let i = 0; i < POINTS; i++) outputPoints(line, i, POINTS);
      for (let i = 0; i < OUT; i++) {
        outputPoints(line, i * POINTS, 1);
        const row = this.#outputs[i];
        for (let k = 0; k < OUT; k++) row[k * NR + j] = line[i * POINTS + k];
      }
    }
    const place = this.#place;
    place.channel = panel * NR;
    const width = Math.min(OUT, geometry.output[2] - left);
    const height = Math.min(OUT, geometry.output[1] - top);
    const base = image * this.#out.batch + top * this.#out.height + left * this.#out.width;
    for (let i = 0; i < height; i++) {
      for (let k = 0; k < width; k++) place.offsets[k] = base + i * this.#out.height + k * this.#out.width;
      layer.epilogue.storeTile(this.#outputs[i], width, columns, place, call);
    }
  }
}

/** 3×3, stride 1, undilated, ungrouped, in two dimensions. */
export const winograd: Algorithm = {
  name: 'winograd',
  refuse({ layer: { spec }, pointwise }) {
    if (pointwise !== null) return 'serves one stage, not a depthwise and a pointwise one';
    if (spec.math === 'strict') return "math is 'strict', and its transforms round beyond the order of summation";
    if (spec.transposed) return 'the convolution is transposed';
    if (spec.rank !== 2) return `rank is ${spec.rank}, not 2`;
    if (spec.kernel.join('x') !== '1x3x3') return `kernel is ${spec.kernel.slice(1).join('x')}, not 3x3`;
    if (spec.stride.some((stride) => stride !== 1)) return `stride is ${spec.stride.slice(1).join('x')}, not 1x1`;
    if (spec.dilation[1] !== 1 || spec.dilation[2] !== 1) {
      return `dilation is ${spec.dilation.slice(1).join('x')}, not 1x1`;
    }
    return spec.groups === 1 ? null : `groups is ${spec.groups}, not 1`;
  },
  /**
   * Measured against im2col-gemm on one Zen 5 core, GMAC/s of the direct count: 64 → 64 at 56² 6.4 to 2.2, 12 → 12 at
   * 28² 2.7 to 1.6, 64 → 3 1.7 to 1.05, 8 → 8 1.4 to 1.4, 3 → 64 1.45 to 1.41; 64 → 64 at 5² (25 of the 64 outputs of its
   * tiles) 2.7 to 2.2, at 2² 1.75 to 2.2.
   */
  yieldTo({ layer: { spec }, geometry }) {
    if (spec.inChannels < WORTH_CHANNELS) {
      return `under ${WORTH_CHANNELS} input channels its transforms cost what they save`;
    }
    const tiles = Math.ceil(geometry.output[1] / OUT) * Math.ceil(geometry.output[2] / OUT);
    const products = AREA * tiles;
    const direct = 9 * geometry.output[1] * geometry.output[2];
    return products <= WORTH_SHARE * direct ? null : `its tiles take ${products} products for ${direct} direct ones`;
  },
  prepare: ({ layer, geometry }) => new WinogradExecutor(layer, geometry),
};

const WORTH_CHANNELS = 9;
/** Of the direct products, at the most. */
const WORTH_SHARE = 0.8;
