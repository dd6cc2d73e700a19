#pragma once

#include <cstdint>

#include "kernels/depthwise.h"

namespace convolith {

/**
 * The rows of a slide's window, which are read column by column: one address that moves on, and how far from
 * it each row lies. With an address and a step for each there were more of them than registers; rows of
 * padding are rows of zeros, so that all share one step. `Pitched`: all rows exist, at one pitch.
 */
template <int N, bool Pitched = false>
struct WindowRows {
  std::uintptr_t first, step;
  std::uintptr_t apart[Pitched ? 1 : N];

  /** From channel `c` on, `moved` columns from the first that exists. */
  CONVOLITH_INLINE WindowRows(const DepthwiseSlide& t, Index c, Index moved)
      : first(reinterpret_cast<std::uintptr_t>(t.rows[0] + c + moved * t.column_step)),
        step(static_cast<std::uintptr_t>(t.column_step) * sizeof(float)) {
    CONVOLITH_UNROLL
    for (int i = 0; i < (Pitched ? 1 : N); ++i) {
      const float* row = Pitched ? t.rows[0] + t.pitch : t.rows[i];
      apart[i] = reinterpret_cast<std::uintptr_t>(row) - reinterpret_cast<std::uintptr_t>(t.rows[0]);
    }
  }
  CONVOLITH_INLINE const float* at(int i) const {
    const std::uintptr_t distance = Pitched ? static_cast<std::uintptr_t>(i) * apart[0] : apart[i];
    return reinterpret_cast<const float*>(i == 0 ? first : first + distance);
  }
  /** A column is read. */
  CONVOLITH_INLINE void pass() { first += step; }
};

}  // namespace convolith
