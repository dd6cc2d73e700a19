#pragma once

#include "kernels/gemm.h"

namespace convolith::avx2 {

/** 16 registers of 8 lanes: NR * MR sums, NR columns of the panel and a broadcast. */
struct Blocking {
  /** Vectors of a panel, and the most rows of a register tile of 1, 2, 3 and 4 vectors. */
  static constexpr int preferred_vectors = 2;
  static constexpr int max_rows[4] = {12, 6, 4, 3};
  /** The most rows where K is short: the same, since no registers are to spare. */
  static constexpr int short_rows[4] = {12, 6, 4, 3};
  /** Of tiles whose rows lie at one pitch, and the longest sums for which they serve. */
  static constexpr PitchedShape pitched[4][kPitchedTiles] = {
      {{12, 192}}, {{6, 1024}}, {{4, 192}}, {{3, 192}}};
  /** 3x3 of 3 to 64 channels would take 1.08 to 1.1 of the time, to 48 1.07, to 16 0.96. */
  static constexpr bool pitches_odd_runs = false;
  /** Whether there are those of preferred_vectors that carry their last channels on (GemmRows): for panels of
   * one line, which each share lines with two others. */
  static constexpr bool carries_channels = true;
  /** Of products whose sums are handed on, by panels of preferred_vectors. */
  static constexpr int product_rows = 6;
  /** 8 rows of 3 vectors are more sums than registers. */
  static constexpr bool multiplies_eights = false;
  /** Rows of outputs that a depthwise 5x5 or 7x7 computes at once. */
  static constexpr int slider_rows = 2;
  /** None are taller: sums in flight fill the registers. */
  static constexpr int tall_slider_rows = 0;
  /** Of groups of few channels, 3×3. */
  static constexpr int grouped_rows = 2;
  /** Of depthwise kernels of any size. */
  static constexpr int any_rows = 0;
  /** Points of a tile to 1, 2, 3 and 4 output channels: as many sums as leave registers for a vector of each
   * one's weights. By 4 and 2 points 64 to 2 and 3 channels of 3x3 took 1.2 and 1.9 times as long, having too
   * few sums for the multiply-adds under way, and one output by 12 gained 3% on long rows and lost 15 of 31.
   */
  static constexpr int dot_points[4] = {8, 6, 4, 3};
  /** With kernels that only save time. */
  static constexpr bool compact = false;
  /** Columns of a channels-first map at the least whose planes a depthwise layer walks as they lie: a vector,
   * so that all stores are whole. 28 columns took 1.45 times as long by transposition, 14 twice. */
  static constexpr int plane_columns = 8;
  /** Vectors of such columns at once, of 3x3 by strides of 1 and 2: three were 0.52 of the peak where two are
   * 0.60. */
  static constexpr int plane_vectors = 2;
  static constexpr int strided_plane_vectors = 2;
  /** Rows of a depthwise block with pixels in the lanes. */
  static constexpr int flat_rows = 4;
};

}  // namespace convolith::avx2
