#pragma once

#include <cstdint>

#include "base/check.h"

namespace convolith {

enum class ReduceOp {
#define REDUCE(name, text) name,
#include "kernels/reduce.inc"
#undef REDUCE
  count
};

/** out[r] of x[r][0 … size), rows one after the other. */
struct ReduceRows {
  const float* x = nullptr;
  float* out = nullptr;
  Index rows = 0, size = 0;
};

/** out[c] of x[r * stride + c] over r < size, for c < columns. */
struct ReduceColumns {
  const float* x = nullptr;
  float* out = nullptr;
  Index size = 0, columns = 0, stride = 0;
};

/** Places instead of values: the first of the largest. */
struct ArgMaxColumns {
  const float* x = nullptr;
  std::int32_t* out = nullptr;
  Index size = 0, columns = 0, stride = 0;
};

/** Each row of `size` values on its own; `out` is `x` or apart from it. */
struct SoftmaxRows {
  const float* x = nullptr;
  float* out = nullptr;
  Index rows = 0, size = 0;
};

struct ReduceKernels {
  void (*rows[static_cast<int>(ReduceOp::count)])(const ReduceRows&) = {};
  void (*columns[static_cast<int>(ReduceOp::count)])(const ReduceColumns&) = {};
  void (*arg_max_columns)(const ArgMaxColumns&) = nullptr;
  /** Over one row of `size` consecutive values. */
  std::int32_t (*arg_max_row)(const float* x, Index size) = nullptr;
  void (*softmax)(const SoftmaxRows&) = nullptr;
};

}  // namespace convolith
