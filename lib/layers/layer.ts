import type { Cost } from '../cost.js';
import type { EnginePlan, Explanation } from '../engine.js';
import { ConvolithError, expected, show } from '../errors.js';
import type { Layout, Rank, RankedShape, RankedTensor, Shape } from '../options.js';
import { asOptions, checkKeys, isObject, product } from '../spec/check.js';
import type { Tensor, TensorLike } from '../tensor.js';
import { allocate, checkData, checkShape, overlap, readTensor } from '../tensor.js';

/** What a single call takes. */
export interface ForwardOptions {
  /**
   * Filled and returned; nothing is allocated then. A tensor of the output's shape, or a bare array of its length. It must
   * not overlap input or residual. @defaultValue a new tensor
   */
  readonly out?: Tensor<readonly number[]> | Float32Array;
  /** Shaped as the output; added before the activation. @defaultValue none */
  readonly residual?: TensorLike | Float32Array;
}

/** What a single asynchronous call takes. */
export interface ForwardAsyncOptions extends ForwardOptions {
  /** Stops the run; the promise rejects with `ERR_ABORTED`, its `cause` the signal's reason. `out` is undefined then. @defaultValue none */
  readonly signal?: AbortSignal;
}

/** A layer made ready for one input shape. */
interface Prepared {
  readonly inputShape: readonly number[];
  readonly inputCount: number;
  readonly outputShape: readonly number[];
  readonly outputCount: number;
  /** Made when the first run or explanation asks for it. */
  plan: EnginePlan | null;
}

/** One call, checked. */
interface Run {
  readonly plan: EnginePlan;
  readonly input: Float32Array;
  readonly output: Float32Array;
  readonly residual: Float32Array | null;
  readonly result: Tensor;
}

/** Input shapes whose plans a layer keeps. Servers see a few sizes in turn; each plan holds offset tables and packed weights. */
const PLANS_KEPT = 8;

const NO_OPTIONS: ForwardAsyncOptions = Object.freeze({});
const SYNC_KEYS: readonly string[] = ['out', 'residual'];
const ASYNC_KEYS: readonly string[] = ['out', 'residual', 'signal'];

/**
 * What every layer does, whatever it computes: checks a call, keeps plans by input shape, runs, and frees.
 * A refused call leaves `out` and the layer as they were.
 */
export abstract class Layer<R extends Rank = Rank, L extends Layout<R> = Layout<R>> {
  #recent: Prepared[] = [];
  #running = 0;
  #disposed = false;

  /** Spatial axes: 1, 2 or 3. */
  abstract readonly rank: R;
  /** Order of the dimensions of input, output and residual. */
  abstract readonly layout: L;
  /** Channels of the input. */
  abstract readonly inChannels: number;
  /** Channels of the output. */
  abstract readonly outChannels: number;

  /**
   * Computes the layer before it returns.
   * @param input - `[batch, inChannels, …spatial]`, or channels last as `layout` says.
   * @returns `out` where that was given, otherwise a new tensor.
   * @throws ConvolithError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_BUFFER`, `ERR_MEMORY`, `ERR_OPTION` or `ERR_DISPOSED`; nothing is written then.
   * @example
   * const conv = new Conv2d({ weight: tensor(Float32Array.of(2), [1, 1, 1, 1]) });
   * const out = new Float32Array(4);
   * conv.forward(tensor(Float32Array.of(1, 2, 3, 4), [1, 1, 2, 2]), { out }); // nothing is allocated
   * console.log(out); // → Float32Array(4) [ 2, 4, 6, 8 ]
   */
  forward<const T extends TensorLike>(
    input: RankedTensor<T, R>,
    options: ForwardOptions = NO_OPTIONS,
  ): Tensor<Shape<R>> {
    const run = this.#begin(input, options, SYNC_KEYS);
    run.plan.run(run.input, run.output, run.residual);
    return run.result as Tensor<Shape<R>>;
  }

