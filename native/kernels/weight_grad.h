#pragma once

#include "base/check.h"
#include "kernels/gemm.h"

namespace convolith {

/**
 * One register tile of a weight's gradient: MR input channels of one tap (rows) × NR vectors of output
 * channels (columns), summed over output points.
 *
 *   sums[i * sum_step + j] += Σ_r Σ_p rows[r][channel + p * step + i] * grads[r][p * NR * lanes + j]
 *
 * for i < MR, j < NR * lanes, r < runs, p < points. The input is read where it lies, channels last; a run is
 * a row of output points, so stride, dilation and padding are addresses and ranges, not code. Each step loads
 * NR vectors and MR scalars for MR × NR multiplications.
 */
struct WeightGradTile {
  const float* const* rows = nullptr;
  /** Gradients by the output, packed as [points][NR * lanes]. */
  const float* const* grads = nullptr;
  Index runs = 0, points = 0, channel = 0, step = 0;
  float* sums = nullptr;
  Index sum_step = 0;
};

using WeightGradKernel = void (*)(const WeightGradTile&);

/**
 * The gradient of some taps of a depthwise weight, channels in the lanes:
 *
 *   sums[t * lanes + c] += Σ_r Σ_p rows[r][p * step + offsets[t] + c] * grads[r][p * grad_step + c]
 *
 * for t < T, c < channels (the whole vector where that is `lanes`), r < runs, p < points.
 */
struct DepthwiseGradTile {
  const float* const* rows = nullptr;
  const float* const* grads = nullptr;
  const Index* offsets = nullptr;
  Index runs = 0, points = 0, step = 0, grad_step = 0;
  int channels = 0;
  float* sums = nullptr;
};

using DepthwiseGradKernel = void (*)(const DepthwiseGradTile&);

/** Sums that one depthwise tile keeps: with the gradient and an input they fit 16 registers. */
inline constexpr int kMaxGradTaps = 12;

struct WeightGradKernels {
  /** `tile[NR - 1][MR - 1]`, null past `GemmKernels::max_rows[NR - 1]`. */
  WeightGradKernel tile[kMaxTileVectors][kMaxTileRows] = {};
  /** `taps[T - 1]`. */
  DepthwiseGradKernel taps[kMaxGradTaps] = {};
};

}  // namespace convolith
