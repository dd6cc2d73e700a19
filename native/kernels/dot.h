#pragma once

#include "kernels/epilogue.h"

namespace convolith {

/**
 * Output pixels of a convolution to few channels, input channels in the lanes:
 *
 *   sum[p][j] = Σ_r Σ_k rows[r * P + p][k] * weight[j * weight_output + run_start[r] + k],   k < run_length
 *   out[p * out_step + j * out_channel] = activation(sum + bias[j] + residual[…the same place])
 *
 * for p < pixels <= P and the kernel's number of outputs j. All P pointers are read; a run in the padding
 * points at zeros. A vector of sums is added up across its lanes at the end only.
 */
struct DotTile {
  const float* const* rows = nullptr;
  const Index* run_start = nullptr;
  Index runs = 0, run_length = 0;
  /** Runs are padded with zeros to whole vectors. */
  const float* weight = nullptr;
  Index weight_output = 0;
  float* out = nullptr;
  const float* residual = nullptr;
  Index out_step = 0, out_channel = 0;
  int pixels = 0;
  /** Its bias and slopes are those of the first output. */
  const Epilogue* epilogue = nullptr;
};

inline constexpr int kMaxDotOutputs = 4;
inline constexpr int kMaxDotPixels = 16;

struct DotKernels {
  /** P of `tile[outputs - 1]`. */
  int pixels[kMaxDotOutputs] = {};
  void (*tile[kMaxDotOutputs])(const DotTile&) = {};
};

}  // namespace convolith