  /**
   * Computes the layer on other threads; the event loop stays free. Until the promise settles, input, residual and `out`
   * must not be changed, and `out` not be used by another run. Rejects with the errors of `forward`, or `ERR_ABORTED`.
   * @example
   * const conv = new Conv2d({ weight: tensor(Float32Array.of(2), [1, 1, 1, 1]) });
   * const y = await conv.forwardAsync(tensor(Float32Array.of(1, 2), [1, 1, 1, 2]), { signal: AbortSignal.timeout(10_000) });
   * console.log(y.data); // → Float32Array(2) [ 2, 4 ]
   */
  async forwardAsync<const T extends TensorLike>(
    input: RankedTensor<T, R>,
    options: ForwardAsyncOptions = NO_OPTIONS,
  ): Promise<Tensor<Shape<R>>> {
    const signal = readSignal(options);
    if (signal?.aborted) throw aborted(signal);
    const run = this.#begin(input, options, ASYNC_KEYS);
    this.retain();
    try {
      await run.plan.runAsync(run.input, run.output, run.residual, signal);
      // Whoever aborts before the promise settles is told so, even where the last tile was faster.
      if (signal?.aborted) throw aborted(signal);
      return run.result as Tensor<Shape<R>>;
    } catch (error) {
      const stopped = signal !== null && error instanceof ConvolithError && error.code === 'ERR_ABORTED';
      throw stopped ? aborted(signal) : error;
    } finally {
      this.release();
    }
  }

  /**
   * The output's shape for an input's.
   * @throws ConvolithError `ERR_SHAPE` where the input does not fit, `ERR_MEMORY` beyond 2^31 - 1 elements.
   * @example
   * const conv = new Conv2d({ weight: tensor(new Float32Array(9), [1, 1, 3, 3]), padding: 'same', stride: 2 });
   * console.log(conv.outputShape([1, 1, 5, 5])); // → [ 1, 1, 3, 3 ]
   */
  outputShape<const S extends readonly number[]>(inputShape: RankedShape<S, R>): Shape<R> {
    return [...this.#prepare(inputShape, 'inputShape').outputShape] as unknown as Shape<R>;
  }

  /**
   * Multiply-accumulates, parameters and bytes for an input shape; see {@link Cost} for the formulas.
   * @example
   * const conv = new Conv2d({ weight: tensor(new Float32Array(9), [1, 1, 3, 3]), padding: 1 });
   * console.log(conv.cost([1, 1, 10, 10]).macs); // → 900
   */
  cost<const S extends readonly number[]>(inputShape: RankedShape<S, R>): Cost {
    return this.costOf(this.#prepare(inputShape, 'inputShape').inputShape);
  }

  /**
   * What the plan for an input shape decided: algorithm, instruction set, tile, memory, and who refused why.
   * @example
   * const conv = new Conv2d({ weight: tensor(new Float32Array(64 * 64), [64, 64, 1, 1]) });
   * console.log(conv.explain([1, 64, 56, 56]).algorithm); // → pointwise
   */
  explain<const S extends readonly number[]>(inputShape: RankedShape<S, R>): Explanation {
    return this.preparePlan(inputShape).explain();
  }

  /** Frees the layer's weights. A second call does nothing; any other use afterwards is `ERR_DISPOSED`. Runs under way finish first. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#recent = [];
    if (this.#running === 0) this.free();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Refuses a layer that was disposed of. @internal */
  checkAlive(): void {
    if (this.#disposed) {
      throw new ConvolithError(
        'ERR_DISPOSED',
        `Expected a live layer for ${this.constructor.name} but received one that was disposed of`,
      );
    }
  }

  /** Keeps the layer's weights until `release`. @internal */
  retain(): void {
    this.#running++;
  }

  /** @internal */
  release(): void {
    this.#running--;
    if (this.#running === 0 && this.#disposed) this.free();
  }

  /** The plan for an input shape, made where there is none yet. @internal */
  preparePlan(inputShape: readonly number[]): EnginePlan {
    return this.#planned(this.#prepare(inputShape, 'inputShape'));
  }

  protected abstract outputShapeOf(inputShape: readonly number[]): readonly number[];
  protected abstract costOf(inputShape: readonly number[]): Cost;
  protected abstract makePlan(inputShape: readonly number[]): EnginePlan;
  protected abstract free(): void;

  /** Everything is read once and checked before anything is written. */
  #begin(input: unknown, options: ForwardOptions, keys: readonly string[]): Run {
    this.checkAlive();
    if (options !== NO_OPTIONS) checkCallOptions(options, keys);
    const { out, residual } = options;
    const read = readTensor(input, 'input');
    const prepared = this.#prepare(read.shape, 'input.shape');
    const added = residual === undefined ? null : readLike(residual, prepared, 'residual');
    const filled = out === undefined ? null : readLike(out, prepared, 'out');
    const { data } = read;
    checkData(data, prepared.inputCount, 'input.data', prepared.inputShape);
    if (filled !== null) {
      checkApart(filled, data, 'input');
      if (added !== null) checkApart(filled, added, 'residual');
    }
    // A getter that was read on the way may have disposed of the layer.
    this.checkAlive();
    const plan = this.#planned(prepared);
    if (filled === null) {
      const output = allocate(prepared.outputCount, 'the output');
      return {
        plan,
        input: data,
        output,
        residual: added,
        result: { data: output, shape: prepared.outputShape.slice() },
      };
    }
    const result =
      isObject(out) && 'shape' in out
        ? (out as unknown as Tensor)
        : { data: filled, shape: prepared.outputShape.slice() };
    return { plan, input: data, output: filled, residual: added, result };
  }

  #planned(prepared: Prepared): EnginePlan {
    if (prepared.plan !== null) return prepared.plan;
    try {
      prepared.plan = this.makePlan(prepared.inputShape);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      // The TypeScript engine packs weights into arrays of its own; this is how V8 says that there is no room.
      throw new ConvolithError('ERR_MEMORY', 'Expected memory for the packed weights but there is none', { cause });
    }
    return prepared.plan;
  }

  /** The shape of the last call is compared first; a repeated shape costs that and nothing else. */
  #prepare(shape: readonly number[], name: string): Prepared {
    const recent = this.#recent;
    for (let index = 0; index < recent.length; index++) {
      const prepared = recent[index];
      if (!sameShape(prepared.inputShape, shape)) continue;
      if (index > 0) {
        recent.splice(index, 1);
        recent.unshift(prepared);
      }
      return prepared;
    }
    this.checkAlive();
    checkShape(shape, name);
    const inputShape = Object.freeze([...shape]);
    const outputShape = this.outputShapeOf(inputShape);
    const [inputCount, outputCount] = [product(inputShape, name), product(outputShape, 'the output')];
    const prepared: Prepared = { inputShape, inputCount, outputShape, outputCount, plan: null };
    recent.unshift(prepared);
    if (recent.length > PLANS_KEPT) recent.pop();
    return prepared;
  }
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis++) if (a[axis] !== b[axis]) return false;
  return true;
}

