#pragma once

#include "base/region.h"
#include "kernels/strassen.h"

namespace convolith {

/** Contract: StrassenSums. */
template <class V>
void strassen_sums(const StrassenSums& s) {
  using Reg = typename V::Reg;
  const float* first = s.rows;
  for (Index pair = 0; pair < s.pairs; ++pair, first += 2 * s.step) {
    for (Index k = 0; k < s.half; k += V::lanes) {
      const int count = static_cast<int>(s.half - k < V::lanes ? s.half - k : V::lanes);
      Reg part[4];
      CONVOLITH_UNROLL
      for (int i = 0; i < 4; ++i) {
        const float* from = first + i / 2 * s.step + i % 2 * s.half + k;
        part[i] = count == V::lanes ? V::load(from) : V::load_n(from, count);
      }
      const Reg both = V::add(part[2], part[3]), less = V::sub(both, part[0]);
      V::store(s.sum[0] + pair * s.pitch + k, both);
      V::store(s.sum[1] + pair * s.pitch + k, less);
      V::store(s.sum[2] + pair * s.pitch + k, V::sub(part[0], part[2]));
      V::store(s.sum[3] + pair * s.pitch + k, V::sub(part[1], less));
    }
  }
}

}  // namespace convolith
