// Models from files: TensorFlow.js fetches them from servers, and these lie in node_modules.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the examples' models are installed. */
export const MODELS = join(dirname(fileURLToPath(import.meta.url)), 'node_modules');

/** An IO handler of TensorFlow.js for a converted model: `model.json` with its weights beside it. */
export function fromFile(tf, path) {
  const json = JSON.parse(readFileSync(path, 'utf8'));
  return {
    load: () =>
      tf.io.getModelArtifactsForJSON(json, async (manifest) => {
        const files = manifest.flatMap(({ paths }) => paths).map((name) => readFileSync(join(dirname(path), name)));
        const { buffer, byteOffset, byteLength } = Buffer.concat(files);
        const specs = manifest.flatMap(({ weights }) => weights);
        return [specs, buffer.slice(byteOffset, byteOffset + byteLength)];
      }),
  };
}
