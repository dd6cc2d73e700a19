#pragma once

#include "base/check.h"

namespace convolith {

enum class UnaryOp {
#define UNARY(name, text, value) name,
#include "kernels/elementwise.inc"
#undef UNARY
  count
};

enum class BinaryOp {
#define BINARY(name, text, value) name,
#include "kernels/elementwise.inc"
#undef BINARY
  count
};

/** out[i] = op(x[i]) for i < count. `out` is `x` or apart from it. */
struct UnarySpan {
  const float* x = nullptr;
  float* out = nullptr;
  Index count = 0;
  float first = 0.0F, second = 0.0F;
  /** Store past the caches. */
  bool stream = false;
};

/**
 * out[r][c] = op(a[r][c], b[r][c]) for r < rows, c < columns. A row's values follow each other, or are one
 * value for all columns where `_fixed`.
 */
struct BinaryBlock {
  const float* a = nullptr;
  const float* b = nullptr;
  float* out = nullptr;
  Index rows = 0, columns = 0;
  Index a_row = 0, b_row = 0, out_row = 0;
  bool a_fixed = false, b_fixed = false;
  bool stream = false;
};

/** out[r][c] = (x[r][c] - mean[c]) * scale[c] + offset[c], rows one after the other. */
struct NormalizeBlock {
  const float* x = nullptr;
  const float* mean = nullptr;
  const float* scale = nullptr;
  const float* offset = nullptr;
  float* out = nullptr;
  Index rows = 0, columns = 0;
};

struct ElementwiseKernels {
  void (*unary[static_cast<int>(UnaryOp::count)])(const UnarySpan&) = {};
  void (*binary[static_cast<int>(BinaryOp::count)])(const BinaryBlock&) = {};
  void (*normalize)(const NormalizeBlock&) = nullptr;
};

}  // namespace convolith
