#pragma once

#include "kernels/epilogue.h"

namespace convolith {

/**
 * Winograd's minimal filtering F(4×4, 3×3) with the points 0, ±1, ±2, ∞ (Lavin and Gray, "Fast algorithms for
 * convolutional neural networks", 2015): 36 multiplications for 16 outputs that take 144 directly.
 */
inline constexpr int kWinogradOut = 4;
inline constexpr int kWinogradIn = 6;
inline constexpr int kWinogradPoints = kWinogradIn * kWinogradIn;

/** Bᵀ d B of one tile: 6 × 6 pixels, channels in the lanes. */
struct WinogradInput {
  /** [6][6] pointers at a pixel's first channel, at zeros for padding. */
  const float* const* pixels = nullptr;
  /** Point p of channel c goes to out[p * point_stride + c]. */
  float* out = nullptr;
  Index point_stride = 0, channels = 0;
};

/** Aᵀ m A of one tile and one panel of output channels, and the epilogue. */
struct WinogradOutput {
  /** Point p of column j is sums[p * point_stride + j], in whole vectors. */
  const float* sums = nullptr;
  Index point_stride = 0;
  float* out = nullptr;
  const float* residual = nullptr;
  /** [4][4]; negative for outputs outside of the map. */
  const Index* out_offset = nullptr;
  int columns = 0;
  const Epilogue* epilogue = nullptr;
};

struct WinogradKernels {
  void (*input)(const WinogradInput&) = nullptr;
  void (*output)(const WinogradOutput&) = nullptr;
};

}  // namespace convolith
