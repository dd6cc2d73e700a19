#define CONVOLITH_KEEP_TRANSFORM_LOOPS

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/region.h"
#include "kernels/table.h"

#include "isa/make_table.inl.h"
#include "isa/scalar/blocking.h"
#include "isa/scalar/vec.h"

namespace convolith {

const KernelTable* scalar_table() {
  static const KernelTable table = make_table<scalar::Vec, scalar::Blocking>("scalar");
  return &table;
}

}  // namespace convolith
