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

void run_top_k(const TopK& top) {
  parallel_rows(top.rows, top.columns, [&](Index begin, Index end) {
    std::vector<std::int32_t> order(static_cast<std::size_t>(top.columns));
    for (Index row = begin; row < end; ++row) {
      const float* x = top.x + row * top.columns;
      std::iota(order.begin(), order.end(), 0);
      // NaN below every number keeps this an order, without which the library may read beyond the end.
      const auto before = [x](std::int32_t a, std::int32_t b) {
        if (x[a] > x[b]) return true;
        if (x[b] > x[a]) return false;
        const bool nan_a = std::isnan(x[a]);
        const bool nan_b = std::isnan(x[b]);
        return nan_a == nan_b ? a < b : nan_b;
      };
      std::partial_sort(order.begin(), order.begin() + top.k, order.end(), before);
      for (Index i = 0; i < top.k; ++i) {
        top.indices[row * top.k + i] = order[static_cast<std::size_t>(i)];
        top.values[row * top.k + i] = x[order[static_cast<std::size_t>(i)]];
      }
    }
  });
}

}  // namespace convolith
