#pragma once

#include "base/check.h"

namespace convolith {

/** Four sums of the halves of two neighbouring pixels. Rows of sums are whole vectors. */
struct StrassenSums {
  /** [pair][first and second half of a pixel, and of the one beside it], each `half` values. */
  const float* pixels = nullptr;
  Index pairs = 0, half = 0;
  /** Each [pair][pitch], of a pixel's halves a and b and the next one's c and d: c + d; c + d - a; a - c; and
   * b - (c + d - a). */
  float* sum[4] = {};
  Index pitch = 0;
};

using StrassenSumsKernel = void (*)(const StrassenSums& s);

}  // namespace convolith
