#pragma once

#include "kernels/epilogue.h"

namespace convolith {

/**
 * One axis of a minimal filtering algorithm F(m, r): m outputs of r taps from m + r - 1 products at the
 * points 0, ±1, ±2, ±1/2 and ∞ (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2015).
 * The transform of the input depends on the points alone, so one serves every r. A two-dimensional algorithm
 * nests two axes.
 */
enum class WinogradPoints : std::uint8_t {
  /** One tap: a product an output. */
  direct,
  /** 0, 1, -1, ∞ */
  four,
  /** 0, 1, -1, 2, ∞ */
  five,
  /** 0, ±1, ±2, ∞ */
  six,
  /** 0, ±1, ±2, ±1/2, ∞ */
  eight,
  /** Three taps at stride 2: the even inputs by F(4, 2) on five points, the odd ones by their one tap. */
  strided,
};

inline constexpr int kWinogradKinds = 6;
/** Products along an axis, by kind; also the inputs that they are made of. */
inline constexpr int kWinogradProducts[kWinogradKinds] = {1, 4, 5, 6, 8, 9};
inline constexpr int kMaxWinogradProducts = 9;
inline constexpr int kMaxWinogradOutputs = 6;
inline constexpr int kMaxWinogradTaps = 5;

/** Bᵀ d B of one tile, channels in the lanes. */
struct WinogradInput {
  /** Pixel (i, j) of a tile inside the map lies at origin + i * row_step + j * column_step. */
  const float* origin = nullptr;
  Index row_step = 0, column_step = 0;
  /** Of a tile across the border: a pointer a pixel, at zeros for padding. Null otherwise. */
  const float* const* pixels = nullptr;
  /** Product (p, q) of channel c goes to out[(p * products of x + q) * product_stride + c], in whole vectors:
   * masked stores of AVX2 take 20 cycles on Zen. */
  float* out = nullptr;
  Index product_stride = 0, channels = 0;
};

/** Aᵀ m A of one tile and one panel of output channels, and the epilogue. */
struct WinogradOutput {
  WinogradPoints y = WinogradPoints::direct, x = WinogradPoints::direct;
  /** Outputs along each axis: as many as products where `direct`, 4 where `strided`, m otherwise. */
  int outputs_y = 1, outputs_x = 1;
  /** Product p of column j is sums[p * product_stride + j], in whole vectors. */
  const float* sums = nullptr;
  Index product_stride = 0;
  float* out = nullptr;
  const float* residual = nullptr;
  /** Output (i, j) lies at row_offset[i] + column_offset[j]; one of them negative: outside of the map. */
  const Index* row_offset = nullptr;
  const Index* column_offset = nullptr;
  int columns = 0;
  const Epilogue* epilogue = nullptr;
};

/** G g Gᵀ of one input channel's filters, output channels in the lanes. */
struct WinogradWeights {
  /** [taps_y][taps_x] pointers at `width` filters' value of a tap. */
  const float* const* taps = nullptr;
  int taps_y = 1, taps_x = 1;
  /** [weights][kMaxWinogradTaps] of each axis. */
  const float* gy = nullptr;
  const float* gx = nullptr;
  int weights_y = 1, weights_x = 1;
  /** Weight w of filter j goes to out[w * weight_stride + j]; width is whole vectors. */
  float* out = nullptr;
  Index weight_stride = 0, width = 0;
  /** Past the caches: the caller orders the stores by a full fence. */
  bool stream = false;
};

struct WinogradKernels {
  /** By the kinds of y and x: of one kind, or one of them `direct`. Null otherwise. */
  void (*input[kWinogradKinds][kWinogradKinds])(const WinogradInput&) = {};
  void (*output)(const WinogradOutput&) = nullptr;
  void (*weights)(const WinogradWeights&) = nullptr;
};

}  // namespace convolith
