import { both, type ContractCase, relu6 } from './case.js';

/** Short sums whose points lie at one pitch: pointwise rows, patches side by side, and rows beside a border. */
export function evenRows(): ContractCase[] {
  const silu = { op: 'silu' as const };
  const rows = [
    { inChannels: 16, outChannels: 12, size: [3, 29], kernel: [1, 1] },
    { inChannels: 7, outChannels: 33, size: [61], kernel: [1], activation: relu6 },
    { inChannels: 18, outChannels: 70, size: [5, 13], kernel: [1, 1], activation: silu },
    { inChannels: 24, outChannels: 8, groups: 2, size: [4, 27], kernel: [1, 1] },
    { inChannels: 16, outChannels: 50, size: [9, 39], kernel: [1, 1], stride: 2, activation: relu6 },
    { inChannels: 5, outChannels: 16, size: [3, 7, 33], kernel: [1, 1, 1], stride: [2, 1, 2] },
    { inChannels: 3, outChannels: 24, size: [12, 60], kernel: [4, 4], stride: 4 },
    { inChannels: 6, outChannels: 18, groups: 2, size: [8, 58], kernel: [2, 2], stride: 2 },
    { inChannels: 20, outChannels: 12, size: [4, 6, 36], kernel: [2, 2, 2], stride: 2, activation: relu6 },
    { inChannels: 18, outChannels: 20, size: [11, 33], kernel: [3, 3], stride: 2, padding: 1 },
    { inChannels: 17, outChannels: 9, size: [6, 64], kernel: [3, 3], stride: 3, padding: 2, activation: relu6 },
    { inChannels: 32, outChannels: 64, size: [90], kernel: [4], stride: 2, padding: [[1, 3] as const] },
    { inChannels: 25, outChannels: 25, size: [70], kernel: [7], padding: 6, dilation: 2 },
    { inChannels: 16, outChannels: 24, size: [5, 9, 16], kernel: [3, 3, 3], stride: 2, padding: 1 },
    { inChannels: 16, outChannels: 30, size: [9, 31], kernel: [3, 3], stride: 2, padding: 1, paddingMode: 'reflect' },
    { inChannels: 20, outChannels: 6, size: [7, 40], kernel: [2, 3], padding: 1, paddingMode: 'replicate' },
    // Several runs that are no fours, in rows that tiles divide.
    { inChannels: 3, outChannels: 13, size: [7, 32], kernel: [3, 3], padding: 1, activation: relu6 },
    { inChannels: 2, outChannels: 16, size: [6, 80], kernel: [4, 3], stride: 2, padding: 1 },
    { inChannels: 6, outChannels: 30, size: [9, 56], kernel: [3, 3], padding: 1, activation: relu6 },
    { inChannels: 5, outChannels: 20, size: [5, 30], kernel: [3, 3], padding: 1 },
    { inChannels: 3, outChannels: 45, size: [5, 36], kernel: [2, 3], padding: [[1, 0] as const, [1, 1] as const] },
    { inChannels: 2, outChannels: 60, size: [9, 20], kernel: [5, 5], padding: 2, activation: relu6 },
    { inChannels: 3, outChannels: 80, size: [4, 6, 28], kernel: [3, 3, 3], padding: 1 },
    // Slices that meet nothing but padding.
    {
      inChannels: 4,
      outChannels: 16,
      size: [2, 9, 40],
      kernel: [2, 3, 3],
      padding: [[2, 2] as const, [0, 0] as const, [0, 0] as const],
    },
    {
      inChannels: 20,
      outChannels: 16,
      size: [2, 9, 30],
      kernel: [2, 3, 3],
      padding: [[3, 2] as const, [1, 1] as const, [1, 1] as const],
    },
    { inChannels: 32, outChannels: 32, groups: 2, size: [10, 35], kernel: [3, 3], stride: 2, padding: 1 },
  ] as const;
  return rows.flatMap((options) =>
    both(
      `even rows ${options.inChannels} to ${options.outChannels}, ${options.kernel.join('x')} of ${options.size.join('x')}`,
      { ...options, batch: 2 },
      { residual: options.inChannels % 2 === 0 },
    ),
  );
}

/**
 * 1×1 layers whose pixels pair up, or the pairs too, from 160 to 256 channels on: numbers that are no multiple of two or
 * four, several blocks and images, channels that fill no panel.
 */
