// tfjs-core and its CPU backend from their ES modules, with gradients and chained operations, which the bundle for Node
// leaves to @tensorflow/tfjs; and our backend registered with them.
import { createRequire, register } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);

/** The folder of tfjs-core's ES modules. */
export const dist = new URL('./', pathToFileURL(require.resolve('@tensorflow/tfjs-core')));

register('./tfjs-loader.mjs', import.meta.url);
// Their ES modules call CommonJS's require.
globalThis.require = createRequire(fileURLToPath(dist));

/** One of tfjs-core's modules. */
export const coreModule = (path) => import(new URL(path, dist));

await coreModule('public/chained_ops/register_all_chained_ops.js');
await coreModule('register_all_gradients.js');
export const tf = await import('@tensorflow/tfjs-core');
await import('@tensorflow/tfjs-backend-cpu');

/** Registers the built backend with them. */
export function registerConvolith() {
  require('../../dist/tfjs/index.js').register({ tf });
}
