import { selectEngine } from '../engines.js';
import { ConvolithError } from '../errors.js';
import type { NativeBinding } from '../native/binding.js';
import { rewrapped } from '../native/engine.js';
import { loadBinding } from '../native/load.js';

/** The addon itself, for what is beyond the layers' interface. @throws ConvolithError `ERR_LOAD` where it cannot load. */
export function nativeBinding(): NativeBinding {
  // Refuses where there is none, and settles the environment's choice of instruction set, which must not undo a later one.
  selectEngine('native');
  const { binding, reason } = loadBinding();
  if (binding === null)
    throw new ConvolithError('ERR_LOAD', `Expected a loadable addon but received an error: ${reason}`);
  return binding;
}

/** Runs `work` with an instruction set in use for the layers it makes, then puts back the one before. */
export function withIsa<T>(isa: string | undefined, work: () => T): T {
  if (isa === undefined) return work();
  const binding = nativeBinding();
  const before = binding.getIsa();
  rewrapped(() => binding.setIsa(isa));
  try {
    return work();
  } finally {
    binding.setIsa(before);
  }
}
