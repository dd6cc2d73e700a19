import type { ConvGeometry, ConvSpec, Triple } from '../../spec.js';
import { type AxisTaps, axisTaps } from '../geometry.js';
import { type Algorithm, neverYields } from './algorithm.js';
import { ImplicitGemm, type Phase } from './implicit-gemm.js';

/**
 * Outputs `phase + i * stride` of one axis. A tap k meets them where `phase + padBefore - k * dilation` is a multiple
 * of the stride, and reads input `i + that / stride`: an ordinary convolution of stride 1.
 */
function phaseTaps(spec: ConvSpec, geometry: ConvGeometry, axis: 0 | 1 | 2, phase: number): AxisTaps {
  const stride = spec.stride[axis];
  const outputs = Math.ceil((geometry.output[axis] - phase) / stride);
  return axisTaps({ outputs, scale: 1, size: geometry.input[axis], mode: 'zeros' }, spec.kernel[axis], (tap) => {
    const reach = phase + geometry.padBefore[axis] - tap * spec.dilation[axis];
    return reach % stride === 0 ? reach / stride : null;
  });
}

export function phasesOf(spec: ConvSpec, geometry: ConvGeometry): Phase[] {
  const along = (axis: 0 | 1 | 2) =>
    Array.from({ length: Math.min(spec.stride[axis], geometry.output[axis]) }, (_, phase) => ({
      phase,
      taps: phaseTaps(spec, geometry, axis, phase),
    }));
  const phases: Phase[] = [];
  const step: Triple = spec.stride;
  const [depths, heights, widths] = [along(0), along(1), along(2)];
  for (const d of depths) {
    for (const h of heights) {
      for (const w of widths) {
        phases.push({ first: [d.phase, h.phase, w.phase], step, axes: [d.taps, h.taps, w.taps] });
      }
    }
  }
  return phases;
}

/** Strides of 64 both ways. A plan holds something for each phase; the textbook loops need none, and serve more. */
const MOST_PHASES = 4096;

/** Why an algorithm that goes by phases does not serve a layer of so many, or null. */
export function refusePhases(spec: ConvSpec, geometry: ConvGeometry): string | null {
  const phases = spec.stride.reduce((all, stride, axis) => all * Math.min(stride, geometry.output[axis]), 1);
  return phases > MOST_PHASES ? `${phases} phases, the product of the strides, not at most ${MOST_PHASES}` : null;
}

/** Transposed convolution by phases: no zero is multiplied and nothing is scattered. */
export const transposed: Algorithm = {
  name: 'transposed',
  refuse({ layer: { spec }, geometry, pointwise }) {
    if (pointwise !== null) return 'serves one stage, not a depthwise and a pointwise one';
    return spec.transposed ? refusePhases(spec, geometry) : 'the convolution is not transposed';
  },
  yieldTo: neverYields,
  prepare: ({ layer, geometry }) => new ImplicitGemm(layer, geometry, phasesOf(layer.spec, geometry)),
};
