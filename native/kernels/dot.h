#pragma once

#include "kernels/epilogue.h"

namespace convolith {

/** One output of a DotTile: where it goes, and how many of the points have it. */
struct DotOutput {
  Index offset = 0;
  int points = 0;
};

/**
 * A few outputs at each of some points, all summed over the same inputs, input channels in the lanes:
 *
 *   sum[p][j] = Σ_r Σ_k rows[r * P + p][k] * weight[j * weight_output + run_start[r] + k],   k < run_length
 *   out[p * out_step + output[j].offset] = activation(sum + bias[j * P + p] + residual[…the same place])
 *
 * for the kernel's number of outputs j and p < output[j].points <= P. All P pointers are read; a run in the
 * padding points at zeros. A vector of sums is added up across its lanes at the end only.
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
  Index out_step = 0;
  const DotOutput* output = nullptr;
  /** Its bias and slopes are [outputs][P]. */
  const Epilogue* epilogue = nullptr;
};

inline constexpr int kMaxDotOutputs = 4;
/** Outputs times points of a tile, rounded up to whole vectors. */
inline constexpr int kMaxDotSums = 32;

struct DotKernels {
  /** P of `tile[outputs - 1]`. */
  int points[kMaxDotOutputs] = {};
  void (*tile[kMaxDotOutputs])(const DotTile&) = {};
};

}  // namespace convolith
