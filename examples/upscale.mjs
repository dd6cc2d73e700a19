// npm run demo:upscale [-- PHOTOGRAPH]
// Enlarges a photograph twofold with a network (@upscalerjs/default-model) on TensorFlow.js, Convolith its backend, and
// writes examples/output/upscaled.png and a detail beside an ordinary enlargement, upscaled-detail.png.
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromFile, MODELS } from './models/load.mjs';
import { readPhotograph, toPicture, toTensor } from './pictures.mjs';
import { photographTensor, tf, timed } from './tensorflow.mjs';

const require = createRequire(import.meta.url);
const { Jimp, ResizeStrategy } = require('jimp');
const definition = createRequire(new URL('models/', import.meta.url))('@upscalerjs/default-model');

const HERE = dirname(fileURLToPath(import.meta.url));
const SCALE = 2;
/** Side of the detail in the photograph's pixels, where it is taken from, and how large a pixel of the result is shown. */
const DETAIL = { side: 110, x: 0.3, y: 0.3, zoom: 2 };

async function upscale(picture) {
  definition.setup?.(tf);
  const model = await tf.loadLayersModel(fromFile(tf, join(MODELS, '@upscalerjs/default-model/models/model.json')));
  const most = definition.inputRange[1];
  const image = photographTensor(toTensor(picture), most);
  const { result, milliseconds } = await timed(() => model.predict(image));
  const tensor = { data: result.dataSync().map((value) => value / most), shape: result.shape };
  tf.dispose([image, result]);
  return { enlarged: toPicture(tensor), milliseconds };
}

/** The same part, by bicubic interpolation on the left and by the network on the right. */
function sideBySide(picture, enlarged) {
  const { width, height } = picture.bitmap;
  const side = Math.min(DETAIL.side, width, height);
  const [x, y] = [Math.round((width - side) * DETAIL.x), Math.round((height - side) * DETAIL.y)];
  const shown = side * SCALE * DETAIL.zoom;
  const part = (from, scale, mode) =>
    from
      .clone()
      .crop({ x: x * scale, y: y * scale, w: side * scale, h: side * scale })
      .resize({ w: shown, h: shown, mode });
  const gap = 8;
  const sheet = new Jimp({ width: 2 * shown + gap, height: shown, color: 0xffffffff });
  sheet.composite(part(picture, 1, ResizeStrategy.BICUBIC), 0, 0);
  sheet.composite(part(enlarged, SCALE, ResizeStrategy.BICUBIC), shown + gap, 0);
  return sheet;
}

const [path = join(HERE, 'chelsea.png')] = process.argv.slice(2);
const { picture } = await readPhotograph(path);
const { enlarged, milliseconds } = await upscale(picture);
const folder = join(HERE, 'output');
await mkdir(folder, { recursive: true });
await enlarged.write(join(folder, 'upscaled.png'));
await sideBySide(picture, enlarged).write(join(folder, 'upscaled-detail.png'));
const { width, height } = picture.bitmap;
console.log(`${width} x ${height} to ${enlarged.bitmap.width} x ${enlarged.bitmap.height}`);
console.log(`${milliseconds.toFixed(0)} ms on ${tf.getBackend()}; ${relative(process.cwd(), folder)}/upscaled.png`);
