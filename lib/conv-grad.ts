import type { Engine, EngineOperation, Explanation } from './engine.js';
import { paddedCoordinate, volume } from './fallback/geometry.js';
import type { ConvGeometry, ConvSpec, EngineActivation, Triple, WeightLayout } from './spec.js';

/** A spec and its sizes for one input. */
export interface SizedSpec {
  readonly spec: ConvSpec;
  readonly geometry: ConvGeometry;
}

const LINEAR: EngineActivation = Object.freeze({ op: 'clip', min: -Infinity, max: Infinity, alpha: 0, slope: null });

function mapAxes(value: (axis: 0 | 1 | 2) => number): Triple {
  return Object.freeze([value(0), value(1), value(2)] as const);
}

/**
 * The adjoint of a convolution, by which gradients go back from its output to its input: `<conv(x), y> = <x, adjoint(y)>`.
 * That of a standard one is the transposed one with the same weight, stride, dilation and padding, and the reverse; the
 * weight's dimensions change their names and keep their order, so that no entry moves (Dumoulin and Visin, "A guide to
 * convolution arithmetic for deep learning", 2016, section 4). What padding modes other than zeros read outside of the
 * map is part of their adjoint's output: it is that of the padded map, and folding it back is left to the caller.
 */
export function adjoint({ spec, geometry }: SizedSpec): SizedSpec {
  const { transposed, kernel, stride, dilation } = spec;
  const padded = spec.paddingMode !== 'zeros';
  const input = geometry.output;
  const output = mapAxes(
    (axis) => geometry.input[axis] + (padded ? geometry.padBefore[axis] + geometry.padAfter[axis] : 0),
  );
  const padBefore = padded ? mapAxes(() => 0) : geometry.padBefore;
  // The padding at the end with which the longer map is exactly as long as the kernel's reach; negative where it is longer.
  const [short, long] = transposed ? [output, input] : [input, output];
  const padAfter = mapAxes((axis) => {
    const reach = (short[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1;
    return reach - padBefore[axis] - long[axis];
  });
  return {
    spec: Object.freeze({
      ...spec,
      transposed: !transposed,
      inChannels: spec.outChannels,
      outChannels: spec.inChannels,
      paddingMode: 'zeros',
      activation: LINEAR,
      algorithm: 'auto',
    }),
    geometry: Object.freeze({ batch: geometry.batch, input, output, padBefore, padAfter }),
  };
}

/** Adds the gradient of a padded map to where its entries were read from. Fills `target`, of `geometry.input`'s size. */
export function foldPadding({ spec, geometry }: SizedSpec, padded: Float32Array, target: Float32Array): void {
  const { input, padBefore, padAfter, batch } = geometry;
  const size = mapAxes((axis) => input[axis] + padBefore[axis] + padAfter[axis]);
  const unit = spec.channelsLast ? spec.inChannels : 1;
  const maps = spec.channelsLast ? batch : batch * spec.inChannels;
  const sources = [0, 1, 2].map((axis) =>
    Int32Array.from({ length: size[axis] }, (_, at) =>
      paddedCoordinate(at - padBefore[axis], input[axis], spec.paddingMode),
    ),
  );
  const inside = (axis: number, at: number): boolean => at >= padBefore[axis] && at < padBefore[axis] + input[axis];
  const row = input[2] * unit;
  const paddedRow = size[2] * unit;
  /** Calls with the start of each padded row, of the row that it was read from, and whether it lies inside the map. */
  const eachRow = (visit: (from: number, to: number, interior: boolean) => void): void => {
    for (let map = 0, from = 0; map < maps; map++) {
      for (let d = 0; d < size[0]; d++) {
        for (let h = 0; h < size[1]; h++, from += paddedRow) {
          const to = ((map * input[0] + sources[0][d]) * input[1] + sources[1][h]) * row;
          visit(from, to, inside(0, d) && inside(1, h));
        }
      }
    }
  };
  const columns = sources[2];
  const first = padBefore[2] * unit;
  // The map's own entries first, each once: what is added next finds them all there.
  eachRow((from, to, interior) => {
    if (interior) target.set(padded.subarray(from + first, from + first + row), to);
  });
  eachRow((from, to, interior) => {
    for (let w = 0; w < columns.length; w++) {
      if (interior && w === padBefore[2]) w += input[2];
      if (w >= columns.length) break;
      const [source, sum] = [from + w * unit, to + columns[w] * unit];
      for (let c = 0; c < unit; c++) target[sum + c] += padded[source + c];
    }
  });
}

/**
 * The gradients of one convolution at one geometry, with every buffer the caller's. Weights come with each call, since
 * training changes them; plans and scratch are kept. Buffers are checked by the caller.
 */
export class ConvGrad {
  readonly #sized: SizedSpec;
  readonly #engine: Engine;
  readonly #layout: WeightLayout;
  #input: EngineOperation | null = null;
  #weight: EngineOperation | null = null;
  /** The padded map's gradient, of padding modes other than zeros. */
  #padded: Float32Array | null = null;

  constructor(engine: Engine, sized: SizedSpec, layout: WeightLayout) {
    this.#engine = engine;
    this.#sized = sized;
    this.#layout = layout;
  }

  /** Fills `gradInput`, shaped as the input: the adjoint of the convolution, of `gradOutput`. */
  inputGrad(gradOutput: Float32Array, weight: Float32Array, gradInput: Float32Array): void {
    const operation = this.#inputOperation();
    if (this.#sized.spec.paddingMode === 'zeros') {
      operation.run(gradOutput, weight, gradInput);
      return;
    }
    const { spec, geometry } = this.#sized;
    const size = mapAxes((axis) => geometry.input[axis] + geometry.padBefore[axis] + geometry.padAfter[axis]);
    this.#padded ??= new Float32Array(geometry.batch * spec.inChannels * volume(size));
    operation.run(gradOutput, weight, this.#padded);
    foldPadding(this.#sized, this.#padded, gradInput);
  }

  /** Fills `gradWeight`, shaped as the weight and in its order. */
  weightGrad(input: Float32Array, gradOutput: Float32Array, gradWeight: Float32Array): void {
    const operation = this.#weightOperation();
    // A transposed convolution's weight meets its input as a standard one's meets its output.
    if (this.#sized.spec.transposed) operation.run(gradOutput, input, gradWeight);
    else operation.run(input, gradOutput, gradWeight);
  }

  /** What was decided for each of the two. */
  explain(): { readonly input: Explanation; readonly weight: Explanation } {
    return { input: this.#inputOperation().explain(), weight: this.#weightOperation().explain() };
  }

  dispose(): void {
    this.#input?.dispose();
    this.#weight?.dispose();
    this.#input = null;
    this.#weight = null;
    this.#padded = null;
  }

  #inputOperation(): EngineOperation {
    if (this.#input === null) {
      const { spec, geometry } = adjoint(this.#sized);
      this.#input = this.#engine.createDynamicConv(spec, geometry, this.#layout);
    }
    return this.#input;
  }

  #weightOperation(): EngineOperation {
    if (this.#weight === null) {
      const { spec, geometry } = this.#sized.spec.transposed ? adjoint(this.#sized) : this.#sized;
      this.#weight = this.#engine.createWeightGrad(spec, geometry, this.#layout);
    }
    return this.#weight;
  }
}
