#pragma once

#include <cstdint>

#include "base/check.h"

namespace convolith {

/** NHWC maps. Tables have an entry for each output row, and then one for each output column. */
struct ResizeShape {
  Index batch = 0, input_height = 0, input_width = 0, height = 0, width = 0, channels = 0;
};

struct BilinearTables {
  const std::int32_t* low = nullptr;
  const std::int32_t* high = nullptr;
  const float* fraction = nullptr;
};

void run_resize_bilinear(const ResizeShape& shape, const float* x, const BilinearTables& tables, float* out);
void run_resize_nearest(const ResizeShape& shape, const float* x, const std::int32_t* places, float* out);

}  // namespace convolith
