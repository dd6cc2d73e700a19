import type { ConvGeometry } from '../../spec.js';
import type { Call, Target } from '../epilogue.js';
import { mapStrides, paddedCoordinate, volume } from '../geometry.js';
import { type Algorithm, type Executor, type Layer, neverYields, type Worker } from './algorithm.js';

/** Textbook loops run at about a quarter of the tiled ones. */
const STEP_TERMS = 2 ** 19;

/** One stage by the definition in lib/spec.ts, an output at a time. Everything else here is checked against it. */
class PlainStage {
  readonly terms: number;
  readonly #layer: Layer;
  readonly #geometry: ConvGeometry;
  readonly #in: ReturnType<typeof mapStrides>;

  constructor(layer: Layer, geometry: ConvGeometry) {
    this.#layer = layer;
    this.#geometry = geometry;
    this.#in = mapStrides(layer.spec.inChannels, geometry.input, layer.spec.channelsLast);
    this.terms = (layer.spec.inChannels / layer.spec.groups) * volume(layer.spec.kernel);
  }

  /** The sum of one output, before bias and activation. `at` is image, channel, depth, height, width. */
  sum(input: Float32Array, at: Int32Array): number {
    const { spec, weights } = this.#layer;
    const groupIn = spec.inChannels / spec.groups;
    const groupOut = spec.outChannels / spec.groups;
    const group = Math.floor(at[1] / groupOut);
    const taps = volume(spec.kernel);
    const [kernelDepth, kernelHeight, kernelWidth] = spec.kernel;
    let total = 0;
    for (let c = 0; c < groupIn; c++) {
      const channel = group * groupIn + c;
      const row = spec.transposed ? channel * groupOut + (at[1] % groupOut) : at[1] * groupIn + c;
      const plane = at[0] * this.#in.batch + channel * this.#in.channel;
      for (let kd = 0, tap = row * taps; kd < kernelDepth; kd++) {
        const z = this.#read(0, at[2], kd);
        for (let kh = 0; kh < kernelHeight; kh++) {
          const y = this.#read(1, at[3], kh);
          for (let kw = 0; kw < kernelWidth; kw++, tap++) {
            const x = this.#read(2, at[4], kw);
            if (z < 0 || y < 0 || x < 0) continue;
            const from = plane + z * this.#in.depth + y * this.#in.height + x * this.#in.width;
            total += input[from] * weights.raw[tap];
          }
        }
      }
    }
    return total;
  }

  /** The input coordinate that a tap of an output reads on one axis, or -1. */
  #read(axis: 0 | 1 | 2, output: number, tap: number): number {
    const { spec } = this.#layer;
    const { input, padBefore } = this.#geometry;
    const offset = tap * spec.dilation[axis];
    if (!spec.transposed) {
      return paddedCoordinate(output * spec.stride[axis] - padBefore[axis] + offset, input[axis], spec.paddingMode);
    }
    const reach = output + padBefore[axis] - offset;
    return reach % spec.stride[axis] === 0 && reach / spec.stride[axis] < input[axis] ? reach / spec.stride[axis] : -1;
  }
}

/** A step is a range of outputs, counted image, depth, height, width, channel. */
class PlainExecutor implements Executor {
  readonly tile = '1x1';
  readonly packedBytes = 0;
  readonly steps: number;
  readonly first: PlainStage;
  readonly second: PlainStage | null;
  readonly pixels: number;
  readonly pixelsPerStep: number;
  readonly channelsPerStep: number;
  readonly ranges: number;

