import { volume } from '../geometry.js';
import type { Algorithm } from './algorithm.js';
import { standardPhase } from './im2col-gemm.js';
import { ImplicitGemm } from './implicit-gemm.js';

/** 1×1 convolution, strided and grouped ones too: the im2col matrix with one tap, the feature map itself. */
export const pointwise: Algorithm = {
  name: 'pointwise',
  refuse({ layer: { spec }, pointwise: second, geometry }) {
    if (second !== null) return 'serves one stage, not a depthwise and a pointwise one';
    if (spec.transposed) return 'the convolution is transposed';
    if (volume(spec.kernel) !== 1) return `kernel is ${spec.kernel.join('x')}, not 1x1x1`;
    const padded = [...geometry.padBefore, ...geometry.padAfter].some((padding) => padding !== 0);
    return padded ? 'the input is padded' : null;
  },
  yieldTo({ layer: { spec } }) {
    return spec.groups === spec.inChannels && spec.groups > 1 ? 'one input channel a group: no product to tile' : null;
  },
  prepare: ({ layer, geometry }) => new ImplicitGemm(layer, geometry, [standardPhase(layer.spec, geometry)]),
};
