#pragma once

#include "kernels/epilogue.h"

namespace convolith {

/**
 * A row of outputs of any kernel, channels in the lanes:
 *
 *   out[o * out_step + c] = activation(bias[c] + residual[…the same place]
 *       + Σ_r Σ_k x_r[o * stride + k * spacing][c] * weight[(row_tap[r] + k) * weight_stride + c])
 *
 * for o < outputs, c < channels, r < row_count, k < row_taps; a whole vector of channels at least. x_r is a
 * row's columns, of which only begin to end exist, the others being zeros: x_r[i] is rows[r] + (i - begin) *
 * column_step.
 */
struct DepthwiseLine {
  /** Those of the kernel's rows that lie in the map, each at its column `begin`. */
  const float* const* rows = nullptr;
  const Index* row_tap = nullptr;
  Index row_count = 0, row_taps = 0;
  /** Columns between two outputs, and between two taps. */
  Index stride = 1, spacing = 1;
  Index column_step = 0, begin = 0, end = 0;
  Index outputs = 0;
  const float* weight = nullptr;
  Index weight_stride = 0;
  float* out = nullptr;
  const float* residual = nullptr;
  Index out_step = 0;
  Index channels = 0;
  /** Where the first aligned vector of channels begins in every column, or 0 where it does not matter. Those
   * before it are computed twice then, in a vector of the first ones. */
  Index shift = 0;
  const Epilogue* epilogue = nullptr;
};

/** Outputs whose sums are in registers at once, and taps whose weights are. */
inline constexpr int kLinePixels = 8;
inline constexpr int kLineTaps = 4;
/** Strides with a kernel of their own, and any. */
inline constexpr int kLineStrides = 3;

}  // namespace convolith
