#pragma once

#include "base/check.h"

namespace convolith {

/** Four sums of the halves of each two neighbouring rows. Rows of sums are whole vectors. */
struct StrassenSums {
  /** [row][first half, second half], each `half` values, rows `step` apart. */
  const float* rows = nullptr;
  Index step = 0;
  Index pairs = 0, half = 0;
  /** Each [pair][pitch], of a row's halves a and b and the next one's c and d: c + d; c + d - a; a - c; and
   * b - (c + d - a). */
  float* sum[4] = {};
  Index pitch = 0;
};

using StrassenSumsKernel = void (*)(const StrassenSums& s);

}  // namespace convolith
