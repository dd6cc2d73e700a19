import type { ResizeTables } from '../../companions/kernels.js';

/** Contract: `CompanionKernels.resizeBilinear`. */
export function resizeBilinear(x: Float32Array, out: Float32Array, tables: ResizeTables, block: Int32Array): void {
  const [batch, inputHeight, inputWidth, height, width, channels] = block;
  const { low, high, fraction } = tables;
  let at = 0;
  for (let n = 0; n < batch; n++) {
    for (let row = 0; row < height; row++) {
      const top = (n * inputHeight + low[row]) * inputWidth;
      const bottom = (n * inputHeight + high[row]) * inputWidth;
      const down = fraction[row];
      for (let column = height; column < height + width; column++) {
        const across = fraction[column];
        const topLeft = (top + low[column]) * channels;
        const topRight = (top + high[column]) * channels;
        const bottomLeft = (bottom + low[column]) * channels;
        const bottomRight = (bottom + high[column]) * channels;
        for (let c = 0; c < channels; c++) {
          const upper = x[topLeft + c] + (x[topRight + c] - x[topLeft + c]) * across;
          const lower = x[bottomLeft + c] + (x[bottomRight + c] - x[bottomLeft + c]) * across;
          out[at++] = upper + (lower - upper) * down;
        }
      }
    }
  }
}

/** Contract: `CompanionKernels.resizeNearest`. */
export function resizeNearest(x: Float32Array, out: Float32Array, places: Int32Array, block: Int32Array): void {
  const [batch, inputHeight, inputWidth, height, width, channels] = block;
  let at = 0;
  for (let n = 0; n < batch; n++) {
    for (let row = 0; row < height; row++) {
      const line = (n * inputHeight + places[row]) * inputWidth;
      for (let column = height; column < height + width; column++) {
        const from = (line + places[column]) * channels;
        for (let c = 0; c < channels; c++) out[at++] = x[from + c];
      }
    }
  }
}
