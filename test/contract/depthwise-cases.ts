import { both, type ContractCase, relu6 } from './case.js';

/** The kernel sizes and strides that have register blocks of their own, around whole vectors of channels. */
export function depthwiseBlocks(): ContractCase[] {
  const rows = [
    { kernel: 3, channels: 48, size: [7, 19] },
    { kernel: 3, channels: 48, size: [11, 17], stride: 2, activation: relu6 },
    { kernel: 3, channels: 33, size: [9, 12], dilation: 2, padding: 2 },
    { kernel: 3, channels: 32, size: [11, 9], dilation: 2, padding: 2, stride: 2 },
    { kernel: 3, channels: 512, size: [5, 6] },
    { kernel: 3, channels: 256, size: [6, 7], stride: 2, activation: { op: 'silu' as const } },
    // Blocks of four rows and the rest, four vectors together and the rest.
    { kernel: 3, channels: 64, size: [10, 13] },
    { kernel: 3, channels: 16, size: [13, 8], activation: { op: 'silu' as const } },
    { kernel: 3, channels: 80, size: [9, 6], stride: 2 },
    { kernel: 3, channels: 256, size: [6, 5], dilation: 2, padding: 2, activation: relu6 },
    { kernel: 3, channels: 64, size: [9, 14], stride: 2, activation: relu6 },
    { kernel: 5, channels: 32, size: [11, 9], padding: 3, activation: relu6 },
    { kernel: 5, channels: 48, size: [7, 15], padding: 2, activation: { op: 'silu' as const } },
    { kernel: 5, channels: 24, size: [8, 21], padding: 2 },
    { kernel: 5, channels: 40, size: [12, 11], padding: 2, stride: 2 },
    { kernel: 7, channels: 32, size: [9, 10], padding: 3 },
    { kernel: 2, channels: 20, size: [5, 23] },
    { kernel: 11, channels: 16, size: [14, 25], padding: 5 },
    { kernel: 3, channels: 32, size: [6, 12], paddingMode: 'reflect' as const },
  ];
  return rows.flatMap(({ kernel, channels, size, padding = 1, ...rest }) => {
    const options = { inChannels: channels, outChannels: channels, groups: channels, padding, ...rest };
    const name = `depthwise ${kernel}x${kernel} of ${channels} channels, ${Object.keys(rest).join(' ')}`;
    return both(name, { ...options, size, kernel: [kernel, kernel] }, { residual: channels % 3 === 0 });
  });
}

/** Kernels without a block of their own, four taps and eight outputs at a time: a rest of each, and padded ends. */
export function depthwiseLines(): ContractCase[] {
  const silu = { op: 'silu' as const };
  const rows = [
    { kernel: [1, 31], channels: 20, size: [3, 26], padding: [0, 15] },
    { kernel: [4, 4], channels: 17, size: [6, 21], padding: [1, 2], activation: relu6 },
    { kernel: [2, 9], channels: 32, size: [5, 11], padding: [1, 4] },
    { kernel: [3, 6], channels: 16, size: [7, 22], padding: [1, 3], stride: 2, activation: silu },
    { kernel: [4, 3], channels: 35, size: [9, 5], padding: [2, 1], stride: 2 },
    { kernel: [5, 5], channels: 16, size: [11, 26], padding: [2, 2], stride: 3 },
    { kernel: [3, 10], channels: 24, size: [8, 43], padding: [2, 9], dilation: 2 },
    { kernel: [1, 5], channels: 16, size: [2, 17], padding: [0, 12], dilation: 6 },
    { kernel: [2, 4], channels: 19, size: [6, 31], padding: [1, 4], dilation: 3, stride: 2 },
    { kernel: [4, 7], channels: 16, size: [6, 14], padding: [1, 3], paddingMode: 'reflect' as const },
  ];
  return rows.flatMap(({ kernel, channels, size, padding: pads, ...rest }, row) => {
    const padding = pads.map((pad) => [pad, pad] as const);
    const options = { inChannels: channels, outChannels: channels, groups: channels, padding, ...rest };
    const name = `depthwise ${kernel.join('x')} of ${channels} channels, ${Object.keys(rest).join(' ')}`;
    return both(name, { ...options, size, kernel }, { residual: row % 2 === 0 });
  });
}

