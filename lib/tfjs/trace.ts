import type * as tfc from '@tensorflow/tfjs-core';
import type { Backend, KernelFunc } from './backend.js';
import type { KernelResult, TensorInfo } from './kernel.js';

// What a graph model's run asks of the backend: which kernels, on what, and what is disposed of after each. Where two runs
// asked for the same, read no value on the way and wrote none, the list depends on the inputs' shapes alone, and another
// run may take it without TensorFlow.js in between.

/** A tensor of a run by its place among the inputs and all kernels' outputs; `FIXED` for one that is the model's own. */
type Place = number;
const FIXED = -1;

interface Sized {
  readonly shape: readonly number[];
  readonly dtype: tfc.DataType;
}

/** One kernel's call. */
interface Step {
  readonly name: string;
  readonly serve: KernelFunc;
  readonly attrs: object;
  /** The names of the inputs; `null` where they are a list. */
  readonly names: readonly string[] | null;
  readonly from: readonly Place[];
  /** What is given where the place is `FIXED`. */
  readonly fixed: readonly (TensorInfo | null | undefined)[];
  /** The outputs' first place, and their sizes. */
  readonly first: Place;
  readonly made: readonly Sized[];
  /** Places whose data lose a reference after it. */
  readonly disposed: Place[];
}

function alike(a: Sized, b: Sized): boolean {
  if (a.dtype !== b.dtype || a.shape.length !== b.shape.length) return false;
  for (let axis = 0; axis < a.shape.length; axis++) if (a.shape[axis] !== b.shape[axis]) return false;
  return true;
}

/** Equality of what attributes are made of; anything else (a function, a tensor) equals itself alone. */
function sameAttribute(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const kind = Object.getPrototypeOf(a);
  if (kind !== Object.getPrototypeOf(b)) return false;
  if (kind !== Object.prototype && !Array.isArray(a) && !ArrayBuffer.isView(a)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => sameAttribute(a[key as keyof typeof a], b[key as keyof typeof b]))
  );
}

function sameStep(a: Step, b: Step): boolean {
  return (
    a.serve === b.serve &&
    a.first === b.first &&
    sameAttribute(a.names, b.names) &&
    sameAttribute(a.from, b.from) &&
    sameAttribute(a.disposed, b.disposed) &&
    sameAttribute(a.attrs, b.attrs) &&
    sameAttribute(a.fixed, b.fixed) &&
    a.made.length === b.made.length &&
    a.made.every((sized, at) => alike(sized, b.made[at]))
  );
}

/** A run's list. */
export class Trace {
  readonly #constants: readonly tfc.Tensor[];

  constructor(
    private readonly steps: readonly Step[],
    /** Where the results are. */
    private readonly results: readonly Place[],
    private readonly places: number,
  ) {
    const fixed = new Set(steps.flatMap((step) => step.fixed).filter((info) => info !== null && info !== undefined));
    this.#constants = [...fixed] as tfc.Tensor[];
  }

  equals(other: Trace): boolean {
    return (
      this.steps.length === other.steps.length &&
      sameAttribute(this.results, other.results) &&
      this.steps.every((step, at) => sameStep(step, other.steps[at]))
    );
  }

  /**
   * The same on other inputs; `null`, and nothing is left behind, where a kernel's output has another shape than it had:
   * what follows may depend on it.
   */
  run(backend: Backend, inputs: readonly TensorInfo[]): TensorInfo[] | null {
    for (const constant of this.#constants) if (constant.isDisposed) return null;
    const values = new Array<TensorInfo>(this.places);
    for (let at = 0; at < inputs.length; at++) values[at] = inputs[at];
    let done = 0;
    try {
      for (; done < this.steps.length; done++) {
        if (!advance(this.steps[done], values, backend)) break;
      }
    } catch (error) {
      this.#undo(backend, values, done);
      throw error;
    }
    if (done < this.steps.length) {
      this.#undo(backend, values, done);
      return null;
    }
    return this.results.map((place) => values[place]);
  }

  /** Lets go of all that the steps before `end`, and that one as far as it came, have made. */
  #undo(backend: Backend, values: readonly TensorInfo[], end: number): void {
    const disposals: Place[] = [];
    for (const { disposed } of this.steps.slice(0, end)) disposals.push(...disposed);
    for (const { first, made } of this.steps.slice(0, end + 1)) {
      for (let at = 0; at < made.length; at++) {
        const info = values[first + at];
        if (info === undefined) continue;
        const before = disposals.findIndex((place) => values[place].dataId === info.dataId);
        if (before >= 0) disposals.splice(before, 1);
        else backend.disposeData(info.dataId);
      }
    }
  }
}

