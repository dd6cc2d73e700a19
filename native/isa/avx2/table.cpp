#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/region.h"
#include "kernels/table.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>

CONVOLITH_REGION_BEGIN("avx2,fma")
#include "isa/avx2/blocking.h"
#include "isa/avx2/vec.h"
#include "isa/make_table.inl.h"

namespace convolith {

const KernelTable* avx2_table() {
  static const KernelTable table = make_table<avx2::Vec, avx2::Blocking>("avx2");
  return &table;
}

}  // namespace convolith
CONVOLITH_REGION_END
#else

namespace convolith {

const KernelTable* avx2_table() { return nullptr; }

}  // namespace convolith

#endif
