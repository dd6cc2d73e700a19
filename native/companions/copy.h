#pragma once

#include <cstddef>
#include <vector>

#include "companions/elementwise.h"

namespace convolith {

/** Steps are in elements and may be 0 (fills) or negative (mirrors). */
struct CopyAxis {
  Index size = 0, from_step = 0, to_step = 0;
};

/** One strided copy: axes outermost first, offsets in elements. */
struct CopyRegion {
  const std::byte* from = nullptr;
  Index to = 0;
  int rank = 0;
  CopyAxis axis[kMaxCopyRank];

  Index count() const {
    Index total = 1;
    for (int i = 0; i < rank; ++i) total *= axis[i].size;
    return total;
  }
};

/** Carries out all regions, whose bounds the caller has checked, on elements of 1 or 4 bytes. */
void run_copy(const std::vector<CopyRegion>& regions, std::byte* out, Index element_bytes);

}  // namespace convolith
