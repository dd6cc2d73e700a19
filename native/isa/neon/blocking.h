#pragma once

#include "kernels/gemm.h"

namespace convolith::neon {

/** 32 registers of 4 lanes: NR * MR sums, NR columns of the panel and a broadcast. */
struct Blocking {
  /** Vectors of a panel, and the most rows of a register tile of 1, 2, 3 and 4 vectors. */
  static constexpr int preferred_vectors = 4;
  static constexpr int max_rows[4] = {14, 12, 8, 6};
  /** The most rows where K is short: 16 sums leave registers for the next tile to begin while the last is
   * stored. 8x2 reached 0.95 of the peak at K = 64 on Zen 4, 14x2 0.88. */
  static constexpr int short_rows[4] = {14, 8, 5, 4};
  /** Of tiles whose rows lie at one pitch, and the longest sums for which they serve. */
  static constexpr PitchedShape pitched[4][kPitchedTiles] = {{{14, 192}}, {{8, 192}}, {{5, 192}}, {{4, 192}}};
  /** Neither was measured. */
  static constexpr bool pitches_odd_runs = false;
  static constexpr bool carries_channels = false;
  /** Of products whose sums are handed on, by panels of preferred_vectors. Speed was not measured. */
  static constexpr int product_rows = 6;
  /** Not measured. */
  static constexpr bool multiplies_eights = false;
  /** Rows of outputs that a depthwise 5x5 or 7x7 computes at once. */
  static constexpr int slider_rows = 2;
  /** None are taller: sums in flight fill the registers. */
  static constexpr int tall_slider_rows = 0;
  /** Of groups of few channels, 3×3. */
  static constexpr int grouped_rows = 4;
  /** Of depthwise kernels of any size. */
  static constexpr int any_rows = 4;
  /** Points of a tile to 1, 2, 3 and 4 output channels. */
  static constexpr int dot_points[4] = {16, 8, 5, 4};
  /** With kernels that only save time. */
  static constexpr bool compact = false;
  /** Columns of a channels-first map at the least whose planes a depthwise layer walks as they lie: rows'
   * ends are loaded lane by lane. */
  static constexpr int plane_columns = 48;
  /** Vectors of such columns at once, of 3x3 by strides of 1 and 2. */
  static constexpr int plane_vectors = 3;
  static constexpr int strided_plane_vectors = 4;
  /** Rows of a depthwise block with pixels in the lanes. */
  static constexpr int flat_rows = 7;
};

}  // namespace convolith::neon
