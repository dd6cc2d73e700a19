import type * as tfc from '@tensorflow/tfjs-core';
import type { Backend } from './backend.js';

export type TensorInfo = tfc.TensorInfo;

/** What one call of a kernel is given: TensorFlow.js's own inputs and attributes, and the backend that holds the data. */
export interface KernelCall<Inputs, Attrs> {
  readonly inputs: Inputs;
  readonly attrs: Attrs;
  readonly backend: Backend;
}

/** What a kernel gives back; `null` where the CPU backend's kernel of that name must serve (another dtype, an odd shape). */
export type KernelResult = TensorInfo | TensorInfo[] | null;

/** A row of the kernel table. */
export interface Kernel {
  /** TensorFlow.js's name of it. */
  readonly name: string;
  run(call: KernelCall<unknown, unknown>): KernelResult;
}

/** Names the types that TensorFlow.js gives a kernel's inputs and attributes; it checks neither itself. */
export function defineKernel<Inputs, Attrs>(
  name: string,
  run: (call: KernelCall<Inputs, Attrs>) => KernelResult,
): Kernel {
  return { name, run: run as Kernel['run'] };
}
