import type { EngineActivation, PaddingMode } from '../../lib/spec.js';
import type { CaseOptions, PointwiseOptions } from '../support/spec.js';
import { both, type ContractCase, LAYOUTS, relu6 } from './case.js';
import {
  depthwiseAnyKernels,
  depthwiseBlocks,
  depthwiseLines,
  depthwiseNeighbours,
  depthwisePlanes,
} from './depthwise-cases.js';
import { evenRows, pairedPixels, piecesOfWeights } from './row-cases.js';

type Rank = 1 | 2 | 3;
type PerRank<T> = { readonly [rank in Rank]: T };
/** What a variant says beyond the rank and the layout it is multiplied by. */
type Variant = Omit<Partial<CaseOptions>, 'size' | 'kernel'> & {
  kernel?: PerRank<readonly number[]>;
  size?: PerRank<readonly number[]>;
  pointwise?: PointwiseOptions;
};

const RANKS: readonly Rank[] = [1, 2, 3];
/** Odd, small, and no two the same, so that swapped axes show. */
const SIZE: PerRank<readonly number[]> = { 1: [31], 2: [7, 17], 3: [4, 5, 7] };
const KERNEL: PerRank<readonly number[]> = { 1: [5], 2: [3, 5], 3: [2, 3, 3] };
const ONES: PerRank<readonly number[]> = { 1: [1], 2: [1, 1], 3: [1, 1, 1] };
const TWOS: PerRank<readonly number[]> = { 1: [2], 2: [2, 2], 3: [2, 2, 2] };

/** `[1, 0], [2, 1], [0, 2]`: another before than after, another on each axis. */
function uneven(rank: Rank): readonly (readonly [number, number])[] {
  return (
    [
      [1, 0],
      [2, 1],
      [0, 2],
    ] as const
  ).slice(0, rank);
}

const oneChannel = (rank: Rank): Variant => ({
  inChannels: 1,
  outChannels: 1,
  kernel: { 1: [13], 2: [3, 13], 3: [2, 2, 13] },
  size: { 1: [71], 2: [4, 48], 3: [3, 3, 48] },
  padding: ([0, 1, 6] as const).slice(3 - rank).map((pad) => [pad, pad] as const),
});

const modes: readonly PaddingMode[] = ['reflect', 'replicate', 'circular'];
const relu: Partial<EngineActivation> = { min: 0 };

type Variants = (rank: Rank) => { readonly [name: string]: Variant };

const standard: Variants = (rank) => ({
  plain: { inChannels: 5, outChannels: 6 },
  'stride 2, padding 1': { inChannels: 3, outChannels: 17, stride: 2, padding: 1, activation: relu },
  'stride 3 and 2, uneven padding': {
    inChannels: 5,
    outChannels: 4,
    stride: [3, 2, 1].slice(0, rank),
    padding: uneven(rank),
  },
  'dilation 2, padding 2': { inChannels: 4, outChannels: 5, dilation: 2, padding: 4, batch: 2 },
  'dilation an axis': { inChannels: 2, outChannels: 3, dilation: [1, 2, 3].slice(3 - rank), padding: 3, stride: 2 },
  // Rows and columns that only a kernel of 1 meets become one axis.
  'a kernel of one axis': {
    inChannels: 9,
    outChannels: 18,
    kernel: { 1: [3], 2: [3, 1], 3: [3, 1, 1] },
    size: { 1: [31], 2: [9, 7], 3: [9, 3, 5] },
    padding: [[1, 2] as const, ...[0, 0].map((pad) => [pad, pad] as const)].slice(0, rank),
  },
  'groups of 3 and 2': { inChannels: 9, outChannels: 6, groups: 3, padding: 1, batch: 2 },
  'groups of 1 and 5': { inChannels: 3, outChannels: 15, groups: 3, padding: 1, activation: relu6 },
  // Columns become channels, and one row has a rest of them.
  'a filter of one channel': {
    ...oneChannel(rank),
    stride: ONES[rank].with(-1, 2),
    batch: rank === 1 ? 1 : 2,
    activation: relu,
  },
  'a filter of one channel, reflect': { ...oneChannel(rank), paddingMode: 'reflect' },
  ...Object.fromEntries(
    modes.map((paddingMode) => [
      `${paddingMode} padding`,
      { inChannels: 4, outChannels: 5, paddingMode, padding: uneven(rank), stride: paddingMode === 'circular' ? 2 : 1 },
    ]),
  ),
});

