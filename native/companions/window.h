#pragma once

#include "spec/spec.h"

namespace convolith {

enum class PoolOp { max, avg, count };

/** Axes are depth, height, width; maps are NDHWC. */
struct PoolShape {
  Index batch = 0, channels = 0;
  Index input[3] = {}, output[3] = {}, window[3] = {}, stride[3] = {}, dilation[3] = {}, padding[3] = {};
  /** An average of no value is 0 instead of NaN. */
  bool empty_is_zero = false;
};

void run_pool(PoolOp op, const PoolShape& shape, const float* x, float* out);

/** `dx` gets, where `x` is null, the average's gradient, else the maximum's; the last of equal values where
 * `last`. */
void run_pool_grad(const PoolShape& shape, const float* dy, const float* x, float* dx, bool last);

}  // namespace convolith
