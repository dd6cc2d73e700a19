#pragma once

#include "kernels/epilogue.h"

namespace convolith {

/**
 * A row of output pixels of a depthwise convolution, channels in the lanes:
 *
 *   sum[p][c] = Σ_t inputs[p * taps + t][c] * weight[t * weight_stride + c]
 *   out[out_offset[p] + c] = activation(sum + bias[c] + residual[…the same place])
 *
 * for c < channels. `inputs` holds one pointer a pixel and tap, at zeros for padding.
 */
struct DepthwiseTile {
  const float* const* inputs = nullptr;
  /** [taps][weight_stride], padded with zeros to whole vectors. */
  const float* weight = nullptr;
  Index weight_stride = 0;
  int taps = 0;
  float* out = nullptr;
  const Index* out_offset = nullptr;
  const float* residual = nullptr;
  Index channels = 0;
  const Epilogue* epilogue = nullptr;
};

using DepthwiseKernel = void (*)(const DepthwiseTile&);

inline constexpr int kMaxDepthwisePixels = 8;

/** `tile[P - 1]` computes P pixels at once. */
struct DepthwiseKernels {
  DepthwiseKernel tile[kMaxDepthwisePixels] = {};
};

}  // namespace convolith
