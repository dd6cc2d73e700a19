// Photograph in, picture of its edges out. The layers are made once, when the process starts: their weights stay packed,
// and any number of requests may run through them at the same time.
import { Conv2d, PointwiseConv2d, Sequential, tensor } from 'convolith';
import sharp from 'sharp';

/** Rec. 709 luma of bytes, as values from 0 to 1. */
const LUMA = Float32Array.of(0.2126 / 255, 0.7152 / 255, 0.0722 / 255);
/** Both Sobel filters as one layer of two output channels: [out, in, height, width]. */
const SOBEL = Float32Array.of(-1, 0, 1, -2, 0, 2, -1, 0, 1, -1, -2, -1, 0, 0, 0, 1, 2, 1);

const network = new Sequential([
  new PointwiseConv2d({ weight: tensor(LUMA, [1, 3, 1, 1]), layout: 'NHWC' }),
  new Conv2d({ weight: tensor(SOBEL, [2, 1, 3, 3]), padding: 1, paddingMode: 'replicate', layout: 'NHWC' }),
]);

/** More pixels than this are refused before they are decoded: a small file can unpack to gigabytes. */
const MOST_PIXELS = 40_000_000;

/**
 * @param {Buffer} file PNG, JPEG, WebP or AVIF
 * @param {AbortSignal} signal stops the convolution within milliseconds
 * @returns {Promise<Buffer>} a grey PNG of the same size
 */
export async function edges(file, signal) {
  const { data: bytes, info } = await sharp(file, { limitInputPixels: MOST_PIXELS })
    .flatten({ background: 'white' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const pixels = { data: Float32Array.from(bytes), shape: [1, height, width, 3] };
  const gradient = await network.forwardAsync(pixels, { signal });

  const length = Buffer.alloc(width * height);
  for (let pixel = 0; pixel < length.length; pixel++) {
    const [x, y] = [gradient.data[2 * pixel], gradient.data[2 * pixel + 1]];
    length[pixel] = Math.min(255, 255 * Math.hypot(x, y));
  }
  return sharp(length, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png({ compressionLevel: 3 })
    .toBuffer();
}
