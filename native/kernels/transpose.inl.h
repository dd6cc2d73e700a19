#pragma once

#include "base/region.h"
#include "kernels/transpose.h"

namespace convolith {

/** Squares of lanes × lanes in registers; the borders by masked loads and stores. */
template <class V>
void transpose(const Transposition& t) {
  constexpr int lanes = V::lanes;
  for (Index i = 0; i < t.rows; i += lanes) {
    const int height = static_cast<int>(t.rows - i < lanes ? t.rows - i : lanes);
    for (Index j = 0; j < t.columns; j += lanes) {
      const int width = static_cast<int>(t.columns - j < lanes ? t.columns - j : lanes);
      const float* from = t.from + i * t.from_stride + j;
      float* to = t.to + j * t.to_stride + i;
      typename V::Reg square[lanes];
      if (height == lanes && width == lanes) {
        for (int k = 0; k < lanes; ++k) square[k] = V::load(from + k * t.from_stride);
        V::transpose(square);
        for (int k = 0; k < lanes; ++k) V::store(to + k * t.to_stride, square[k]);
      } else {
        for (int k = 0; k < lanes; ++k) {
          square[k] = k < height ? V::load_n(from + k * t.from_stride, width) : V::zero();
        }
        V::transpose(square);
        for (int k = 0; k < width; ++k) V::store_n(to + k * t.to_stride, square[k], height);
      }
    }
  }
}

}  // namespace convolith