export function pairedPixels(): ContractCase[] {
  const rows = [
    { inChannels: 8, outChannels: 128, size: [40], kernel: [1] },
    { inChannels: 24, outChannels: 130, size: [7, 7], kernel: [1, 1], activation: relu6 },
    { inChannels: 40, outChannels: 192, size: [8, 9], kernel: [1, 1], batch: 2 },
    { inChannels: 16, outChannels: 256, size: [13, 15], kernel: [1, 1], stride: 2, batch: 2 },
    { inChannels: 72, outChannels: 128, size: [3, 5, 7], kernel: [1, 1, 1], batch: 2 },
    { inChannels: 32, outChannels: 144, size: [5, 9, 10], kernel: [1, 1, 1], stride: [2, 1, 3], activation: relu6 },
    { inChannels: 1032, outChannels: 128, size: [9, 11], kernel: [1, 1] },
    { inChannels: 104, outChannels: 300, size: [29, 31], kernel: [1, 1] },
    { inChannels: 160, outChannels: 256, size: [9, 9], kernel: [1, 1], batch: 2 },
    { inChannels: 176, outChannels: 271, size: [6, 13], kernel: [1, 1], activation: relu6 },
    { inChannels: 160, outChannels: 513, size: [79], kernel: [1], batch: 2 },
    { inChannels: 192, outChannels: 258, size: [15, 11], kernel: [1, 1], stride: [1, 2], activation: relu6 },
    { inChannels: 1056, outChannels: 256, size: [3, 4, 8], kernel: [1, 1, 1] },
    // Transposed, a 1×1 kernel a tap.
    { inChannels: 160, outChannels: 64, size: [7, 11], kernel: [2, 2], stride: 2, transposed: true },
    { inChannels: 16, outChannels: 64, size: [6, 7], kernel: [2, 2], stride: 2, transposed: true, batch: 2 },
    { inChannels: 8, outChannels: 128, size: [5, 9], kernel: [2, 3], stride: [2, 3], transposed: true },
    { inChannels: 24, outChannels: 64, size: [3, 4, 4], kernel: [2, 1, 2], stride: [2, 1, 2], transposed: true },
    { inChannels: 40, outChannels: 128, size: [81], kernel: [1], transposed: true, activation: relu6 },
  ] as const;
  // The pointwise stage of a separable layer, in strips of an odd number of pixels.
  const separable = both(
    'paired pixels behind a depthwise stage',
    { inChannels: 104, outChannels: 104, groups: 104, size: [9, 21], kernel: [3, 3], padding: 1, batch: 2 },
    { pointwise: { outChannels: 144, activation: relu6 }, residual: true },
  );
  const single = rows.flatMap((options) =>
    both(`paired pixels ${options.inChannels} to ${options.outChannels} of ${options.size.join('x')}`, options, {
      residual: options.outChannels % 3 !== 2,
    }),
  );
  return [...single, ...separable];
}

/**
 * Weights from beyond the second-level cache, whose panels pass in pieces: tiles that are whole tiles of rows and tiles
 * that are not, depths that are no multiple of four, panels of several widths, products that share weights. And dilated
 * kernels of which most taps lie in the padding, whose tiles sum what they meet: at once, and in parts.
 */
export function piecesOfWeights(): ContractCase[] {
  const three = { kernel: [3, 3], padding: 1 };
  const rows = [
    { ...three, inChannels: 72, outChannels: 64, size: [11, 18], activation: relu6 },
    { ...three, inChannels: 132, outChannels: 64, size: [5, 9], batch: 2 },
    { ...three, inChannels: 70, outChannels: 64, size: [9, 14] },
    { ...three, inChannels: 72, outChannels: 96, size: [9, 14] },
    { ...three, inChannels: 72, outChannels: 64, size: [7, 7] },
    { ...three, inChannels: 320, outChannels: 32, size: [5, 9] },
    // Two tiles of eight rows, and one; of several images.
    { ...three, inChannels: 40, outChannels: 128, size: [14, 14], activation: relu6 },
    { ...three, inChannels: 36, outChannels: 256, size: [13, 15] },
    { ...three, inChannels: 44, outChannels: 128, size: [7, 14] },
    { ...three, inChannels: 48, outChannels: 128, size: [7, 7], batch: 4 },
    { kernel: [1, 5], padding: [[0, 0] as const, [2, 2] as const], inChannels: 132, outChannels: 128, size: [4, 14] },
    { ...three, inChannels: 72, outChannels: 64, size: [15, 17], stride: 2 },
    { inChannels: 68, outChannels: 64, size: [7, 9], kernel: [4, 4], stride: 2, padding: 1, transposed: true },
    { inChannels: 40, outChannels: 70, size: [13, 14], kernel: [3, 3], dilation: 9, padding: 9 },
    { inChannels: 320, outChannels: 20, size: [13, 14], kernel: [3, 3], dilation: 9, padding: 9, activation: relu6 },
    { inChannels: 320, outChannels: 8, size: [9, 10], kernel: [3, 3], dilation: 6, padding: 14 },
    { inChannels: 1040, outChannels: 8, size: [9, 10], kernel: [3, 3], dilation: 6, padding: 6 },
  ] as const;
  // Channels-first maps are only copied before and after.
  return rows.map((options) => ({
    name: `pieces of weights ${options.inChannels} to ${options.outChannels} of ${options.size.join('x')} by ${options.padding}`,
    options: { ...options, channelsLast: true },
    pointwise: null,
    bias: true,
    residual: options.inChannels % 8 === 0,
  }));
}
