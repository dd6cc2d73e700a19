// npm run demo:detect [-- PHOTOGRAPH]
// Finds objects in a photograph with CenterNet (from @vladmandic/human) on TensorFlow.js, Convolith its backend, and
// writes the photograph with a box around each to examples/output/detected.png.
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CLASSES } from './models/classes.mjs';
import { fromFile, MODELS } from './models/load.mjs';
import { readPhotograph, toTensor } from './pictures.mjs';
import { photographTensor, tf, timed } from './tensorflow.mjs';

const require = createRequire(import.meta.url);
const { Jimp, loadFont, measureText } = require('jimp');
const { SANS_16_WHITE } = require('jimp/fonts');

const HERE = dirname(fileURLToPath(import.meta.url));
/** Width and height that the network takes. */
const SIDE = 512;
const LEAST_SCORE = 0.3;
const COLOUR = 0xe8590cff;
const LINE = 3;

/** The photograph in the middle of a black square: stretched to one, a cat passes for a dog. */
function squared(picture) {
  const { width, height } = picture.bitmap;
  const side = Math.max(width, height);
  const [left, top] = [(side - width) >> 1, (side - height) >> 1];
  const image = tf.tidy(() => {
    const whole = photographTensor(toTensor(picture), 255);
    const margins = [
      [0, 0],
      [top, side - height - top],
      [left, side - width - left],
      [0, 0],
    ];
    return tf.pad(whole, margins);
  });
  return { image, side, left, top };
}

/** What stands out, one box an object, in the photograph's pixels. */
async function detect(model, picture) {
  const { image, ...square } = squared(picture);
  const { result, milliseconds } = await timed(() =>
    tf.tidy(() => model.execute(tf.image.resizeBilinear(image, [SIDE, SIDE]), 'tower_0/detections')),
  );
  // [x1, y1, x2, y2, score, class] a row, in the network's pixels.
  const rows = result.arraySync()[0];
  const boxes = tf.tensor2d(rows.map(([x1, y1, x2, y2]) => [y1, x1, y2, x2]));
  const scores = tf.tensor1d(rows.map((row) => row[4]));
  const kept = await tf.image.nonMaxSuppressionAsync(boxes, scores, 10, 0.4, LEAST_SCORE);
  const objects = Array.from(kept.dataSync(), (row) => {
    const [x1, y1, x2, y2, score, index] = rows[row];
    const { width, height } = picture.bitmap;
    const place = (at, margin, size) => Math.min(size - 1, Math.max(0, Math.round((at / SIDE) * square.side - margin)));
    const [left, right] = [x1, x2].map((x) => place(x, square.left, width));
    const [top, bottom] = [y1, y2].map((y) => place(y, square.top, height));
    return { name: CLASSES[index], score, left, top, right, bottom };
  });
  tf.dispose([image, result, boxes, scores, kept]);
  return { objects, milliseconds };
}

async function drawBox(picture, { name, score, left, top, right, bottom }) {
  const bar = (x, y, w, h) => picture.composite(new Jimp({ width: w, height: h, color: COLOUR }), x, y);
  const [w, h] = [right - left + 1, bottom - top + 1];
  bar(left, top, w, LINE);
  bar(left, bottom - LINE + 1, w, LINE);
  bar(left, top, LINE, h);
  bar(right - LINE + 1, top, LINE, h);
  const font = await loadFont(SANS_16_WHITE);
  const text = `${name} ${Math.round(score * 100)}%`;
  const labelTop = Math.max(0, top - 22);
  bar(left, labelTop, measureText(font, text) + 12, 22);
  picture.print({ font, x: left + 6, y: labelTop + 2, text });
}

const [path = join(HERE, 'chelsea.png')] = process.argv.slice(2);
const { picture } = await readPhotograph(path);
const model = await tf.loadGraphModel(fromFile(tf, join(MODELS, '@vladmandic/human/models/centernet.json')));
const { objects, milliseconds } = await detect(model, picture);
for (const object of objects) {
  const { name, score, left, top, right, bottom } = object;
  console.log(`${name} ${score.toFixed(2)} at ${left}, ${top} to ${right}, ${bottom}`);
  await drawBox(picture, object);
}
if (objects.length === 0) console.log('No object stands out.');
const output = join(HERE, 'output', 'detected.png');
await mkdir(dirname(output), { recursive: true });
await picture.write(output);
console.log(`${milliseconds.toFixed(0)} ms on ${tf.getBackend()}; ${relative(process.cwd(), output)}`);
