import type { ConvGeometry } from '../../spec.js';
import type { Call, Target, TilePlace } from '../epilogue.js';
import { type MapStrides, mapStrides, volume } from '../geometry.js';
import { NR, type Packed } from '../packed-weights.js';
import { type Algorithm, type Executor, type Layer, neverYields, type Worker } from './algorithm.js';
import { DepthwiseRows } from './depthwise.js';
import { MR, multiplyPanels, type PanelProduct, panelsPerStep, TILE } from './gemm.js';

/** Floats of the map between the stages that a strip may hold: half a megabyte with its packed copy. */
const STRIP_FLOATS = 65536;
const STRIP_PIXELS = 64;

/**
 * Depthwise then pointwise as one pass. A strip of outputs (several rows of a narrow map, a segment of a wide one) goes
 * through the depthwise stage into scratch, and is at once the left operand of the pointwise product; the whole map
 * between the two is never held. A step is a strip by a range of output panels, the first of which makes the strip.
 */
class SeparableExecutor implements Executor {
  readonly tile = TILE;
  readonly steps: number;
  readonly packedBytes: number;
  readonly packed: Packed;
  /** Output rows and columns of a strip. */
  readonly stripRows: number;
  readonly stripColumns: number;
  readonly segments: number;
  readonly rows: number;
  readonly panels: number;
  readonly panelsPerStep: number;
  readonly ranges: number;

  constructor(
    readonly depthwise: Layer,
    readonly pointwise: Layer,
    readonly geometry: ConvGeometry,
  ) {
    const [depth, height, width] = geometry.output;
    const { groups, inChannels, outChannels } = pointwise.spec;
    const pixels = Math.min(STRIP_PIXELS, Math.max(MR, Math.floor(STRIP_FLOATS / inChannels)));
    this.rows = geometry.batch * depth * height;
    this.stripColumns = Math.min(width, pixels);
    this.stripRows = Math.min(this.rows, Math.floor(pixels / this.stripColumns));
    this.segments = Math.ceil(width / this.stripColumns);
    this.packed = pointwise.weights.panels([0]);
    this.panels = groups * Math.ceil(outChannels / groups / NR);
    this.panelsPerStep = panelsPerStep(this.stripPixels, inChannels / groups, this.panels);
    this.ranges = Math.ceil(this.panels / this.panelsPerStep);
    this.steps = Math.ceil(this.rows / this.stripRows) * this.segments * this.ranges;
    this.packedBytes = this.packed.data.byteLength;
  }

  get stripPixels(): number {
    return this.stripRows * this.stripColumns;
  }

  createWorker(): Worker {
    return new SeparableWorker(this);
  }
}

class SeparableWorker implements Worker {
  readonly #executor: SeparableExecutor;
  readonly #rows: DepthwiseRows;
  readonly #out: MapStrides;
  readonly #rowSums: Float64Array;
  /** `[channels, pixels]`, rounded to float32 as a map between two layers would be. */
  readonly #strip: Float32Array;
  readonly #stripTarget: Target;
  /** The strip in panels of MR pixels: `[groups, pixels / MR, channels of the group, MR]`. */
  readonly #a: Float32Array;
  readonly #groupFloats: number;
  readonly #groupViews: readonly Float32Array[];
  readonly #sums = new Float64Array(MR * NR);
  readonly #place: TilePlace;
  readonly #product: PanelProduct;