const depthwise: Variants = (rank) => ({
  plain: { inChannels: 5, outChannels: 5, groups: 5 },
  'padding 1, stride 2': { inChannels: 16, outChannels: 16, groups: 16, stride: 2, padding: 1, activation: relu6 },
  'multiplier 3': { inChannels: 5, outChannels: 15, groups: 5, padding: uneven(rank), batch: 2 },
  'multiplier 8': { inChannels: 2, outChannels: 16, groups: 2, padding: 1 },
  dilated: { inChannels: 7, outChannels: 7, groups: 7, dilation: 2, padding: 3 },
  'reflect, stride 2': {
    inChannels: 3,
    outChannels: 3,
    groups: 3,
    paddingMode: 'reflect',
    padding: uneven(rank),
    stride: 2,
  },
  circular: { inChannels: 3, outChannels: 6, groups: 3, paddingMode: 'circular', padding: uneven(rank), dilation: 2 },
});

const pointwise: Variants = () => ({
  plain: { inChannels: 17, outChannels: 33, kernel: ONES, batch: 2, activation: relu },
  'stride 2': { inChannels: 16, outChannels: 5, kernel: ONES, stride: 2 },
  'groups 3': { inChannels: 12, outChannels: 9, groups: 3, kernel: ONES },
  'padding 1': { inChannels: 4, outChannels: 3, kernel: ONES, padding: 1 },
});

const transposed: Variants = (rank) => ({
  plain: { inChannels: 5, outChannels: 6 },
  'stride 2, padding 1': { inChannels: 6, outChannels: 5, stride: 2, padding: 1, activation: relu },
  'stride 2, output padding 1': {
    inChannels: 3,
    outChannels: 4,
    stride: 2,
    padding: uneven(rank),
    outputPadding: 1,
    batch: 2,
  },
  'stride beyond the kernel': { inChannels: 4, outChannels: 3, stride: 3, kernel: TWOS, outputPadding: 2 },
  dilated: { inChannels: 3, outChannels: 5, stride: 2, dilation: 2, padding: 1 },
  'dilation 3, stride 2': { inChannels: 2, outChannels: 2, stride: 2, dilation: 3, padding: 2, outputPadding: 1 },
  'groups 3': { inChannels: 6, outChannels: 9, groups: 3, stride: [2, 3, 1].slice(0, rank), padding: 1 },
  'one channel a group': { inChannels: 5, outChannels: 5, groups: 5, stride: 2, padding: 1, kernel: TWOS },
  'kernel of 1, stride 2': { inChannels: 5, outChannels: 3, stride: 2, kernel: ONES, outputPadding: 1 },
});

const separable: Variants = (rank) => ({
  plain: { inChannels: 6, outChannels: 6, groups: 6, padding: 1, pointwise: { outChannels: 9 } },
  'stride 2, multiplier 2': {
    inChannels: 5,
    outChannels: 10,
    groups: 5,
    stride: 2,
    padding: uneven(rank),
    batch: 2,
    activation: relu6,
    pointwise: { outChannels: 17, activation: relu },
  },
  dilated: { inChannels: 4, outChannels: 4, groups: 4, dilation: 2, padding: 2, pointwise: { outChannels: 1 } },
  'grouped pointwise': {
    inChannels: 6,
    outChannels: 12,
    groups: 6,
    padding: 1,
    pointwise: { outChannels: 9, groups: 3 },
  },
  'reflect padding': {
    inChannels: 3,
    outChannels: 3,
    groups: 3,
    paddingMode: 'reflect',
    padding: uneven(rank),
    pointwise: { outChannels: 8 },
  },
});

/** Multiplies variants by ranks and layouts. Bias and residual alternate, so that each meets every kind. */
function spread(kind: string, variants: Variants, base: Partial<CaseOptions> = {}): ContractCase[] {
  const cases: ContractCase[] = [];
  for (const rank of RANKS) {
    for (const channelsLast of LAYOUTS) {
      for (const [name, variant] of Object.entries(variants(rank))) {
        const {
          kernel = KERNEL,
          size = SIZE,
          pointwise: second = null,
          inChannels = 1,
          outChannels = 1,
          ...rest
        } = variant;
        const turn = cases.length;
        cases.push({
          name: `${kind} ${rank}-D ${channelsLast ? 'last' : 'first'}: ${name}`,
          options: { ...base, ...rest, inChannels, outChannels, channelsLast, kernel: kernel[rank], size: size[rank] },
          pointwise: second,
          bias: turn % 3 !== 0,
          residual: turn % 4 === 1,
        });
      }
    }
  }
  return cases;
}

