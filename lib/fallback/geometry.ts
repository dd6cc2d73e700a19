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

/** One axis of a group of outputs: which taps they use and where each tap reads. */
export interface AxisTaps {
  /** Kernel coordinates of the taps that meet at least one input. */
  readonly taps: readonly number[];
  /** `[outputs, taps]`: input coordinate, or -1 for a zero. */
  readonly reads: Int32Array;
  readonly outputs: number;
}

/** Collects the reads of every tap in `candidates`, leaving out taps that only ever meet padding. */
export function axisTaps(outputs: number, candidates: number, read: (output: number, tap: number) => number): AxisTaps {
  const taps: number[] = [];
  for (let tap = 0; tap < candidates; tap++) {
    for (let output = 0; output < outputs; output++) {
      if (read(output, tap) >= 0) {
        taps.push(tap);
        break;
      }
    }
  }
  const reads = new Int32Array(outputs * taps.length);
  for (let output = 0, at = 0; output < outputs; output++) {
    for (const tap of taps) reads[at++] = read(output, tap);
  }
  return { taps, reads, outputs };
}
