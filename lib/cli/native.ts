import { ConvolithError } from '../errors.js';
import { info } from '../index.js';
import type { NativeBinding } from '../native/binding.js';
import { loadBinding } from '../native/load.js';

/** The addon itself, for what is beyond the layers' interface. @throws ConvolithError `ERR_LOAD` where it cannot load. */
export function nativeBinding(): NativeBinding {
  const { binding, reason } = loadBinding();
  if (binding === null) throw new ConvolithError('ERR_LOAD', `the native engine cannot load: ${reason}`);
  // The environment's choice of instruction set is made on first use; a later one must not be undone by it.
  info();
  return binding;
}

/** Runs `work` with an instruction set in use for the layers it makes, then puts back the one before. */
export function withIsa<T>(isa: string | undefined, work: () => T): T {
  if (isa === undefined) return work();
  const binding = nativeBinding();
  const before = binding.getIsa();
  binding.setIsa(isa);
  try {
    return work();
  } finally {
    binding.setIsa(before);
  }
}
