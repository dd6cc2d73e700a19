#pragma once

#include "kernels/epilogue.h"

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

inline constexpr int kMaxDepthwisePixels = 8;

/**
 * A block of outputs that share their inputs in registers, for one kernel size and stride. Of DepthwiseTile,
 * `inputs` is the block's input window, [(rows - 1) * stride_h + kernel_h][(columns - 1) * stride_w +
 * kernel_w] pointers, and `out_offset` is [rows][columns]; `taps` is not read. A dilated layer's outputs a
 * dilation apart are such a block too.
 */
struct DepthwiseBlock {
  int kernel_h = 0, kernel_w = 0, stride_h = 0, stride_w = 0;
  int rows = 0, columns = 0;
  DepthwiseKernel kernel = nullptr;

  constexpr int window_h() const { return (rows - 1) * stride_h + kernel_h; }
  constexpr int window_w() const { return (columns - 1) * stride_w + kernel_w; }
};

inline constexpr int kDepthwiseBlocks = 10;
inline constexpr int kFlatBlocks = 3;
inline constexpr int kMaxBlockPixels = 14;
/** Pointers of the largest window: 5×5 stride 2 and 7×7 stride 1, 2 × 7 outputs. */
inline constexpr int kMaxBlockWindow = 128;

struct DepthwiseKernels {
  /** `tile[P - 1]` computes P pixels of any kernel. */
  DepthwiseKernel tile[kMaxDepthwisePixels] = {};
  /** For the kernel sizes that networks use; wide blocks before narrow ones. */
  DepthwiseBlock block[kDepthwiseBlocks] = {};
  /** Of one column, stride 1, for rows whose pixels lie in the lanes: a window's columns are shifts of one
   * row. */
  DepthwiseBlock flat[kFlatBlocks] = {};
};

}  // namespace convolith
