#pragma once

#include "kernels/epilogue.h"

namespace convolith {

/**
 * A plane of a depthwise convolution by K × K taps with stride S on both axes, pixels in the lanes, read
 * where it lies:
 *
 *   out[y * outputs_x + x] = activation(bias[0] + residual[…the same place]
 *       + Σ_ky Σ_kx input[(first_y + y * S + ky * dilation_y) * width + first_x + x * S + kx * dilation_x]
 *                   * weight[ky * K + kx])
 *
 * for y < outputs_y, x < outputs_x; what lies outside of height × width counts as zero. Some vectors of
 * columns are walked from the top to the bottom: an input row is loaded for all the output rows that it
 * reaches, whose sums are in flight in registers.
 */
struct DepthwisePlane {
  const float* input = nullptr;
  Index height = 0, width = 0;
  Index first_y = 0, first_x = 0;
  /** 1 but where the walk `dilates`. */
  Index dilation_y = 1, dilation_x = 1;
  Index outputs_y = 0, outputs_x = 0;
  /** [K][K] */
  const float* weight = nullptr;
  float* out = nullptr;
  const float* residual = nullptr;
  /** Slopes: kPlaneVectors vectors of the plane's one. */
  const Epilogue* epilogue = nullptr;
};

/** Vectors of columns that are walked at once, at the most. */
inline constexpr int kPlaneVectors = 4;

/** The walk for one kernel size and stride. */
struct DepthwisePlaneWalk {
  int kernel = 0, stride = 0;
  /** Vectors of columns at once, at the most. */
  int vectors = 0;
  bool dilates = false;
  void (*walk)(const DepthwisePlane&) = nullptr;
};

inline constexpr int kPlaneWalks = 5;

}  // namespace convolith
