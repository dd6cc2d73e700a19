#pragma once

#include "kernels/epilogue.h"

namespace convolith {

/**
 * A plane of a depthwise 3×3 of stride 1, pixels in the lanes, read where it lies:
 *
 *   out[y * outputs_x + x] = activation(bias[0] + residual[…the same place]
 *       + Σ_ky Σ_kx input[(first_y + y + ky * dilation_y) * width + first_x + x + kx * dilation_x]
 *                   * weight[ky * 3 + kx])
 *
 * for y < outputs_y, x < outputs_x; what lies outside of height × width counts as zero. Some vectors of
 * columns are walked from the top to the bottom: an input row is loaded for the three output rows that it
 * reaches, whose sums are in flight in registers. 3 loads for 9 multiplications, and no copy.
 */
struct DepthwisePlane {
  const float* input = nullptr;
  Index height = 0, width = 0;
  Index first_y = 0, first_x = 0;
  Index dilation_y = 1, dilation_x = 1;
  Index outputs_y = 0, outputs_x = 0;
  /** [3][3] */
  const float* weight = nullptr;
  float* out = nullptr;
  const float* residual = nullptr;
  /** Slopes: kPlaneVectors vectors of the plane's one. */
  const Epilogue* epilogue = nullptr;
};

/** Vectors of columns that are walked at once. */
inline constexpr int kPlaneVectors = 3;

}  // namespace convolith
