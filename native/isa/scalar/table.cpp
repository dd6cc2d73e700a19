#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "isa/region.h"
#include "kernels/table.h"

#include "isa/scalar/blocking.h"
#include "isa/scalar/vec.h"
#include "isa/make_table.inl.h"

namespace convolith {

const KernelTable* scalar_table() {
  static const KernelTable table = make_table<scalar::Vec, scalar::Blocking>("scalar");
  return &table;
}

}  // namespace convolith
