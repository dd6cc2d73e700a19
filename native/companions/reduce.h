#pragma once

#include "kernels/reduce.h"

namespace convolith {

/** x[outer][size][inner], sizes at least 1. */
struct ReduceShape {
  Index outer = 1, size = 1, inner = 1;
};

void run_reduce(ReduceOp op, const ReduceShape& shape, const float* x, float* out);
void run_arg_max(const ReduceShape& shape, const float* x, std::int32_t* out);
void run_softmax(const SoftmaxRows& rows);

/** The `k` largest of each row, largest first, the lower index first among equals; NaN below every number. */
struct TopK {
  const float* x = nullptr;
  float* values = nullptr;
  std::int32_t* indices = nullptr;
  Index rows = 0, columns = 0, k = 0;
};
void run_top_k(const TopK& top);

}  // namespace convolith