  constructor(
    readonly layer: Layer,
    readonly pointwise: Layer | null,
    readonly geometry: ConvGeometry,
  ) {
    this.first = new PlainStage(layer, geometry);
    const between: ConvGeometry = {
      batch: 1,
      input: [1, 1, 1],
      output: [1, 1, 1],
      padBefore: [0, 0, 0],
      padAfter: [0, 0, 0],
    };
    this.second = pointwise === null ? null : new PlainStage(pointwise, between);
    this.pixels = geometry.batch * volume(geometry.output);
    const channels = layer.spec.outChannels;
    const terms = channels * this.first.terms + (pointwise?.spec.outChannels ?? 0) * (this.second?.terms ?? 0);
    this.pixelsPerStep = Math.max(1, Math.floor(STEP_TERMS / Math.max(1, terms)));
    const pieces = pointwise === null ? Math.ceil(Math.min(channels, terms / STEP_TERMS)) : 1;
    this.channelsPerStep = Math.ceil(channels / Math.max(1, pieces));
    this.ranges = Math.ceil(channels / this.channelsPerStep);
    this.steps = Math.ceil(this.pixels / this.pixelsPerStep) * this.ranges;
  }

  createWorker(): Worker {
    return new PlainWorker(this);
  }
}

class PlainWorker implements Worker {
  readonly #executor: PlainExecutor;
  readonly #at = new Int32Array(5);
  readonly #origin = new Int32Array(5);
  /** One pixel of the map between two stages. */
  readonly #between: Float32Array;
  readonly #betweenTarget: Target;

  constructor(executor: PlainExecutor) {
    this.#executor = executor;
    this.#between = new Float32Array(executor.pointwise === null ? 0 : executor.layer.spec.outChannels);
    this.#betweenTarget = { output: this.#between, residual: null };
  }

  get bytes(): number {
    return this.#between.byteLength + this.#at.byteLength + this.#origin.byteLength;
  }

  step(index: number, call: Call): void {
    const { pixels, pixelsPerStep, channelsPerStep, ranges, layer, pointwise, geometry } = this.#executor;
    const first = Math.floor(index / ranges) * pixelsPerStep;
    const last = Math.min(pixels, first + pixelsPerStep);
    const firstChannel = (index % ranges) * channelsPerStep;
    const lastChannel = Math.min(layer.spec.outChannels, firstChannel + channelsPerStep);
    const out = mapStrides((pointwise ?? layer).spec.outChannels, geometry.output, layer.spec.channelsLast);
    const [depth, height, width] = geometry.output;
    const at = this.#at;
    for (let pixel = first; pixel < last; pixel++) {
      at[4] = pixel % width;
      at[3] = Math.floor(pixel / width) % height;
      at[2] = Math.floor(pixel / (width * height)) % depth;
      at[0] = Math.floor(pixel / (width * height * depth));
      const base = at[0] * out.batch + at[2] * out.depth + at[3] * out.height + at[4] * out.width;
      if (pointwise === null) {
        for (let channel = firstChannel; channel < lastChannel; channel++) {
          at[1] = channel;
          const sum = this.#executor.first.sum(call.input, at);
          layer.epilogue.store(sum, channel, base + channel * out.channel, call);
        }
      } else {
        this.#twoStages(pointwise, base, out.channel, call);
      }
    }
  }

  #twoStages(pointwise: Layer, base: number, channelStride: number, call: Call): void {
    const { layer, first, second } = this.#executor;
    for (let channel = 0; channel < layer.spec.outChannels; channel++) {
      this.#at[1] = channel;
      layer.epilogue.store(first.sum(call.input, this.#at), channel, channel, this.#betweenTarget);
    }
    for (let channel = 0; channel < pointwise.spec.outChannels; channel++) {
      this.#origin[1] = channel;
      const sum = (second as PlainStage).sum(this.#between, this.#origin);
      pointwise.epilogue.store(sum, channel, base + channel * channelStride, call);
    }
  }
}

/** Plain loops over the definition. Serves everything; nothing stands behind it. */
export const reference: Algorithm = {
  name: 'reference',
  refuse: () => null,
  yieldTo: neverYields,
  prepare: ({ layer, pointwise, geometry }) => new PlainExecutor(layer, pointwise, geometry),
};