/** Around the sizes of panels, tiles and vectors: 1, 3, 5, 16, 17, 33, 64. */
function channelCounts(): ContractCase[] {
  const pairs = [
    [1, 1],
    [1, 64],
    [3, 64],
    [64, 3],
    [64, 1],
    [5, 33],
    [16, 16],
    [17, 5],
    [33, 17],
    [64, 64],
  ] as const;
  return pairs.flatMap(([inChannels, outChannels]) => [
    ...both(`3x3 ${inChannels} to ${outChannels}`, {
      inChannels,
      outChannels,
      size: [6, 9],
      kernel: [3, 3],
      padding: 1,
    }),
    ...both(
      `1x1 ${inChannels} to ${outChannels}`,
      { inChannels, outChannels, size: [5, 7], kernel: [1, 1] },
      { residual: true },
    ),
  ]);
}

function widths(): ContractCase[] {
  return [1, 2, 3, 4, 5, 7, 13, 14, 17, 31].flatMap((width) => [
    ...both(`3x3 width ${width}`, {
      inChannels: 3,
      outChannels: 5,
      size: [5, width],
      kernel: [3, 3],
      padding: 1,
      batch: 2,
    }),
    ...both(`depthwise 3x3 width ${width}`, {
      inChannels: 17,
      outChannels: 17,
      groups: 17,
      size: [4, width],
      kernel: [3, 3],
      padding: 1,
    }),
  ]);
}

function activations(): ContractCase[] {
  const slope = Float32Array.from({ length: 6 }, (_, channel) => (channel - 2) / 4);
  const all: readonly Partial<EngineActivation>[] = [
    { op: 'clip', min: -1, max: 2 },
    { op: 'leakyRelu', alpha: 0.25 },
    { op: 'prelu', slope },
    { op: 'elu', alpha: 1.5 },
    { op: 'sigmoid' },
    { op: 'tanh' },
    { op: 'hardSwish' },
    { op: 'hardSigmoid' },
    { op: 'silu' },
    { op: 'gelu' },
  ];
  const size = [5, 7];
  return all.flatMap((activation) => [
    ...both(
      `${activation.op} 3x3`,
      { inChannels: 3, outChannels: 6, size, kernel: [3, 3], padding: 1, activation },
      { residual: true },
    ),
    ...both(`${activation.op} depthwise`, {
      inChannels: 6,
      outChannels: 6,
      groups: 6,
      size,
      kernel: [3, 3],
      activation,
    }),
    ...both(`${activation.op} transposed`, {
      transposed: true,
      inChannels: 2,
      outChannels: 6,
      size: [3, 4],
      kernel: [3, 3],
      stride: 2,
      activation,
    }),
    ...both(
      `${activation.op} separable`,
      { inChannels: 6, outChannels: 6, groups: 6, size, kernel: [3, 3], padding: 1, activation },
      { pointwise: { outChannels: 6, activation }, residual: true },
    ),
  ]);
}

