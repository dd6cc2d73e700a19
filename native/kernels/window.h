#pragma once

#include "base/check.h"

namespace convolith {

/**
 * Neighbouring windows of one row that have the same taps: pixel p of the row reads x[taps[t] + p * step + c]
 * and writes out[p * channels + c]. `divisor` of an average is the number of its taps.
 */
struct PoolRun {
  const float* x = nullptr;
  const Index* taps = nullptr;
  Index tap_count = 0, step = 0;
  Index pixels = 0, channels = 0;
  float* out = nullptr;
  float divisor = 1.0F;
};

/** The same windows backwards, over `channels` of `channel_stride`: dx[taps[t] + p * step + c] += … */
struct PoolGradRun {
  const float* x = nullptr;
  const Index* taps = nullptr;
  Index tap_count = 0, step = 0;
  Index pixels = 0, channels = 0, channel_stride = 0;
  const float* dy = nullptr;
  float* dx = nullptr;
  /** Of an average: what of each dy a tap gets. */
  float share = 1.0F;
};

struct WindowKernels {
  void (*max)(const PoolRun&) = nullptr;
  void (*avg)(const PoolRun&) = nullptr;
  /** dy goes to the first tap that is larger than all before it. */
  void (*max_grad)(const PoolGradRun&) = nullptr;
  void (*avg_grad)(const PoolGradRun&) = nullptr;
};

}  // namespace convolith