/** Runs one step; false where what it made is not what it made before. */
function advance(step: Step, values: TensorInfo[], backend: Backend): boolean {
  const { names, from, fixed, made, first, disposed } = step;
  const inputs: Record<string | number, TensorInfo | null | undefined> = names === null ? ([] as never) : {};
  for (let at = 0; at < from.length; at++) {
    inputs[names === null ? at : names[at]] = from[at] === FIXED ? fixed[at] : values[from[at]];
  }
  const result = step.serve({ inputs, attrs: step.attrs, backend });
  let isSame = true;
  if (Array.isArray(result)) {
    for (let at = 0; at < result.length; at++) {
      values[first + at] = result[at];
      isSame &&= at < made.length && alike(result[at], made[at]);
    }
    isSame &&= result.length === made.length;
  } else {
    values[first] = result as TensorInfo;
    isSame = alike(result as TensorInfo, made[0]);
  }
  if (!isSame) return false;
  for (let at = 0; at < disposed.length; at++) backend.disposeData(values[disposed[at]].dataId);
  return true;
}

/** Writes a run's list while TensorFlow.js runs it. */
export class Recorder {
  readonly #steps: Step[] = [];
  /** Each piece of data's places, the latest last. */
  readonly #places = new Map<object, (Sized & { readonly place: Place })[]>();
  #count = 0;
  /** Kernels that run: what they do with the backend is their own. */
  #depth = 0;
  #isSpoilt = false;

  constructor(
    inputs: readonly TensorInfo[],
    /** The data of the model's own tensors. */
    private readonly weights: ReadonlySet<object>,
    /** How many tensors TensorFlow.js knows. */
    private readonly tensors: () => number,
  ) {
    for (const info of inputs) {
      if (this.#places.has(info.dataId) || weights.has(info.dataId)) this.#isSpoilt = true;
      this.#place(info);
    }
  }

  #place({ dataId, shape, dtype }: TensorInfo): Place {
    const place = this.#count++;
    const found = this.#places.get(dataId);
    if (found === undefined) this.#places.set(dataId, [{ place, shape, dtype }]);
    else found.push({ place, shape, dtype });
    return place;
  }

  #find(info: TensorInfo): Place {
    const found = this.#places.get(info.dataId)?.find((known) => alike(known, info));
    if (found !== undefined) return found.place;
    if (!this.weights.has(info.dataId)) this.#isSpoilt = true;
    return FIXED;
  }

  /** Runs a kernel, and notes it. */
  kernel(name: string, serve: KernelFunc, call: Parameters<KernelFunc>[0]): KernelResult {
    if (this.#depth > 0) return serve(call);
    const given = Object.values(call.inputs) as (TensorInfo | null | undefined)[];
    const from = given.map((info) => (info?.dataId === undefined ? FIXED : this.#find(info)));
    const before = this.tensors();
    this.#depth++;
    let result: KernelResult;
    try {
      result = serve(call);
    } finally {
      this.#depth--;
    }
    // Some of the CPU backend's kernels, and of programs, make tensors of their own, which a scope disposes of.
    if (this.tensors() !== before) this.#isSpoilt = true;
    const outputs = (Array.isArray(result) ? result : [result]) as TensorInfo[];
    const first = this.#count;
    for (const info of outputs) this.#place(info);
    this.#steps.push({
      name,
      serve,
      attrs: call.attrs,
      names: Array.isArray(call.inputs) ? null : Object.keys(call.inputs),
      from,
      fixed: given.map((info, at) => (from[at] === FIXED ? info : null)),
      first,
      made: outputs.map(({ shape, dtype }) => ({ shape: [...shape], dtype })),
      disposed: [],
    });
    return result;
  }

  /** A reference less to some data. */
  dispose(dataId: object): void {
    if (this.#depth > 0) return;
    const place = this.#places.get(dataId)?.[0].place;
    const last = this.#steps.at(-1);
    if (place === undefined || last === undefined) this.#isSpoilt = true;
    else last.disposed.push(place);
  }

  /** The values of some data are read: what follows may depend on them, but for the model's own. */
  read(dataId: object): void {
    if (this.#depth === 0 && !this.weights.has(dataId)) this.#isSpoilt = true;
  }

  /** Something that no list has happened. */
  spoil(): void {
    if (this.#depth === 0) this.#isSpoilt = true;
  }

  /** The list, where it is one. */
  finish(results: readonly TensorInfo[]): Trace | null {
    const places = results.map((info) => this.#find(info));
    const isList = !this.#isSpoilt && new Set(results.map(({ dataId }) => dataId)).size === results.length;
    const isMade = places.every((place) =>
      this.#steps.some(({ first, made }) => first <= place && place < first + made.length),
    );
    return isList && isMade ? new Trace(this.#steps, places, this.#count) : null;
  }
}
