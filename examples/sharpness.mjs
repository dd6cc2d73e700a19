// How sharp a photograph is: the variance of its Laplacian (Pech-Pacheco et al. 2000, "Diatom autofocusing in
// brightfield microscopy"). The higher, the sharper. What the worker pool and the queue compute.
import { Conv2d, tensor } from 'convolith';

const LAPLACIAN = Float32Array.of(0, 1, 0, 1, -4, 1, 0, 1, 0);

/** Made once a thread; its weights stay packed. */
const laplacian = new Conv2d({ weight: tensor(LAPLACIAN, [1, 1, 3, 3]) });

/**
 * @param {Uint8Array} grey one byte a pixel
 * @returns {number} in grey levels squared
 */
export function sharpness(grey, width, height) {
  const { data } = laplacian.forward({ data: Float32Array.from(grey), shape: [1, 1, height, width] });
  let [sum, squares] = [0, 0];
  for (const value of data) {
    sum += value;
    squares += value * value;
  }
  return squares / data.length - (sum / data.length) ** 2;
}
