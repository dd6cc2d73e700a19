import fc from 'fast-check';
import type { ContractCase } from '../contract/case.js';
import type { CaseOptions } from './spec.js';
import { buildSpec } from './spec.js';

type Kind = 'standard' | 'depthwise' | 'transposed' | 'separable';

/** Of one axis: every number that its geometry has. */
const axis = fc.record({
  size: fc.integer({ min: 1, max: 9 }),
  kernel: fc.integer({ min: 1, max: 4 }),
  stride: fc.integer({ min: 1, max: 3 }),
  dilation: fc.integer({ min: 1, max: 3 }),
  before: fc.integer({ min: 0, max: 3 }),
  after: fc.integer({ min: 0, max: 3 }),
  outputPadding: fc.integer({ min: 0, max: 2 }),
});

const channels = fc.record({
  groups: fc.integer({ min: 1, max: 4 }),
  groupIn: fc.integer({ min: 1, max: 6 }),
  groupOut: fc.integer({ min: 1, max: 6 }),
  pointwise: fc.integer({ min: 1, max: 9 }),
});

const activation = fc.constantFrom({}, { min: 0 }, { min: 0, max: 6 }, { op: 'leakyRelu' as const, alpha: 0.5 });

/** Padding modes that a map limits, and how. */
const MOST_PADDING: Readonly<Record<string, (size: number) => number>> = {
  reflect: (size) => size - 1,
  circular: (size) => size,
};

/** A random layer of a kind whose output is not empty, with sizes that keep it small. */
export function anyCase(kind: Kind): fc.Arbitrary<ContractCase> {
  return fc
    .record({
      axes: fc.array(axis, { minLength: 1, maxLength: 3 }),
      channels,
      activation,
      channelsLast: fc.boolean(),
      batch: fc.integer({ min: 1, max: 3 }),
      paddingMode: fc.constantFrom('zeros', 'reflect', 'replicate', 'circular'),
      bias: fc.boolean(),
      residual: fc.boolean(),
      seed: fc.nat(),
    })
    .map(({ axes, channels: count, seed, bias, residual, paddingMode, ...rest }) => {
      const single = kind === 'depthwise' || kind === 'separable';
      const options: CaseOptions = {
        ...rest,
        transposed: kind === 'transposed',
        groups: count.groups,
        inChannels: single ? count.groups : count.groups * count.groupIn,
        outChannels: count.groups * count.groupOut,
        paddingMode: kind === 'transposed' ? 'zeros' : (paddingMode as CaseOptions['paddingMode']),
        size: axes.map(({ size }) => size),
        kernel: axes.map(({ kernel }) => kernel),
        stride: axes.map(({ stride }) => stride),
        dilation: axes.map(({ dilation }) => dilation),
        padding: axes.map(({ before, after, size }) => {
          // A reflection ends before the map's far edge, a turn around the circle at it.
          const most = kind === 'transposed' ? Infinity : (MOST_PADDING[paddingMode]?.(size) ?? Infinity);
          return [Math.min(before, most), Math.min(after, most)] as const;
        }),
        outputPadding: axes.map(({ outputPadding, stride }) => Math.min(outputPadding, stride - 1)),
      };
      const pointwise = kind === 'separable' ? { outChannels: count.pointwise } : null;
      return { name: `${kind} ${seed}`, options, pointwise, bias, residual };
    })
    .filter(({ options }) => buildSpec(options).geometry.output.every((size) => size > 0));
}

export const KINDS: readonly Kind[] = ['standard', 'depthwise', 'transposed', 'separable'];
