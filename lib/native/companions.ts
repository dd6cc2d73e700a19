import type { CompanionKernels, Movable } from '../companions/kernels.js';
import type { NativeBinding } from './binding.js';
import { rewrap } from './engine.js';

/**
 * The addon's companions: the methods of `CompanionKernels` with their arguments flat, operations as places in the
 * addon's own lists.
 */
export interface NativeCompanions {
  readonly unaryOps: readonly string[];
  readonly binaryOps: readonly string[];
  readonly poolOps: readonly string[];
  readonly reduceOps: readonly string[];
  readonly matMulActivations: readonly string[];
  unary(op: number, x: Float32Array, out: Float32Array, first: number, second: number): void;
  binary(op: number, a: Float32Array, b: Float32Array, out: Float32Array, block: Int32Array): void;
  normalize(x: Float32Array, mean: Float32Array, scale: Float32Array, offset: Float32Array, out: Float32Array): void;
  copy(sources: readonly Movable[], out: Movable, block: Int32Array): void;
  pool(op: number, x: Float32Array, out: Float32Array, block: Int32Array): void;
  avgPoolGrad(dy: Float32Array, dx: Float32Array, block: Int32Array): void;
  maxPoolGrad(dy: Float32Array, x: Float32Array, dx: Float32Array, block: Int32Array, last: boolean): void;
  reduce(op: number, x: Float32Array, out: Float32Array, outer: number, size: number, inner: number): void;
  argMax(x: Float32Array, out: Int32Array, outer: number, size: number, inner: number): void;
  softmax(x: Float32Array, out: Float32Array, rows: number, columns: number): void;
  topK(x: Float32Array, values: Float32Array, indices: Int32Array, rows: number, columns: number, k: number): void;
  resizeBilinear(
    x: Float32Array,
    out: Float32Array,
    low: Int32Array,
    high: Int32Array,
    fraction: Float32Array,
    block: Int32Array,
  ): void;
  resizeNearest(x: Float32Array, out: Float32Array, places: Int32Array, block: Int32Array): void;
  matMul(
    a: Float32Array,
    b: Float32Array,
    out: Float32Array,
    block: Int32Array,
    activation: number,
    alpha: number,
    bias: Float32Array | null,
    slope: Float32Array | null,
  ): void;
}

/** The place of each operation in the addon's list. */
function placesOf<Name extends string>(names: readonly string[]): (name: Name) => number {
  const places = new Map<string, number>(names.map((name, place) => [name, place]));
  // A name that the addon lacks is none of its places, and it says so.
  return (name) => places.get(name) ?? -1;
}

/** One method, with the addon's errors as the library's own. */
function rethrowing<Args extends readonly unknown[]>(call: (...args: Args) => void): (...args: Args) => void {
  return (...args) => {
    try {
      call(...args);
    } catch (error) {
      throw rewrap(error);
    }
  };
}

/** Puts the addon's companions behind the interface that both engines serve. */
export function createNativeCompanions(binding: NativeBinding): CompanionKernels {
  const native = binding.companions;
  const unaryPlace = placesOf(native.unaryOps);
  const binaryPlace = placesOf(native.binaryOps);
  const poolPlace = placesOf(native.poolOps);
  const reducePlace = placesOf(native.reduceOps);
  const activationPlace = placesOf(native.matMulActivations);
  const methods: Omit<CompanionKernels, 'isa'> = {
    unary: rethrowing((op, x, out, first, second) => native.unary(unaryPlace(op), x, out, first, second)),
    binary: rethrowing((op, a, b, out, block) => native.binary(binaryPlace(op), a, b, out, block)),
    normalize: rethrowing(native.normalize),
    copy: rethrowing(native.copy),
    pool: rethrowing((op, x, out, block) => native.pool(poolPlace(op), x, out, block)),
    avgPoolGrad: rethrowing(native.avgPoolGrad),
    maxPoolGrad: rethrowing(native.maxPoolGrad),
    reduce: rethrowing((op, x, out, outer, size, inner) => native.reduce(reducePlace(op), x, out, outer, size, inner)),
    argMax: rethrowing(native.argMax),
    softmax: rethrowing(native.softmax),
    topK: rethrowing(native.topK),
    resizeBilinear: rethrowing((x, out, { low, high, fraction }, block) =>
      native.resizeBilinear(x, out, low, high, fraction, block),
    ),
    resizeNearest: rethrowing(native.resizeNearest),
    matMul: rethrowing((a, b, out, block, { activation, alpha, bias, slope }) =>
      native.matMul(a, b, out, block, activationPlace(activation), alpha, bias, slope),
    ),
  };
  return {
    ...methods,
    get isa() {
      return binding.getIsa();
    },
  };
}
