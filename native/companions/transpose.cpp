#include "companions/transpose.h"

#include <algorithm>

#include "companions/parallel.h"
#include "isa/isa.h"
#include "kernels/table.h"

namespace convolith {

namespace {

/** Columns of a block: 64 rows of them and what they become stay in the first-level cache. */
constexpr Index kBlock = 64;

}  // namespace

void run_transpose(const MatrixBatch& m) {
  const TransposeKernel transpose = current_kernels().transpose;
  const Index blocks = ceil_div(m.columns, kBlock);
  parallel_rows(m.batch * blocks, kBlock * m.rows, [&](Index begin, Index end) {
    for (Index block = begin; block < end; ++block) {
      const Index matrix = block / blocks * m.rows * m.columns;
      const Index column = block % blocks * kBlock;
      const Index width = std::min(kBlock, m.columns - column);
      for (Index row = 0; row < m.rows; row += kBlock) {
        const Index height = std::min(kBlock, m.rows - row);
        transpose({m.from + matrix + row * m.columns + column, m.to + matrix + column * m.rows + row,
                   m.columns, m.rows, height, width});
      }
    }
  });
}

}  // namespace convolith
