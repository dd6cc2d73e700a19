#pragma once

#include "spec/spec.h"

namespace convolith {

/** out[i] = activation(op(a[i % batch_a]) · op(b[i % batch_b]) + bias), [m, k] · [k, n], i < batch. */
struct MatMul {
  const float* a = nullptr;
  const float* b = nullptr;
  float* out = nullptr;
  Index batch = 0, batch_a = 0, batch_b = 0, m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  /** One a column; null for none. */
  const float* bias = nullptr;
  const float* slope = nullptr;
  ActivationOp op = ActivationOp::clip;
  float min = 0.0F, max = 0.0F, alpha = 0.0F;
};

void run_matmul(const MatMul& product);

}  // namespace convolith
