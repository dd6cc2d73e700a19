#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "kernels/depthwise_line.h"
#include "kernels/depthwise_plane.h"
#include "kernels/epilogue.h"
#include "kernels/grouped.h"

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

/** Columns before the first that exists from which a walk of pixels with their next ones may begin. */
inline constexpr Index kLeadColumns = 2;

inline constexpr int kDepthwiseTiles = 4;
inline constexpr int kMaxDepthwisePixels = 1 << (kDepthwiseTiles - 1);

/** Which of the tiles takes most of so many pixels, 1 or more. */
inline Index largest_tile(Index pixels) {
  return std::bit_width(static_cast<std::uint64_t>(std::min<Index>(pixels, kMaxDepthwisePixels))) - 1;
}

/** Rows of a kernel that are a stride apart: `taps` of them, with weights from `weight` on, and the inputs of
 * as many and of a block's other outputs. */
struct TapRun {
  const float* const* rows = nullptr;
  Index weight = 0, taps = 0;
};

/**
 * Rows of outputs of one kernel size and stride, channels in the lanes, walked column by column: an input
 * column is loaded once for all the outputs that it reaches, whose sums are in flight in registers.
 *
 *   out[r * out_row + o * out_step + c] = activation(bias[c] + residual[…the same place]
 *       + Σ rows[r * stride + ky][(o * stride + kx) * column_step] * weight[(ky * kernel + kx) *
 * weight_stride + c])
 *
 * for r < rows of the block, o < outputs, c < channels; a whole vector of channels at least. A dilated layer
 * is several such: its columns are a dilation apart, and so are its outputs.
 */
struct DepthwiseSlide {
  /** Of the block's window, one a row, at window column `begin`. A row of padding is zeros for all columns
   * that exist and, where the last channels run on into the next pixel, for kLeadColumns before them and a
   * vector behind them. */
  const float* const* rows = nullptr;
  /** Floats from a row's column to the next. */
  Index column_step = 0;
  /** Floats from each row to the next where all of them exist and are so far apart; otherwise 0. */
  Index pitch = 0;
  /** The window's columns that exist; the others are zeros. */
  Index begin = 0, end = 0;
  Index outputs = 0;
  const float* weight = nullptr;
  Index weight_stride = 0;
  float* out = nullptr;
  const float* residual = nullptr;
  Index out_row = 0, out_step = 0;
  Index channels = 0;
  const Epilogue* epilogue = nullptr;
  /**
   * Where the first aligned vector of channels begins, of a slider that `shifts`, in every row of outputs or,
   * where those begin elsewhere in a vector, of inputs; 0 where it does not matter. The channels before it
   * and the last ones share a vector; channels are whole vectors then, or those of two pixels are
   * (DepthwiseSlider::pairs), and the activation is `clip`. JavaScript's arrays begin 16 bytes after a line,
   * and each load would meet two lines: at 512 channels 0.36 of the peak without and 0.65 with.
   */
  int shift = 0;
  /**
   * With a shift, 2×2 or 3×3 and a stride of 1: whether the last channels share their vector with the first
   * ones of the next pixel in place of this one's, which lie side by side where pixels are dense in input and
   * output, so that one aligned load does for two of parts. 32 channels of 112x112 took 0.158 ms, now 0.129
   * (with rows cut once a plan).
   */
  struct NextPixel {
    bool runs_on = false;
    /** Whether the row's first pixel is met so too, by a column before the first. */
    bool leads = false;
    /** The window's columns whose next pixel exists, counted as `begin` is: from 1 or, of pairs, 2 before it
     * on. */
    Index begin = 0, end = 0;
    /** Outputs whose next pixel exists. */
    Index outputs = 0;
  };
  NextPixel next;
  /**
   * Scratch of outputs × rows vectors, or null. With it a vector of channels is stored while the next one is
   * summed; channels are whole vectors then. Stores that agree with loads in the low 12 bits of the address
   * hold them up on AMD's cores: at 512 channels, input and output both at the start of a page, 0.33 of the
   * peak without and 0.72 with. Intel's bear it, but not two streams of stores of which one misses the cache:
   * 256 channels took 0.050 ms without and 0.077 with.
   */
  float* lag = nullptr;
  /**
   * With strides of more than 1: input rows that the next block meets first, `ahead_row` floats apart, or
   * null. Each column of each vector of channels brings some of their lines into the second-level cache; the
   * first vector waited for all of them, and the others for none. 64 channels of 112x112 went from 0.242 to
   * 0.217 ms on Intel's core; on Zen 5 they would take 1.08 times as long so, with AVX2 1.28.
   */
  const float* ahead = nullptr;
  Index ahead_row = 0;
  /**
   * Vectors of channels that are walked at a time, as many as the slider can, with `clip`; more than one
   * without lag. Where pixels lie an even number of cache lines apart, as those of 64, 192 or 576 channels
   * do, one vector of each meets every second line or fewer, which Intel's second-level cache sends at half
   * its pace: 3×3 by a stride of 2 over 576 channels took 32 cycles a vector and column of two rows, with two
   * 25; over 560 channels it takes 22, and 16 from the first-level cache. Five rows of pixels of four lines
   * arrive from Zen 5's second-level cache in 2.1 to 2.4 cycles a line where one of the four is walked, in
   * 1.3 to 1.6 where two are, and in 1.1 to 1.4 where all are.
   */
  int together = 1;
  /** Whether the first vector is walked alone, so that two begin with a line: vectors of half a line. */
  bool alone = false;
  /** Of sliders of any kernel, whose rows `runs` name: its columns and their stride, and floats from weights
   * to those of the next row of a run. `sums` is scratch of outputs × rows vectors. */
  struct AnyKernel {
    Index row_taps = 0, stride = 0, next_row = 0;
    const TapRun* runs = nullptr;
    const TapRun* runs_end = nullptr;
    float* sums = nullptr;
  };
  AnyKernel any;
};

