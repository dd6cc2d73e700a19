// Photographs as tensors and back, and the contact sheet. Decoding, encoding and lettering are Jimp's.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { Jimp, loadFont, measureText, ResizeStrategy } = require('jimp');
const { SANS_12_BLACK, SANS_14_BLACK, SANS_32_BLACK } = require('jimp/fonts');

/** Longest side that is worked on: the x4 enlargement of this is 4096 wide already. */
const LONGEST_SIDE = 1024;

/** Reads a PNG or JPEG, shrunk to LONGEST_SIDE where it is larger. */
export async function readPhotograph(path) {
  const picture = await Jimp.read(path);
  const { width, height } = picture.bitmap;
  if (Math.max(width, height) > LONGEST_SIDE) picture.scaleToFit({ w: LONGEST_SIDE, h: LONGEST_SIDE });
  return { picture, original: [width, height] };
}

/** [1, height, width, 3], values from 0 to 1. Transparent parts lie on white. */
export function toTensor(picture) {
  const { data: pixels, width, height } = picture.bitmap;
  const data = new Float32Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const alpha = pixels[pixel * 4 + 3] / 255;
    for (let channel = 0; channel < 3; channel++) {
      data[pixel * 3 + channel] = (pixels[pixel * 4 + channel] / 255) * alpha + 1 - alpha;
    }
  }
  return { data, shape: [1, height, width, 3] };
}

export function toPicture(tensor) {
  const [, height, width] = tensor.shape;
  const picture = new Jimp({ width, height, color: 0x000000ff });
  const pixels = picture.bitmap.data;
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      pixels[pixel * 4 + channel] = Math.round(Math.min(1, Math.max(0, tensor.data[pixel * 3 + channel])) * 255);
    }
  }
  return picture;
}

const CELL_WIDTH = 300;
/** Tallest cell: a portrait keeps its shape, a strip does not make a tower of the sheet. */
const CELL_LIMIT = 420;
const GAP = 16;
const LABEL_HEIGHT = 44;
const HEADER_HEIGHT = 72;
const PAPER = 0xf6f5f2ff;
const MOUNT = 0xe4e2dcff;

/** Where a detail is taken from, as parts of width and height: off the middle, as the eye of a portrait is. */
const DETAIL_CENTRE = [0.4, 0.4];

/** The part of an enlargement that one cell shows, pixel by pixel. */
function detail(picture, width, height) {
  const w = Math.min(width, picture.bitmap.width);
  const h = Math.min(height, picture.bitmap.height);
  const start = (size, part, centre) => Math.min(size - part, Math.max(0, Math.round(size * centre - part / 2)));
  const x = start(picture.bitmap.width, w, DETAIL_CENTRE[0]);
  const y = start(picture.bitmap.height, h, DETAIL_CENTRE[1]);
  return picture.clone().crop({ x, y, w, h });
}

/** How a picture fills its cell: in one scale with the others, or as a detail of an enlargement. */
function fitted(entry, scale, height) {
  const { picture, view } = entry;
  if (view === 'detail') return detail(picture, CELL_WIDTH, height);
  const shown = picture.clone();
  const w = Math.max(1, Math.round(shown.bitmap.width * scale));
  const h = Math.max(1, Math.round(shown.bitmap.height * scale));
  return w === shown.bitmap.width ? shown : shown.resize({ w, h, mode: ResizeStrategy.BICUBIC });
}

/** One sheet of all the pictures, each with its label and a line of figures. The first entry sets the scale. */
export async function contactSheet(entries, title, subtitle, columns = 4) {
  const [big, medium, small] = await Promise.all(
    [SANS_32_BLACK, SANS_14_BLACK, SANS_12_BLACK].map((font) => loadFont(font)),
  );
  const first = entries[0].picture.bitmap;
  const scale = Math.min(CELL_WIDTH / first.width, CELL_LIMIT / first.height);
  const cellHeight = Math.max(1, Math.round(first.height * scale));
  const rows = Math.ceil(entries.length / columns);
  const sheet = new Jimp({
    width: GAP + columns * (CELL_WIDTH + GAP),
    height: HEADER_HEIGHT + rows * (cellHeight + LABEL_HEIGHT + GAP),
    color: PAPER,
  });
  sheet.print({ font: big, x: GAP, y: 14, text: title });
  const indent = GAP + measureText(big, title) + 20;
  sheet.print({ font: medium, x: indent, y: 30, text: subtitle });
  entries.forEach((entry, index) => {
    const x = GAP + (index % columns) * (CELL_WIDTH + GAP);
    const y = HEADER_HEIGHT + Math.floor(index / columns) * (cellHeight + LABEL_HEIGHT + GAP);
    const shown = fitted(entry, scale, cellHeight);
    const { width, height } = shown.bitmap;
    if (width < CELL_WIDTH || height < cellHeight) {
      sheet.composite(new Jimp({ width: CELL_WIDTH, height: cellHeight, color: MOUNT }), x, y);
    }
    sheet.composite(shown, x + ((CELL_WIDTH - width) >> 1), y + ((cellHeight - height) >> 1));
    sheet.print({ font: medium, x, y: y + cellHeight + 5, text: entry.label });
    sheet.print({ font: small, x, y: y + cellHeight + 24, text: entry.note });
  });
  return sheet;
}
