import type { LayerDescriptor, PaddingPair } from '../descriptor.js';
import { formatDescriptor, parseDescriptor } from '../descriptor.js';
import type { PaddingMode } from '../index.js';
import { product } from './layer.js';
import type { LayoutName } from './options.js';
import { LAYOUTS } from './options.js';
import type { Random } from './random.js';

/** Activations whose slope is at most 1.2, so that rounding units stay comparable; `null` is none. */
export const ACTIVATIONS = [
  null,
  'relu',
  'relu6',
  'leakyRelu',
  'elu',
  'sigmoid',
  'tanh',
  'hardSigmoid',
  'silu',
  'gelu',
] as const;
export type ActivationName = Exclude<(typeof ACTIVATIONS)[number], null>;

/** Those that keep whole numbers whole. */
export const WHOLE_ACTIVATIONS: readonly (ActivationName | null)[] = [null, 'relu', 'relu6'];

/** One layer to compare, whole but for its data. */
export interface VerifyCase {
  readonly descriptor: LayerDescriptor;
  /** Output channels of a pointwise stage that makes a depthwise layer a separable one; `null` for none. */
  readonly pointwise: number | null;
  readonly layout: LayoutName;
  readonly bias: boolean;
  readonly residual: boolean;
  readonly paddingMode: PaddingMode;
  readonly activation: ActivationName | null;
}

/** The case in one line, for a report. */
export function describeCase(tested: VerifyCase): string {
  const extras: string[] = [tested.layout];
  if (tested.pointwise !== null) extras.push(`then pointwise o${tested.pointwise}`);
  if (tested.bias) extras.push('bias');
  if (tested.residual) extras.push('residual');
  if (tested.paddingMode !== 'zeros') extras.push(tested.paddingMode);
  if (tested.activation !== null) extras.push(tested.activation);
  return `${formatDescriptor(tested.descriptor)} (${extras.join(', ')})`;
}

/** Every kind, every rank, and the edges of register tiles: sizes just under, at and over 7, 14, 16 and 32. */
const FIXED = [
  'n1c1h1w1 o1 k1x1',
  'n1c3h17w19 o16 k7x7 s2 p3',
  'n2c16h14w14 o32 k3x3 p1',
  'n1c32h14w15 o33 k3x3 p1',
  'n1c64h7w7 o64 k3x3 p1',
  'n1c17h16w13 o31 k3x3 s2 p1',
  'n1c16h18w18 o16 k3x3 p2 d2',
  'n1c8h33w31 o12 k3x3 p6 d6',
  'n1c12h20w20 o20 k5x5 p2',
  'n1c24h17w17 o24 k1x7 p0x3',
  'n1c24h17w17 o24 k7x1 p3x0',
  'n1c9h13w13 o10 k2x2 s2',
  'n1c6h40w40 o4 k11x11 s4 p2',
  'n1c64h14w14 o128 k1x1',
  'n3c33h7w7 o47 k1x1',
  'n1c48h15w15 o40 k1x1 s2',
  'n1c32h13w13 o1 k3x3 p1',
  'n1c32h13w13 o3 k3x3 p1',
  'n1c32h14w14 o32 k3x3 p1 g32',
  'n1c33h15w15 o33 k3x3 s2 p1 g33',
  'n1c16h16w16 o32 k5x5 p2 g16',
  'n1c20h21w21 o20 k7x7 p3 g20',
  'n1c18h17w17 o18 k3x3 p2 d2 g18',
  'n1c32h14w14 o32 k3x3 p1 g8',
  'n1c30h10w10 o20 k3x3 p1 g5',
  'n1c8h9w9 o8 k3x3 psame s2',
  'n1c8h9w10 o8 k3x3 p0:1x1:2',
  'n1c16w100 o24 k3 p1',
  'n2c5w63 o7 k5 s2 p2 d2',
  'n1c8w50 o8 k3 p1 g8',
  'n1c4d6h9w10 o8 k3x3x3 p1',
  'n1c8d5h7w7 o8 k3x3x3 s1x2x2 p1 g8',
  'n1c6d4h5w6 o10 k1x1x1',
  't n1c16h7w7 o8 k4x4 s2 p1',
  't n1c17h9w8 o5 k3x3 s2 p1 op1',
  't n1c12h7w7 o6 k2x2 s2',
  't n1c10h8w8 o1 k9x9 s3 p4',
  't n1c8h6w6 o8 k3x3 p1 d2',
  't n2c12h7w7 o12 k3x3 s2 p1 g4',
  't n1c9h5w5 o9 k4x4 s2 p1 g9',
  't n1c8w20 o4 k4 s2 p1',
  't n1c4d3h4w5 o6 k3x3x3 s2 p1 op1',
] as const;

/** Depthwise layers, and what the pointwise stage behind them gives. */
const FIXED_SEPARABLE = [
  ['n1c32h14w14 o32 k3x3 p1 g32', 64],
  ['n2c17h15w13 o17 k3x3 s2 p1 g17', 33],
  ['n1c8h20w20 o16 k5x5 p2 g8', 1],
  ['n1c48h9w9 o48 k3x3 p2 d2 g48', 48],
] as const;

