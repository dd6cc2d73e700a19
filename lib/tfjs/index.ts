/**
 * TensorFlow.js on Convolith: importing this registers the backend.
 * @module convolith/tfjs
 */
import { BACKEND_NAME, isTensorFlowThere, type RegisterOptions, register as registerNow } from './register.js';

export type { TensorFlow } from './backend.js';
export { BACKEND_NAME, type RegisterOptions } from './register.js';

let registered = false;

/**
 * Registers the backend `convolith` with TensorFlow.js. Importing this module has done so with the defaults, where
 * TensorFlow.js is found from here. Without `priority` it becomes the backend in use; with one, TensorFlow.js chooses by
 * it. A further call sets the threads and `trace`.
 * @throws ConvolithError `ERR_LOAD` where TensorFlow.js or its CPU backend is not installed, or the engine that was asked
 * for cannot load; `ERR_OPTION` for an option that is wrong.
 */
export function register(options: RegisterOptions = {}): void {
  registerNow(options);
  registered = true;
}

/** Said late, for the importer may name its own TensorFlow.js in a call of `register`. */
function warnUnlessRegistered(): void {
  if (registered) return;
  process.emitWarning(
    `Convolith's backend '${BACKEND_NAME}' is not registered: @tensorflow/tfjs-core is not found from its folder. ` +
      'Install it beside convolith, or call register({ tf }) of convolith/tfjs.',
    { type: 'ConvolithWarning', code: 'CONVOLITH_TFJS' },
  );
}

if (isTensorFlowThere()) register();
else setImmediate(warnUnlessRegistered);
