#pragma once

namespace convolith {

/** Peak of f32 fused multiply-adds on this thread with the instruction set in use, GFLOP/s: the best of
 * several short runs. */
double fma_peak();

/** Bandwidth of this thread over memory beyond its caches, GB/s: bytes read plus bytes written by a copy. */
double memory_bandwidth();

}  // namespace convolith