function edges(): ContractCase[] {
  const io = { inChannels: 3, outChannels: 5 };
  const three = { kernel: [3, 3], padding: 1 };
  return [
    ...both('one pixel, 1x1', { ...io, size: [1, 1], kernel: [1, 1], batch: 3 }),
    ...both('one pixel, 3x3', { ...io, ...three, size: [1, 1] }),
    ...both('one pixel, replicate', { ...io, ...three, size: [1, 1], paddingMode: 'replicate' }),
    ...both('one pixel, circular', { ...io, ...three, size: [1, 1], paddingMode: 'circular' }),
    ...both('kernel larger than the image', { ...io, size: [2, 3], kernel: [5, 7], padding: 3 }),
    ...both('depthwise kernel larger than the image', {
      inChannels: 5,
      outChannels: 5,
      groups: 5,
      size: [2, 3],
      kernel: [5, 7],
      padding: 3,
    }),
    ...both('taps that meet only padding', { ...io, size: [4, 5], kernel: [3, 3], dilation: 6, padding: 6 }),
    ...both('depthwise taps that meet only padding', {
      inChannels: 4,
      outChannels: 4,
      groups: 4,
      size: [4, 5],
      kernel: [3, 3],
      dilation: 6,
      padding: 6,
    }),
    ...both('outputs that meet only padding', { ...io, size: [3, 3], kernel: [2, 2], padding: 4, stride: 2 }),
    ...both('padding before alone', {
      ...io,
      size: [5, 6],
      kernel: [3, 3],
      padding: [
        [2, 0],
        [2, 0],
      ],
    }),
    ...both('padding after alone', {
      ...io,
      size: [5, 6],
      kernel: [3, 3],
      padding: [
        [0, 2],
        [0, 2],
      ],
      paddingMode: 'replicate',
    }),
    ...both('stride beyond the kernel', { ...io, size: [9, 11], kernel: [2, 2], stride: 4 }),
    ...both('11x11 stride 4', { ...io, size: [23, 25], kernel: [11, 11], stride: 4, padding: 2 }),
    ...both('7x7 stride 2, first of a network', {
      inChannels: 3,
      outChannels: 16,
      size: [17, 21],
      kernel: [7, 7],
      stride: 2,
      padding: 3,
    }),
    ...both('1x7', {
      inChannels: 17,
      outChannels: 9,
      size: [6, 17],
      kernel: [1, 7],
      padding: [
        [0, 0],
        [3, 3],
      ],
    }),
    ...both('7x1', {
      inChannels: 9,
      outChannels: 17,
      size: [17, 6],
      kernel: [7, 1],
      padding: [
        [3, 3],
        [0, 0],
      ],
    }),
    ...both('long 1-D', { inChannels: 2, outChannels: 3, size: [611], kernel: [9], padding: 4 }),
    ...both('long 1-D depthwise', { inChannels: 3, outChannels: 3, groups: 3, size: [611], kernel: [9], padding: 4 }),
    ...both(
      'long 1-D separable',
      { inChannels: 3, outChannels: 3, groups: 3, size: [211], kernel: [9], padding: 4 },
      { pointwise: { outChannels: 5 } },
    ),
    ...both('batch of 9', { ...io, ...three, size: [3, 3], batch: 9 }, { residual: true }),
    ...both('large K', { inChannels: 300, outChannels: 6, size: [3, 4], kernel: [3, 3], padding: 1 }),
    ...both('strict 3x3', { ...io, ...three, size: [8, 8], math: 'strict' }),
    ...both('3x3 reflect', { ...io, ...three, size: [9, 6], paddingMode: 'reflect' }),
    ...both('3x3 circular, padding 2 and 1', {
      ...io,
      size: [9, 6],
      kernel: [3, 3],
      padding: [
        [2, 1],
        [1, 2],
      ],
      paddingMode: 'circular',
    }),
    ...both('9x9 stride 3 transposed to one channel', {
      transposed: true,
      inChannels: 6,
      outChannels: 1,
      size: [5, 6],
      kernel: [9, 9],
      stride: 3,
      padding: 4,
    }),
    ...both('4x4 stride 2 transposed', {
      transposed: true,
      inChannels: 16,
      outChannels: 8,
      size: [4, 5],
      kernel: [4, 4],
      stride: 2,
      padding: 1,
    }),
    ...both('one pixel transposed', { transposed: true, ...io, size: [1, 1], kernel: [4, 4], stride: 4 }),
    ...both('transposed padding beyond the kernel', {
      transposed: true,
      ...io,
      size: [5, 5],
      kernel: [2, 2],
      padding: 2,
      stride: 2,
    }),
  ];
}