const FIXED_EPILOGUES: readonly Pick<VerifyCase, 'bias' | 'residual' | 'paddingMode' | 'activation'>[] = [
  { bias: false, residual: false, paddingMode: 'zeros', activation: null },
  { bias: true, residual: true, paddingMode: 'zeros', activation: 'relu' },
];

/** Each layer in both layouts, one with each epilogue; which with which alternates, as the two together take twice as long. */
export function fixedCases(): VerifyCase[] {
  const layers = [...FIXED.map((text) => [text, null] as const), ...FIXED_SEPARABLE];
  return layers.flatMap(([text, pointwise], index) =>
    LAYOUTS.map((layout, place) => ({
      descriptor: parseDescriptor(text),
      pointwise,
      layout,
      ...FIXED_EPILOGUES[(index + place) % FIXED_EPILOGUES.length],
    })),
  );
}

/** Multiply-accumulates of a random case at the most: keeps the TypeScript reference within some ten milliseconds. */
const RANDOM_MACS = 3_000_000;

/** A valid case with all of its numbers drawn from `random`. */
export function randomCase(random: Random): VerifyCase {
  for (;;) {
    const descriptor = randomDescriptor(random);
    if (descriptor === null) continue;
    const transposed = descriptor.kind === 'convTranspose';
    const { inChannels, groups } = descriptor.options;
    const depthwise = descriptor.rank === 2 && !transposed && groups === inChannels;
    return {
      descriptor,
      pointwise: depthwise && random.chance(0.5) ? random.integer(1, 64) : null,
      layout: random.pick(LAYOUTS),
      bias: random.chance(0.6),
      residual: random.chance(0.3),
      paddingMode:
        transposed || random.chance(0.6) ? 'zeros' : random.pick(['reflect', 'replicate', 'circular'] as const),
      activation: random.chance(0.5) ? null : random.pick(ACTIVATIONS),
    };
  }
}

const RANK_CHOICES = [1, 2, 2, 2, 3] as const;
const SIZE_LIMITS = { 1: 120, 2: 36, 3: 10 } as const;
const KERNEL_CHOICES = [1, 1, 2, 3, 3, 3, 4, 5, 7] as const;

/** `null` where the drawn numbers make an empty output, a pad wider than its map, or too much work. */
function randomDescriptor(random: Random): LayerDescriptor | null {
  const rank = random.pick(RANK_CHOICES);
  const transposed = random.chance(0.25);
  const axes = <T>(draw: () => T): T[] => Array.from({ length: rank }, draw);
  const groups = random.chance(0.6) ? 1 : random.integer(2, 24);
  const depthwise = groups > 1 && random.chance(0.6);
  const inChannels = groups * (depthwise ? 1 : random.integer(1, groups > 1 ? 8 : 48));
  const outChannels = groups * (depthwise ? random.integer(1, 2) : random.integer(1, groups > 1 ? 8 : 48));
  const same = random.pick(KERNEL_CHOICES);
  const kernelSize = random.chance(0.7) ? axes(() => same) : axes(() => random.pick(KERNEL_CHOICES));
  const stride = random.chance(0.6) ? axes(() => 1) : axes(() => random.integer(1, 3));
  const dilation = random.chance(0.75) ? axes(() => 1) : axes(() => random.integer(1, 3));
  const padding = axes<PaddingPair>(() => {
    const before = random.integer(0, 3);
    return [before, random.chance(0.7) ? before : random.integer(0, 3)];
  });
  const sizes = axes(() => random.integer(1, SIZE_LIMITS[rank]));
  const outputPadding = axes(() => 0).map((_, axis) => {
    const limit = Math.max(stride[axis], dilation[axis]) - 1;
    return transposed && random.chance(0.3) ? random.integer(0, limit) : 0;
  });

  const output = sizes.map((size, axis) => {
    const reach = dilation[axis] * (kernelSize[axis] - 1);
    const pads = padding[axis][0] + padding[axis][1];
    return transposed
      ? (size - 1) * stride[axis] - pads + reach + outputPadding[axis] + 1
      : Math.floor((size + pads - reach - 1) / stride[axis]) + 1;
  });
  const padsFit = padding.every(([before, after], axis) => Math.max(before, after) < sizes[axis]);
  if (!padsFit || output.some((size) => size < 1)) return null;
  const batch = random.chance(0.8) ? 1 : random.integer(2, 3);
  const perWeight = batch * product(transposed ? sizes : output);
  if ((perWeight * product(kernelSize) * inChannels * outChannels) / groups > RANDOM_MACS) return null;
  return {
    kind: transposed ? 'convTranspose' : 'conv',
    rank,
    inputShape: [batch, inChannels, ...sizes],
    options: { inChannels, outChannels, kernelSize, stride, padding, dilation, groups, outputPadding },
  };
}
