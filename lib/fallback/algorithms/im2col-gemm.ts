import type { ConvGeometry, ConvSpec } from '../../spec.js';
import { type AxisTaps, axisTaps } from '../geometry.js';
import { type Algorithm, neverYields } from './algorithm.js';
import { ImplicitGemm, type Phase } from './implicit-gemm.js';

/** The whole output of a standard convolution as one phase. */
export function standardPhase(spec: ConvSpec, geometry: ConvGeometry): Phase {
  const along = (axis: 0 | 1 | 2): AxisTaps =>
    axisTaps(
      {
        outputs: geometry.output[axis],
        scale: spec.stride[axis],
        size: geometry.input[axis],
        mode: spec.paddingMode,
      },
      spec.kernel[axis],
      (tap) => tap * spec.dilation[axis] - geometry.padBefore[axis],
    );
  return { first: [0, 0, 0], step: [1, 1, 1], axes: [along(0), along(1), along(2)] };
}

/** Standard, dilated and grouped convolution of every rank. */
export const im2colGemm: Algorithm = {
  name: 'im2col-gemm',
  refuse({ layer, pointwise }) {
    if (pointwise !== null) return 'serves one stage, not a depthwise and a pointwise one';
    return layer.spec.transposed ? 'a transposed convolution has no im2col matrix; its phases do' : null;
  },
  yieldTo: neverYields,
  prepare: ({ layer, geometry }) => new ImplicitGemm(layer, geometry, [standardPhase(layer.spec, geometry)]),
};
