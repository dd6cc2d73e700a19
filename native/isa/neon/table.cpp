#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/region.h"
#include "kernels/table.h"

#if defined(__aarch64__) || defined(_M_ARM64)
#include <arm_neon.h>

#include "isa/make_table.inl.h"
#include "isa/neon/blocking.h"
#include "isa/neon/vec.h"

namespace convolith {

const KernelTable* neon_table() {
  static const KernelTable table = make_table<neon::Vec, neon::Blocking>("neon");
  return &table;
}

}  // namespace convolith

#else

namespace convolith {

const KernelTable* neon_table() { return nullptr; }

}  // namespace convolith

#endif