  constructor(executor: SeparableExecutor) {
    const { depthwise, pointwise, geometry, stripPixels } = executor;
    const { groups, inChannels, outChannels } = pointwise.spec;
    const padded = Math.ceil(stripPixels / MR) * MR;
    this.#executor = executor;
    this.#rows = new DepthwiseRows(depthwise, geometry);
    this.#out = mapStrides(outChannels, geometry.output, pointwise.spec.channelsLast);
    this.#rowSums = new Float64Array(executor.stripColumns);
    this.#strip = new Float32Array(inChannels * stripPixels);
    this.#stripTarget = { output: this.#strip, residual: null };
    this.#a = new Float32Array(inChannels * padded);
    const groupFloats = (inChannels / groups) * padded;
    this.#groupFloats = groupFloats;
    this.#groupViews = Array.from({ length: groups }, (_, group) =>
      this.#a.subarray(group * groupFloats, (group + 1) * groupFloats),
    );
    const offsets = new Int32Array(stripPixels);
    this.#place = { offsets, from: 0, channel: 0, channelStride: this.#out.channel };
    this.#product = {
      k: inChannels / groups,
      rows: 0,
      group: 0,
      firstPanel: 0,
      lastPanel: 0,
      groupOut: outChannels / groups,
      packed: executor.packed,
    };
  }

  get bytes(): number {
    const buffers = [this.#rowSums, this.#strip, this.#a, this.#sums, this.#place.offsets];
    return buffers.reduce((total, { byteLength }) => total + byteLength, this.#rows.bytes);
  }

  step(index: number, call: Call): void {
    const { pointwise, ranges, segments, stripRows, stripColumns, rows, geometry, panels } = this.#executor;
    const range = index % ranges;
    const strip = Math.floor(index / ranges);
    const firstColumn = (strip % segments) * stripColumns;
    const lastColumn = Math.min(geometry.output[2], firstColumn + stripColumns);
    const firstRow = Math.floor(strip / segments) * stripRows;
    const lastRow = Math.min(rows, firstRow + stripRows);
    const pixels = (lastRow - firstRow) * (lastColumn - firstColumn);
    if (range === 0) {
      this.#fill(firstRow, lastRow, firstColumn, lastColumn, call.input);
      this.#pack(pixels);
    }
    const product = this.#product;
    const groupPanels = panels / pointwise.spec.groups;
    const first = range * this.#executor.panelsPerStep;
    const last = Math.min(panels, first + this.#executor.panelsPerStep);
    product.rows = pixels;
    for (let panel = first; panel < last; panel = (product.group + 1) * groupPanels) {
      product.group = Math.floor(panel / groupPanels);
      product.firstPanel = panel - product.group * groupPanels;
      product.lastPanel = Math.min(groupPanels, last - product.group * groupPanels);
      multiplyPanels(this.#groupViews[product.group], this.#sums, product, this.#place, pointwise.epilogue, call);
    }
  }

  /** Runs the depthwise stage over a strip, and notes where its pixels will be stored. */
  #fill(firstRow: number, lastRow: number, firstColumn: number, lastColumn: number, input: Float32Array): void {
    const { depthwise, geometry, stripPixels } = this.#executor;
    const [depth, height] = geometry.output;
    const columns = lastColumn - firstColumn;
    const out = this.#out;
    const { offsets } = this.#place;
    for (let row = firstRow, pixel = 0; row < lastRow; row++, pixel += columns) {
      const h = row % height;
      const d = Math.floor(row / height) % depth;
      const image = Math.floor(row / (height * depth));
      const base = image * out.batch + d * out.depth + h * out.height + firstColumn * out.width;
      for (let i = 0; i < columns; i++) offsets[pixel + i] = base + i * out.width;
      this.#rows.locate(image, d, h);
      for (let channel = 0; channel < depthwise.spec.outChannels; channel++) {
        this.#rows.sum(input, channel, firstColumn, lastColumn, this.#rowSums);
        const first = channel * stripPixels + pixel;
        depthwise.epilogue.storeRow(this.#rowSums, columns, first, 1, channel, this.#stripTarget);
      }
    }
  }

  #pack(pixels: number): void {
    const { pointwise, stripPixels } = this.#executor;
    const { inChannels, groups } = pointwise.spec;
    const groupIn = inChannels / groups;
    const strip = this.#strip;
    const a = this.#a;
    for (let channel = 0; channel < inChannels; channel++) {
      const from = channel * stripPixels;
      const to = Math.floor(channel / groupIn) * this.#groupFloats + (channel % groupIn) * MR;
      for (let pixel = 0; pixel < pixels; pixel++) {
        const lane = pixel % MR;
        a[to + (pixel - lane) * groupIn + lane] = strip[from + pixel];
      }
    }
  }
}

/** The fused depthwise separable layer. */
export const separable: Algorithm = {
  name: 'separable',
  refuse({ layer: { spec }, pointwise }) {
    if (pointwise === null) return 'serves a depthwise and a pointwise stage, not one alone';
    if (spec.transposed || spec.groups !== spec.inChannels) return 'the first stage is not a depthwise convolution';
    return volume(pointwise.spec.kernel) === 1 ? null : 'the second stage is not a 1x1 convolution';
  },
  yieldTo: neverYields,
  prepare: ({ layer, pointwise, geometry }) => new SeparableExecutor(layer, pointwise as Layer, geometry),
};
