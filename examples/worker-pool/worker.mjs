// What each thread of the pool runs. It loads Convolith and makes its layer once, then serves photograph after photograph.
import { readFile } from 'node:fs/promises';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import sharp from 'sharp';
import { sharpness } from '../sharpness.mjs';

/** The side of the thumbnail that goes back. */
const THUMBNAIL = 64;

/** @param {string} path a photograph */
export default async function rate(path) {
  const picture = sharp(await readFile(path));
  const { data, info } = await picture.clone().greyscale().raw().toBuffer({ resolveWithObject: true });
  const grey = info.channels === 1 ? data : data.filter((_, index) => index % info.channels === 0);
  const small = await picture.resize(THUMBNAIL, THUMBNAIL).removeAlpha().raw().toBuffer();
  const { width, height } = info;
  return moved({ path, width, height, sharpness: sharpness(grey, width, height), thumbnail: Uint8Array.from(small) });
}

/** Hands the thumbnail's memory over instead of having it cloned: what matters for large results. */
function moved(result) {
  return move({ [transferableSymbol]: [result.thumbnail.buffer], [valueSymbol]: result });
}
