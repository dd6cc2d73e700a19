import type { PaddingMode, Triple } from '../spec.js';

/** Elements from one entry to the next, along each dimension of a dense feature map. */
export interface MapStrides {
  readonly batch: number;
  readonly channel: number;
  readonly depth: number;
  readonly height: number;
  readonly width: number;
}

export function volume(size: Triple): number {
  return size[0] * size[1] * size[2];
}

/** Strides of `[batch, channels, ...size]`, or of `[batch, ...size, channels]` where channels come last. */
export function mapStrides(channels: number, size: Triple, channelsLast: boolean): MapStrides {
  const pixel = channelsLast ? channels : 1;
  return {
    batch: channels * volume(size),
    channel: channelsLast ? 1 : volume(size),
    depth: size[1] * size[2] * pixel,
    height: size[2] * pixel,
    width: pixel,
  };
}

/**
 * The input coordinate that a coordinate of the padded map reads, or -1 for a zero. Reflection leaves the edge
 * entry out, as PyTorch's `reflect` does, and goes back and forth where the padding is longer than the map.
 */
export function paddedCoordinate(at: number, size: number, mode: PaddingMode): number {
  if (at >= 0 && at < size) return at;
  if (mode === 'zeros') return -1;
  if (mode === 'replicate') return at < 0 ? 0 : size - 1;
  const period = mode === 'circular' ? size : Math.max(1, 2 * (size - 1));
  const folded = ((at % period) + period) % period;
  return folded < size ? folded : period - folded;
}

/** One axis of a grid of outputs: output i reads, by the t-th tap, coordinate `i * scale + shifts[t]` of the padded map. */
export interface AxisTaps {
  readonly outputs: number;
  readonly scale: number;
  readonly size: number;
  readonly mode: PaddingMode;
  /** Kernel coordinates of the taps that meet at least one input; the others are left out. */
  readonly taps: readonly number[];
  readonly shifts: readonly number[];
}

/** `shift` gives the coordinate that a kernel coordinate reads for output 0, or null where it meets no output. */
export function axisTaps(
  axis: Pick<AxisTaps, 'outputs' | 'scale' | 'size' | 'mode'>,
  kernel: number,
  shift: (tap: number) => number | null,
): AxisTaps {
  const taps: number[] = [];
  const shifts: number[] = [];
  for (let tap = 0; tap < kernel; tap++) {
    const at = shift(tap);
    if (at === null) continue;
    const first = Math.max(0, Math.ceil(-at / axis.scale));
    if (axis.mode === 'zeros' && (first >= axis.outputs || first * axis.scale + at >= axis.size)) continue;
    taps.push(tap);
    shifts.push(at);
  }
  return { ...axis, taps, shifts };
}
