#pragma once

#include "base/check.h"

namespace convolith {

/** to[j * to_stride + i] = from[i * from_stride + j] for i < rows, j < columns. */
struct Transposition {
  const float* from = nullptr;
  float* to = nullptr;
  Index from_stride = 0, to_stride = 0;
  Index rows = 0, columns = 0;
};

using TransposeKernel = void (*)(const Transposition&);

}  // namespace convolith
