import { NR } from '../packed-weights.js';
import type { Algorithm } from './algorithm.js';
import { DotExecutor } from './dot.js';

/** Groups of few channels, a group at a time at each pixel. */
export const grouped: Algorithm = {
  name: 'grouped',
  refuse({ layer: { spec }, pointwise }) {
    if (pointwise !== null) return 'serves one stage, not a depthwise and a pointwise one';
    if (spec.transposed) return 'the convolution is transposed';
    if (spec.groups === 1) return 'one group, not several';
    const groupOut = spec.outChannels / spec.groups;
    return groupOut > NR ? `${groupOut} output channels a group, not at most ${NR}` : null;
  },
  /** Panels of NR columns are computed whole: where a group fills most of one, a product's 4×4 sums are faster. */
  yieldTo({ layer: { spec } }) {
    if (spec.groups === spec.inChannels) return 'groups of one input channel are depthwise';
    const groupOut = spec.outChannels / spec.groups;
    return groupOut > 2 ? `${groupOut} output channels a group fill the register tiles of a product` : null;
  },
  prepare: ({ layer, geometry }) => new DotExecutor(layer, geometry),
};