/** Kernels of any size that share rows: parts of their columns, runs of their rows, slices, and four rows at once. */
export function depthwiseAnyKernels(): ContractCase[] {
  const gelu = { op: 'gelu' as const };
  const rows = [
    { kernel: [4, 4], channels: 48, size: [9, 12], padding: [2, 2] },
    { kernel: [6, 6], channels: 21, size: [13, 9], padding: [3, 3], activation: relu6 },
    { kernel: [3, 7], channels: 16, size: [7, 11], padding: [1, 3], activation: gelu },
    { kernel: [5, 1], channels: 16, size: [6, 5], padding: [2, 0] },
    { kernel: [2, 31], channels: 32, size: [7, 20], padding: [1, 15] },
    { kernel: [11, 11], channels: 18, size: [9, 7], padding: [5, 5], activation: gelu },
    { kernel: [13, 8], channels: 16, size: [6, 17], padding: [6, 4] },
    { kernel: [7, 7], channels: 144, size: [14, 13], padding: [3, 3], stride: 2, activation: relu6 },
    { kernel: [6, 4], channels: 129, size: [11, 16], padding: [2, 1], stride: 2 },
    { kernel: [9, 5], channels: 24, size: [29, 13], padding: [4, 2], stride: [2, 3] },
    { kernel: [4, 10], channels: 16, size: [15, 31], padding: [0, 5], stride: [3, 4], activation: relu6 },
    { kernel: [4, 4], channels: 16, size: [19, 9], padding: [3, 3], dilation: 2 },
    { kernel: [5, 6], channels: 20, size: [8, 9], padding: [2, 3], paddingMode: 'reflect' as const },
    { kernel: [3, 3, 3], channels: 24, size: [5, 6, 7], padding: [1, 1, 1], activation: relu6 },
    { kernel: [3, 3, 3], channels: 16, size: [4, 9, 8], padding: [2, 2, 1], stride: [1, 2, 2] },
    { kernel: [2, 4, 7], channels: 17, size: [5, 8, 6], padding: [2, 1, 3], dilation: [3, 1, 1], activation: gelu },
    { kernel: [3, 2, 2], channels: 16, size: [6, 6, 5], padding: [1, 1, 0], paddingMode: 'replicate' as const },
  ];
  return rows.flatMap(({ kernel, channels, size, padding: pads, ...rest }, row) => {
    const padding = pads.map((pad) => [pad, pad] as const);
    const options = { inChannels: channels, outChannels: channels, groups: channels, padding, ...rest };
    const name = `any depthwise ${kernel.join('x')} of ${channels} channels, ${Object.keys(rest).join(' ')}`;
    return both(name, { ...options, size, kernel }, { residual: row % 2 === 0 });
  });
}

/** Planes walked with pixels in the lanes: one to six vectors of columns, whole ones and ends. */
export function depthwisePlanes(): ContractCase[] {
  const silu = { op: 'silu' as const };
  const rows = [
    { kernel: 3, size: [4, 13] },
    { kernel: 3, size: [5, 28], activation: relu6 },
    { kernel: 3, size: [3, 50], activation: silu },
    { kernel: 3, size: [6, 83] },
    { kernel: 3, size: [9, 53], dilation: 2, padding: 2 },
    { kernel: 3, size: [7, 51], dilation: 2, padding: 1, activation: silu },
    { kernel: 3, size: [9, 25], stride: 2 },
    { kernel: 3, size: [7, 129], stride: 2, activation: relu6 },
    { kernel: 3, size: [6, 196], stride: 2, padding: 0, activation: silu },
    { kernel: 5, size: [7, 29], padding: 2 },
    { kernel: 5, size: [6, 55], padding: 1, activation: relu6 },
    { kernel: 5, size: [11, 101], padding: 2, stride: 2 },
    { kernel: 7, size: [9, 12], padding: 3 },
    { kernel: 7, size: [8, 68], padding: 3, activation: silu },
  ];
  return rows.flatMap(({ kernel, size, padding = 1, ...rest }) => {
    const options = { inChannels: 3, outChannels: 3, groups: 3, padding, ...rest };
    const name = `planes ${kernel}x${kernel} of ${size.join('x')}, ${Object.keys(rest).join(' ')}`;
    return both(name, { ...options, size, kernel: [kernel, kernel] }, { residual: size[0] % 2 === 0 });
  });
}

/** Pixels of whole vectors, of which the last channels and the next pixel's first ones share one. */
export function depthwiseNeighbours(): ContractCase[] {
  const rows = [
    { kernel: 3, channels: 32, size: [9, 33] },
    { kernel: 3, channels: 16, size: [5, 1], activation: relu6 },
    { kernel: 3, channels: 64, size: [4, 2] },
    { kernel: 3, channels: 48, size: [13, 17], padding: [3, 0], dilation: 3 },
    { kernel: 3, channels: 32, size: [9, 30], padding: [4, 5], dilation: 2, activation: relu6 },
    { kernel: 3, channels: 32, size: [12, 4], padding: [2, 3], dilation: 3 },
    { kernel: 3, channels: 16, size: [5, 12], padding: [0, 9] },
    { kernel: 2, channels: 64, size: [7, 31], padding: [1, 0] },
    { kernel: 2, channels: 32, size: [6, 9], padding: [0, 2], dilation: 2, activation: relu6 },
    // Half vectors: every second pixel.
    { kernel: 3, channels: 24, size: [9, 28] },
    { kernel: 3, channels: 200, size: [5, 2], activation: relu6 },
    { kernel: 3, channels: 40, size: [4, 48], padding: [1, 3] },
    { kernel: 2, channels: 56, size: [7, 31], padding: [0, 1] },
    { kernel: 3, channels: 72, size: [6, 17], padding: [2, 1] },
  ];
  return rows.flatMap(({ kernel, channels, size, padding: pads = [1, 1], ...rest }, row) => {
    const padding = pads.map((pad) => [pad, pad] as const);
    const options = { inChannels: channels, outChannels: channels, groups: channels, padding, ...rest };
    const name = `neighbours ${kernel}x${kernel} of ${channels} channels, ${size.join('x')}`;
    return both(name, { ...options, size, kernel: [kernel, kernel], batch: 2 }, { residual: row % 2 === 0 });
  });
}
