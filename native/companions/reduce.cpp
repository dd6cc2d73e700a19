#include "companions/reduce.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "companions/parallel.h"
#include "isa/isa.h"
#include "kernels/table.h"

namespace convolith {

namespace {

/** Columns of a task: enough for whole cache lines, few enough that one map feeds all threads. */
constexpr Index kTaskColumns = 128;

/** body(outer, first column, columns) over all strips of columns. */
template <class Body>
void parallel_columns(const ReduceShape& s, const Body& body) {
  const Index strips = ceil_div(s.inner, kTaskColumns);
  parallel_rows(s.outer * strips, s.size * std::min(kTaskColumns, s.inner), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index column = i % strips * kTaskColumns;
      body(i / strips, column, std::min(kTaskColumns, s.inner - column));
    }
  });
}

}  // namespace

void run_reduce(ReduceOp op, const ReduceShape& s, const float* x, float* out) {
  const ReduceKernels& kernels = current_kernels().reduce;
  if (s.inner == 1) {
    const auto kernel = kernels.rows[static_cast<int>(op)];
    parallel_rows(s.outer, s.size, [&](Index begin, Index end) {
      kernel({x + begin * s.size, out + begin, end - begin, s.size});
    });
    return;
  }
  const auto kernel = kernels.columns[static_cast<int>(op)];
  parallel_columns(s, [&](Index outer, Index column, Index columns) {
    kernel({x + outer * s.size * s.inner + column, out + outer * s.inner + column, s.size, columns, s.inner});
  });
}

void run_arg_max(const ReduceShape& s, const float* x, std::int32_t* out) {
  const ReduceKernels& kernels = current_kernels().reduce;
  if (s.inner == 1) {
    parallel_rows(s.outer, s.size, [&](Index begin, Index end) {
      for (Index row = begin; row < end; ++row) out[row] = kernels.arg_max_row(x + row * s.size, s.size);
    });
    return;
  }
  parallel_columns(s, [&](Index outer, Index column, Index columns) {
    kernels.arg_max_columns(
        {x + outer * s.size * s.inner + column, out + outer * s.inner + column, s.size, columns, s.inner});
  });
}

void run_softmax(const SoftmaxRows& all) {
  const auto kernel = current_kernels().reduce.softmax;
  parallel_rows(all.rows, all.size, [&](Index begin, Index end) {
    kernel({all.x + begin * all.size, all.out + begin * all.size, end - begin, all.size});
  });
}

namespace {

/** Values that are passed over together where none of them is large enough. */
constexpr Index kTopBlock = 256;

/** The k best places of one row in their order: a heap whose head is the worst of them (Knuth, The Art of
 * Computer Programming 3, 5.2.3), which most blocks of a long row never reach. */
void top_of_row(const float* x, Index columns, std::vector<std::int32_t>& best) {
  // NaN below every number keeps this an order, without which the library may read beyond the end.
  const auto before = [x](std::int32_t a, std::int32_t b) {
    if (x[a] > x[b]) return true;
    if (x[b] > x[a]) return false;
    const bool nan_a = std::isnan(x[a]);
    const bool nan_b = std::isnan(x[b]);
    return nan_a == nan_b ? a < b : nan_b;
  };
  const auto largest = current_kernels().reduce.rows[static_cast<int>(ReduceOp::max)];
  std::iota(best.begin(), best.end(), 0);
  std::make_heap(best.begin(), best.end(), before);
  for (auto from = static_cast<Index>(best.size()); from < columns; from += kTopBlock) {
    const Index to = std::min(columns, from + kTopBlock);
    float most = 0.0F;
    largest({x + from, &most, 1, to - from});
    // Of equals the earlier is better; a NaN on either side passes nothing over.
    if (most <= x[best.front()]) continue;
    for (auto i = static_cast<std::int32_t>(from); i < to; ++i) {
      if (!before(i, best.front())) continue;
      std::pop_heap(best.begin(), best.end(), before);
      best.back() = i;
      std::push_heap(best.begin(), best.end(), before);
    }
  }
  std::sort_heap(best.begin(), best.end(), before);
}

}  // namespace

void run_top_k(const TopK& top) {
  if (top.k == 0) return;
  parallel_rows(top.rows, top.columns, [&](Index begin, Index end) {
    std::vector<std::int32_t> best(static_cast<std::size_t>(top.k));
    for (Index row = begin; row < end; ++row) {
      const float* x = top.x + row * top.columns;
      top_of_row(x, top.columns, best);
      for (Index i = 0; i < top.k; ++i) {
        top.indices[row * top.k + i] = best[static_cast<std::size_t>(i)];
        top.values[row * top.k + i] = x[best[static_cast<std::size_t>(i)]];
      }
    }
  });
}

}  // namespace convolith
