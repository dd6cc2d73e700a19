#pragma once

#include <cstdint>

#include "base/check.h"

namespace convolith {

/** out[i] = from[i] + (to[i] - from[i]) * fraction for i < count. */
struct Blend {
  const float* from = nullptr;
  const float* to = nullptr;
  float* out = nullptr;
  Index count = 0;
  float fraction = 0.0F;
};

/** One row of pixels: out[p] = x[low[p]] blended with x[high[p]] by fraction[p], all channels. */
struct BlendPixels {
  const float* x = nullptr;
  const std::int32_t* low = nullptr;
  const std::int32_t* high = nullptr;
  const float* fraction = nullptr;
  float* out = nullptr;
  Index pixels = 0, channels = 0;
};

struct ResampleKernels {
  void (*blend)(const Blend&) = nullptr;
  void (*blend_pixels)(const BlendPixels&) = nullptr;
};

}  // namespace convolith