/** A slide of `rows` rows of outputs. */
struct DepthwiseSlider {
  int kernel = 0, stride = 0, rows = 0;
  /** Whether it is bound by loads that meet two cache lines where they are not aligned: up to 5×5, where not
   * all vectors lie in a line anyway. */
  bool shifts = false;
  /** Null, or `slide` for every second output of a row of stride 1, columns at a stride of 2: of channels
   * that are half a vector more than whole ones, two pixels are whole vectors, which can be aligned
   * (DepthwiseSlide::shift). It always runs on, and a lead is two columns. */
  void (*pairs)(const DepthwiseSlide&) = nullptr;
  /** A slider has one of them: `slide` of single channels, which of the tallest serves `clip` alone,
   * `grouped` of groups of few. */
  void (*slide)(const DepthwiseSlide&) = nullptr;
  void (*grouped)(const DepthwiseSlide&, const GroupLanes&) = nullptr;
  /** Vectors of channels that `slide` walks at a time at the most (DepthwiseSlide::together). */
  int together = 1;

  /** Whether it serves any kernel and stride. */
  constexpr bool any() const { return kernel == 0; }
};

/**
 * `rows` outputs one below the other that share their inputs in registers, of a kernel of `size` × `size` and
 * stride 1. Of DepthwiseTile, `inputs` is the block's window, [window][size] pointers, and `taps` is not
 * read. A dilated layer's outputs a dilation apart are such a block too.
 */
struct DepthwiseBlock {
  int size = 0, rows = 0;
  DepthwiseKernel kernel = nullptr;

  constexpr int window() const { return rows - 1 + size; }
};

inline constexpr int kDepthwiseSliders = 16;
inline constexpr int kMaxSliderWindow = 11;
/** Outputs of a row that a column meets at the most, of sliders of any kernel. */
inline constexpr int kMaxReach = 6;
inline constexpr int kFlatBlocks = 3;
inline constexpr int kMaxBlockPixels = 14;
/** Pointers of the largest window. */
inline constexpr int kMaxBlockWindow = 128;

struct DepthwiseKernels {
  /** `tile[i]` computes 1 << i pixels of any kernel. */
  DepthwiseKernel tile[kDepthwiseTiles] = {};
  /** For the kernel sizes that networks use; those of few rows come before taller ones of the same kernel. */
  DepthwiseSlider slider[kDepthwiseSliders] = {};
  /** `any_slider[F - 1]`: of any kernel whose columns meet F outputs of a row, or parts of it that do. */
  DepthwiseSlider any_slider[kMaxReach] = {};
  /** By stride: of any, 1 and 2. The latter two are given taps side by side. */
  void (*line[kLineStrides])(const DepthwiseLine&) = {};
  void (*grouped_line)(const DepthwiseLine&, const GroupLanes&) = nullptr;
  /** Of one column, stride 1, for rows whose pixels lie in the lanes: a window's columns are shifts of one
   * row. */
  DepthwiseBlock flat[kFlatBlocks] = {};
  DepthwisePlaneWalk plane[kPlaneWalks] = {};
  /** Columns of planes that it suits, at the least. */
  Index plane_columns = 0;
};

}  // namespace convolith
