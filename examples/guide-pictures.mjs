// npm run pictures [-- FOLDER]: the pictures of the guide, each made by the layers that its page is about.
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Conv2d, ConvTranspose2d, DepthwiseConv2d, tensor } from 'convolith';
import { EFFECTS } from './effects.mjs';
import { contactSheet, readPhotograph, toPicture, toTensor } from './pictures.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const FOLDER = process.argv[2] ?? join(HERE, '..', 'docs', 'images', 'guide');
const CHANNELS = 3;

const ones = (...shape) => {
  const count = shape.reduce((all, size) => all * size, 1);
  return tensor(new Float32Array(count).fill(1), shape);
};

/** A map of one channel in grey, its largest value white, each value a square of pixels: a transposed convolution too. */
function enlarged(map, factor) {
  const white = map.data.reduce((most, value) => Math.max(most, value), 0);
  const layer = new ConvTranspose2d({ weight: ones(1, CHANNELS, factor, factor), stride: factor, layout: 'NHWC' });
  const scaled = { data: map.data.map((value) => value / white), shape: map.shape };
  return toPicture(layer.forward(scaled));
}

/** The photograph with what each mode puts around it: a layer that does nothing but pad. */
function padding(photograph) {
  return ['zeros', 'reflect', 'replicate', 'circular'].map((paddingMode) => {
    const pad = new DepthwiseConv2d({ weight: ones(CHANNELS, 1, 1, 1), padding: 100, paddingMode, layout: 'NHWC' });
    const picture = toPicture(pad.forward(photograph));
    return { picture, label: `paddingMode: '${paddingMode}'`, note: '100 pixels on every side', view: 'whole' };
  });
}

/** Where the taps of a 3x3 kernel lie: one dot, convolved. */
function taps(dilation) {
  const dot = tensor(new Float32Array(11 * 11), [1, 11, 11, 1]);
  dot.data[5 * 11 + 5] = 1;
  const layer = new Conv2d({ weight: ones(1, 1, 3, 3), dilation, padding: dilation, layout: 'NHWC' });
  return enlarged(layer.forward(dot), 18);
}

/** An effect of the demo. */
function effect(name, photograph) {
  const { make } = EFFECTS.find((candidate) => candidate.name === name);
  const made = make('auto');
  return toPicture(made.show(made.run(photograph)));
}

function dilation(photograph) {
  const dilations = [1, 2, 4];
  const kernels = dilations.map((d) => ({
    picture: taps(d),
    label: `3x3, dilation ${d}: 9 taps, ${2 * d + 1} wide`,
    note: 'one dot, convolved with ones',
    view: 'whole',
  }));
  const edges = dilations.map((d) => ({
    picture: effect(`edges-d${d}`, photograph),
    label: `Sobel, dilation ${d}`,
    note: 'the same 9 multiplications a pixel',
    view: 'whole',
  }));
  return [...edges, ...kernels];
}

/** Both stages of a separable layer: space without colour, then colour without space. */
function separable(photograph, original) {
  const wide = effect('blur', photograph);
  const colour = effect('sepia', photograph);
  const both = effect('vivid', photograph);
  return [
    { picture: original, label: 'input', note: '3 channels', view: 'whole' },
    { picture: wide, label: 'depthwise', note: 'each channel by itself, over pixels', view: 'whole' },
    { picture: colour, label: 'pointwise', note: 'each pixel by itself, over channels', view: 'whole' },
    {
      picture: both,
      label: 'separable: one after the other',
      note: 'sharpened, then saturated, in one pass',
      view: 'whole',
    },
  ];
}

/** How many inputs each output of a transposed layer hears from. */
function overlap(kernel, stride) {
  const layer = new ConvTranspose2d({ weight: ones(1, 1, kernel, kernel), stride, layout: 'NHWC' });
  return enlarged(layer.forward(ones(1, 6, 6, 1)), Math.floor(300 / (5 * stride + kernel)));
}

function transposed() {
  return [
    [2, 2, 'no overlap: squares'],
    [3, 2, 'uneven overlap: a checkerboard'],
    [4, 2, 'even overlap: smooth'],
    [5, 3, 'uneven again: 5 is no multiple of 3'],
  ].map(([kernel, stride, note]) => ({
    picture: overlap(kernel, stride),
    label: `kernel ${kernel}, stride ${stride}`,
    note,
    view: 'whole',
  }));
}

const { picture } = await readPhotograph(join(HERE, 'chelsea.png'));
const photograph = toTensor(picture);
const SHEETS = [
  ['padding', padding(photograph), 'Padding', 'what lies around the picture', 2],
  ['dilation', dilation(photograph), 'Dilation', 'wider, at the same price', 3],
  ['separable', separable(photograph, picture), 'Depthwise separable', 'space and channels apart', 2],
  ['transposed', transposed(), 'Transposed', 'how many inputs meet in each output', 2],
];
await mkdir(FOLDER, { recursive: true });
for (const [name, entries, title, subtitle, columns] of SHEETS) {
  const sheet = await contactSheet(entries, title, subtitle, columns);
  await sheet.write(join(FOLDER, `${name}.jpg`), { quality: 86 });
}