/** Groups that fill a vector, alone or several of them, whole and in part. */
function smallGroups(): ContractCase[] {
  const rows = [
    { groups: 16, ins: 4, outs: 4, size: [7, 9] },
    { groups: 9, ins: 4, outs: 4, size: [9, 8], stride: 2, activation: relu6 },
    { groups: 24, ins: 2, outs: 2, size: [8, 7], dilation: 2, padding: 2 },
    { groups: 6, ins: 8, outs: 8, size: [6, 11], paddingMode: 'reflect' as const },
    { groups: 12, ins: 1, outs: 4, size: [7, 7] },
    { groups: 17, ins: 1, outs: 2, size: [6, 13], stride: 2 },
    { groups: 10, ins: 2, outs: 4, size: [5, 12], activation: { op: 'gelu' as const } },
    { groups: 9, ins: 3, outs: 4, size: [6, 9] },
    { groups: 40, ins: 2, outs: 2, size: [3, 3], kernel: [2, 2] },
    { groups: 8, ins: 4, outs: 4, size: [5, 6], kernel: [1, 1], padding: 0 },
    { groups: 8, ins: 4, outs: 4, size: [9, 14], kernel: [5, 3], padding: 2 },
    { groups: 8, ins: 4, outs: 4, size: [31], kernel: [5], padding: 2 },
    { groups: 8, ins: 4, outs: 4, size: [4, 5, 9], kernel: [3, 3, 3] },
    { groups: 2, ins: 16, outs: 16, size: [6, 9] },
    { groups: 3, ins: 8, outs: 16, size: [11, 9], stride: 2, activation: relu6 },
    { groups: 2, ins: 5, outs: 16, size: [5, 7], dilation: 2, padding: 2, activation: { op: 'gelu' as const } },
    { groups: 3, ins: 16, outs: 16, size: [18, 5], stride: 2 },
    { groups: 5, ins: 16, outs: 16, size: [5, 9], stride: 2 },
    { groups: 14, ins: 4, outs: 4, size: [3, 9] },
    { groups: 3, ins: 8, outs: 8, size: [9, 7], stride: 2 },
    { groups: 2, ins: 3, outs: 8, size: [7, 10], activation: relu6 },
    { groups: 8, ins: 4, outs: 2, size: [5, 9] },
  ];
  return rows.flatMap(({ groups, ins, outs, kernel = [3, 3], padding = 1, ...rest }) =>
    both(
      `${groups} groups of ${ins} and ${outs}, ${kernel.join('x')}, ${Object.keys(rest).join(' ')}`,
      { ...rest, inChannels: groups * ins, outChannels: groups * outs, groups, kernel, padding },
      { residual: groups % 3 === 0 },
    ),
  );
}

/** Few output channels of many inputs. */
function fewOutputs(): ContractCase[] {
  const rows = [
    { inChannels: 33, outChannels: 1, size: [6, 21], kernel: [3, 3], padding: 1 },
    { inChannels: 40, outChannels: 2, size: [9, 11], kernel: [3, 3], padding: 1, stride: 2, dilation: 2 },
    { inChannels: 20, outChannels: 3, size: [5, 18], kernel: [1, 1], activation: { op: 'elu' as const, alpha: 1 } },
    { inChannels: 16, outChannels: 4, size: [7, 9], kernel: [5, 5], padding: 2, paddingMode: 'replicate' as const },
    { inChannels: 24, outChannels: 1, size: [7, 8], kernel: [9, 9], padding: 4, stride: 3, transposed: true },
    { inChannels: 18, outChannels: 3, size: [6, 7], kernel: [4, 4], padding: 1, stride: 2, transposed: true },
    { inChannels: 16, outChannels: 2, size: [4, 5, 6], kernel: [3, 3, 3], padding: 1, stride: 2, transposed: true },
    {
      inChannels: 20,
      outChannels: 2,
      size: [9, 10],
      kernel: [5, 4],
      padding: 1,
      stride: [3, 2],
      outputPadding: 1,
      transposed: true,
      activation: { op: 'prelu' as const, slope: Float32Array.of(0.25, -0.5) },
    },
    {
      inChannels: 12,
      outChannels: 3,
      size: [11, 21],
      kernel: [2, 3],
      padding: 0,
      stride: 4,
      transposed: true,
      activation: relu6,
    },
    { inChannels: 24, outChannels: 5, size: [33], kernel: [16], padding: 4, stride: 8, transposed: true },
    { inChannels: 64, outChannels: 1, size: [201], kernel: [7], padding: 3 },
  ];
  return rows.flatMap((options) =>
    both(
      `${options.inChannels} to ${options.outChannels}, ${options.kernel.join('x')}`,
      { ...options, batch: 2 },
      { residual: options.outChannels !== 1 },
    ),
  );
}