/** `for … in` because it allocates nothing in the hot call. */
function checkCallOptions(options: object, keys: readonly string[]): void {
  if (typeof options !== 'object' || options === null) throw expected('ERR_OPTION', 'an object', 'options', options);
  for (const key in options) {
    if (!keys.includes(key)) checkKeys(asOptions(options, 'options'), keys, 'options');
  }
}

function readLike(value: TensorLike | Float32Array, prepared: Prepared, name: string): Float32Array {
  if (ArrayBuffer.isView(value)) {
    checkData(value, prepared.outputCount, name, prepared.outputShape);
    return value;
  }
  const { data, shape } = readTensor(value, name);
  if (!sameShape(shape, prepared.outputShape)) {
    throw expected('ERR_SHAPE', `the output's shape ${show(prepared.outputShape)}`, `${name}.shape`, shape);
  }
  checkData(data, prepared.outputCount, `${name}.data`, prepared.outputShape);
  return data;
}

function checkApart(output: Float32Array, other: Float32Array, name: string): void {
  if (overlap(output, other)) {
    throw new ConvolithError(
      'ERR_BUFFER',
      `Expected memory apart from ${name} for out but received an overlapping part of the same buffer`,
    );
  }
}

function readSignal(options: ForwardAsyncOptions): AbortSignal | null {
  const signal: unknown = isObject(options) ? options.signal : undefined;
  if (signal === undefined) return null;
  if (!(signal instanceof AbortSignal)) throw expected('ERR_OPTION', 'an AbortSignal', 'signal', signal);
  return signal;
}

/** The error of a run whose signal fired. */
export function aborted(signal: AbortSignal): ConvolithError {
  return new ConvolithError('ERR_ABORTED', 'Expected the run to finish but its signal was aborted', {
    cause: signal.reason,
  });
}
