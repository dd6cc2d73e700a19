import type { BinaryOp, CompanionKernels, UnaryOp } from '../companions/kernels.js';
import type { NativeBinding } from './binding.js';
import { rewrap } from './engine.js';

/**
 * The addon's companions: the methods of `CompanionKernels` with their arguments flat, operations as places in the
 * addon's own lists.
 */
export interface NativeCompanions {
  readonly unaryOps: readonly string[];
  readonly binaryOps: readonly string[];
  unary(op: number, x: Float32Array, out: Float32Array, first: number, second: number): void;
  binary(op: number, a: Float32Array, b: Float32Array, out: Float32Array, block: Int32Array): void;
  normalize(x: Float32Array, mean: Float32Array, scale: Float32Array, offset: Float32Array, out: Float32Array): void;
}

function codesOf(names: readonly string[]): ReadonlyMap<string, number> {
  return new Map(names.map((name, code) => [name, code]));
}

/** The native companions; `twin` serves what the addon has no kernel for. */
export function createNativeCompanions(binding: NativeBinding, twin: CompanionKernels): CompanionKernels {
  const native = binding.companions;
  const unaryCodes = codesOf(native.unaryOps);
  const binaryCodes = codesOf(native.binaryOps);
  return {
    ...twin,
    get isa() {
      return binding.getIsa();
    },
    unary(op: UnaryOp, x, out, first, second) {
      try {
        native.unary(unaryCodes.get(op) as number, x, out, first, second);
      } catch (error) {
        throw rewrap(error);
      }
    },
    binary(op: BinaryOp, a, b, out, block) {
      try {
        native.binary(binaryCodes.get(op) as number, a, b, out, block);
      } catch (error) {
        throw rewrap(error);
      }
    },
    normalize(x, mean, scale, offset, out) {
      try {
        native.normalize(x, mean, scale, offset, out);
      } catch (error) {
        throw rewrap(error);
      }
    },
  };
}
