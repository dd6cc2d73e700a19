#pragma once

#include "kernels/gemm.h"

namespace convolith::avx512 {

/** 32 registers of 16 lanes: NR * MR sums, NR columns of the panel and a broadcast. Eight sums hide the
 * latency of two FMA units; more of them need fewer loads. 7x4 would be a register short. */
struct Blocking {
  /** Vectors of a panel, and the most rows of a register tile of 1, 2, 3 and 4 vectors. 14 row pointers are
   * more than there are registers for: 10x1 reaches 0.98 of the peak and 14x1 0.93, of 9 runs of 64 products;
   * of 32, 10x2 0.97 and 14x2 0.96. */
  static constexpr int preferred_vectors = 4;
  static constexpr int max_rows[4] = {10, 10, 9, 6};
  /** The most rows where K is short: fewer sums leave registers for the next tile to begin while the last is
   * stored. At K = 24 10x2 reaches 0.81, 6x2 0.80, 14x2 0.79 beside other work; 8x2 took 1.05 times as long
   * as 10x2 where runs are of 7 to 9. */
  static constexpr int short_rows[4] = {10, 10, 6, 6};
  /**
   * Of tiles whose rows lie at one pitch. Of few products 4x4 has fewer stores in a row than 6x4: on Zen 5
   * 3x3 of 3 to 64 channels takes 0.93 to 0.97 of the time by it, 16 to 96 and 24 to 144 0.95, 32 to 64 0.98;
   * from 192 products on 1.01 to 1.02. 8x2 takes 0.92 of 10x2's time for 3 to 32 channels, 6x3 0.97 of 9x3's
   * for 24 to 72. Others serve where they divide a row: 3 to 16 channels of 64x64 take 0.85 by 16x1, 6x6
   * by 2 of 320x320 0.9 by 20x1.
   */
  static constexpr PitchedShape pitched[4][kPitchedTiles] = {{{14, 1024}, {20, 1024, true}, {16, 1024, true}},
                                                             {{8, 1024}, {10, 1024}},
                                                             {{6, 1024}},
                                                             {{4, 96}, {6, 1024}}};
  static constexpr bool pitches_odd_runs = true;
  /** Panels of four lines share one with each neighbour: on Zen 4 64 to 256 channels of 56x56 take 0.9 of the
   * time with their last channels carried on, 96 to 384 0.94, 64 to 128 of 112x112 0.92, by tiles of 6x4.
   * Sums of 256 products and more gained nothing; those of more than 96 have no such tile. */
  static constexpr bool carries_channels = true;
  /** Of products whose sums are handed on, by panels of preferred_vectors. */
  static constexpr int product_rows = 6;
  /** Whether there are tiles of 8 rows by 2 and 3 vectors besides. */
  static constexpr bool multiplies_eights = true;
  /** Rows of outputs that a depthwise 5x5 or 7x7 computes at once. */
  static constexpr int slider_rows = 2;
  /** Of 2x2, 3x3 and 5x5, where the tallest blocks serve (DepthwiseCore::choose_tall_slider). */
  static constexpr int tall_slider_rows = 4;
  /** Of groups of few channels, 3×3. */
  static constexpr int grouped_rows = 4;
  /** Of depthwise kernels of any size. */
  static constexpr int any_rows = 4;
  /** Points of a tile to 1, 2, 3 and 4 output channels. By 5 and 4 points 64 to 3 and 4 channels of 3x3 took
   * 1.05 to 1.1 times as long, but 1x1 0.95; two outputs by 12 1.04. */
  static constexpr int dot_points[4] = {16, 8, 8, 6};
  /** With kernels that only save time. */
  static constexpr bool compact = false;
  /** Columns of a channels-first map at the least whose planes a depthwise layer walks as they lie: rows'
   * ends are loaded in part, which costs nothing here. */
  static constexpr int plane_columns = 11;
  /** Vectors of such columns at once, of 3x3 by strides of 1 and 2. Four hold a row of 56 outputs: 0.40 of
   * the peak at 64 channels, and 0.32 by two. */
  static constexpr int plane_vectors = 3;
  static constexpr int strided_plane_vectors = 4;
  /** Rows of a depthwise block with pixels in the lanes. */
  static constexpr int flat_rows = 7;
};

}  // namespace convolith::avx512
