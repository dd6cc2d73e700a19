#pragma once

#include "base/check.h"

namespace convolith {

/**
 * A few rows times a matrix read where it lies, each of its values once: where there are too few rows to pay
 * for packing it. sum[i][j] = Σ_k a[i * a_row + k] * b[k * b_row + j] for i < rows (1 to kGemvRows), j <
 * columns.
 */
struct GemvBlock {
  const float* a = nullptr;
  const float* b = nullptr;
  float* sum = nullptr;
  Index a_row = 0, b_row = 0, sum_row = 0;
  Index rows = 0, columns = 0, k = 0;
};

inline constexpr int kGemvRows = 4;

struct GemvKernels {
  void (*plain)(const GemvBlock&) = nullptr;
  /** With the matrix transposed: b[j * b_row + k]. */
  void (*transposed)(const GemvBlock&) = nullptr;
};

}  // namespace convolith