/** Strides whose phases Winograd adds up: kernels of a whole number of strides and not, long ones in parts. */
function stridedKernels(): ContractCase[] {
  const rows = [
    { inChannels: 17, outChannels: 20, size: [19, 15], kernel: [5, 5], padding: 2, stride: 2 },
    { inChannels: 3, outChannels: 8, size: [26, 23], kernel: [11, 11], padding: 2, stride: 4, activation: relu },
    {
      inChannels: 4,
      outChannels: 6,
      size: [14, 25],
      kernel: [6, 7],
      padding: [[2, 1] as const, [0, 3] as const],
      stride: 3,
    },
    {
      inChannels: 5,
      outChannels: 3,
      size: [9, 22],
      kernel: [1, 9],
      padding: [[0, 0] as const, [4, 4] as const],
      stride: 2,
    },
    { inChannels: 8, outChannels: 12, groups: 2, size: [16, 13], kernel: [4, 4], padding: 1, stride: [2, 2] },
    {
      inChannels: 6,
      outChannels: 5,
      size: [15, 17],
      kernel: [7, 5],
      padding: 2,
      stride: 2,
      paddingMode: 'reflect' as const,
    },
    {
      inChannels: 2,
      outChannels: 48,
      size: [43, 38],
      kernel: [7, 6],
      padding: [[3, 2] as const, [1, 4] as const],
      stride: [2, 3],
      activation: { op: 'silu' as const },
    },
    { inChannels: 2, outChannels: 40, size: [40, 61], kernel: [8, 8], padding: 0, stride: 4 },
    { inChannels: 1, outChannels: 64, size: [70, 33], kernel: [9, 7], padding: 4, stride: 2 },
    { inChannels: 2, outChannels: 4, size: [97], kernel: [16], padding: 5, stride: 4 },
    { inChannels: 3, outChannels: 4, size: [5, 9, 11], kernel: [3, 5, 5], padding: 2, stride: [1, 2, 2] },
  ];
  return rows.flatMap((options) =>
    both(
      `strided ${options.inChannels} to ${options.outChannels}, ${options.kernel.join('x')}`,
      { ...options, batch: 2 },
      { residual: options.inChannels !== 3 },
    ),
  );
}

/** Maps that Winograd's tiles of eight points fit well enough, whole and beyond the border. */
function largeTiles(): ContractCase[] {
  const rows = [
    { inChannels: 33, outChannels: 20, size: [17, 18], kernel: [3, 3], padding: 1 },
    { inChannels: 24, outChannels: 65, size: [31, 11], kernel: [3, 3], padding: 2, dilation: 2, activation: relu },
    {
      inChannels: 20,
      outChannels: 40,
      size: [23, 16],
      kernel: [5, 5],
      padding: 2,
      activation: { op: 'silu' as const },
    },
    { inChannels: 16, outChannels: 16, size: [13, 27], kernel: [7, 7], padding: 3 },
    { inChannels: 32, outChannels: 33, size: [9, 34], kernel: [1, 7], padding: [[0, 0] as const, [3, 3] as const] },
    { inChannels: 32, outChannels: 24, size: [36, 5], kernel: [3, 1], padding: 1 },
    { inChannels: 40, outChannels: 36, size: [61], kernel: [5], padding: 4, activation: relu6 },
    { inChannels: 48, outChannels: 40, groups: 2, size: [18, 12], kernel: [3, 3], padding: 1 },
    { inChannels: 18, outChannels: 20, size: [12, 17], kernel: [5, 5], padding: 2, paddingMode: 'circular' as const },
    { inChannels: 32, outChannels: 24, size: [12, 6], kernel: [6, 6], padding: 2, stride: 2, transposed: true },
  ];
  return rows.flatMap((options) =>
    both(
      `large tiles ${options.inChannels} to ${options.outChannels}, ${options.kernel.join('x')}`,
      { ...options, batch: 2 },
      { residual: options.inChannels !== 33 },
    ),
  );
}

export const CASES: readonly ContractCase[] = [
  ...spread('standard', standard),
  ...spread('depthwise', depthwise),
  ...spread('pointwise', pointwise),
  ...spread('transposed', transposed, { transposed: true }),
  ...spread('separable', separable),
  ...channelCounts(),
  ...widths(),
  ...activations(),
  ...edges(),
  ...depthwiseBlocks(),
  ...depthwiseLines(),
  ...depthwiseAnyKernels(),
  ...depthwisePlanes(),
  ...depthwiseNeighbours(),
  ...smallGroups(),
  ...fewOutputs(),
  ...stridedKernels(),
  ...largeTiles(),
  ...evenRows(),
  ...pairedPixels(),
  ...piecesOfWeights(),
];
