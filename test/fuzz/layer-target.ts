import { type AxisCase, type LayerCase, layerCases } from './layer-case.js';
import { LayerCheck } from './layer-check.js';
import { Tally } from './tally.js';
import { type Target, without } from './target.js';

const USUAL_AXIS: AxisCase = { size: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0, extra: 0 };
const USUAL: LayerCase = {
  kind: 'standard',
  channelsLast: false,
  hwio: false,
  bare: false,
  batch: 1,
  groups: 1,
  groupIn: 1,
  groupOut: 1,
  multiplier: 1,
  axes: [],
  padding: 'pairs',
  mode: 'zeros',
  activation: 'linear',
  bias: false,
  residual: false,
  norm: false,
  strict: false,
  algorithm: 'auto',
  threads: 1,
  async: false,
  data: 'whole',
  seed: 0,
  spoil: null,
};

/** Every kind of layer, by every algorithm on every instruction set here, against the plain loops in TypeScript. */
export function layerTarget(): Target<LayerCase> {
  const tally = new Tally();
  const check = new LayerCheck(tally);
  return {
    cases: layerCases(check.algorithms),
    check: (one) => check.run(one),
    tally,
    compact: (one) => ({ ...without(one, USUAL), axes: one.axes.map((axis) => without(axis, USUAL_AXIS)) }),
    expand: (line) => {
      const given = line as Partial<LayerCase>;
      return { ...USUAL, ...given, axes: (given.axes ?? []).map((axis) => ({ ...USUAL_AXIS, ...axis })) };
    },
  };
}
