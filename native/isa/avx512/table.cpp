#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/region.h"
#include "kernels/table.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>

CONVOLITH_REGION_BEGIN(CONVOLITH_AVX512_FEATURES)
#include "isa/avx512/blocking.h"
#include "isa/avx512/vec.h"
#include "isa/make_table.inl.h"

namespace convolith {

const KernelTable* avx512_table() {
  static const KernelTable table = make_table<avx512::Vec, avx512::Blocking>("avx512");
  return &table;
}

}  // namespace convolith
CONVOLITH_REGION_END
#else

namespace convolith {

const KernelTable* avx512_table() { return nullptr; }

}  // namespace convolith

#endif
