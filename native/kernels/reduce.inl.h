#pragma once

#include <cmath>

#include "kernels/math.inl.h"
#include "kernels/reduce.h"
#include "kernels/window.inl.h"

namespace convolith {

/** How two partial results meet, and where a reduction starts. */
template <class V, ReduceOp Op>
struct Reduction {
  using Reg = typename V::Reg;
  static constexpr bool is_max = Op == ReduceOp::max;

  static CONVOLITH_INLINE Reg start() { return V::set(is_max ? -INFINITY : 0.0F); }
  static CONVOLITH_INLINE Reg meet(Reg a, Reg b) { return is_max ? V::maximum(a, b) : V::add(a, b); }
  /** NaN is larger than everything. */
  static CONVOLITH_INLINE float meet_one(float a, float b) {
    if (!is_max) return a + b;
    return b > a || b != b ? b : a;
  }
  static CONVOLITH_INLINE Reg finish(Reg v, Index size) {
    return Op == ReduceOp::mean ? V::div(v, V::set(static_cast<float>(size))) : v;
  }
  static CONVOLITH_INLINE float finish_one(float v, Index size) {
    return Op == ReduceOp::mean ? v / static_cast<float>(size) : v;
  }
};

/** All lanes of a vector in one, halves first, so that the order is the same for every width of row. */
template <class V, ReduceOp Op>
CONVOLITH_INLINE float across(typename V::Reg v) {
  float lane[V::lanes];
  V::store(lane, v);
  for (int half = V::lanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lane[i] = Reduction<V, Op>::meet_one(lane[i], lane[i + half]);
  }
  return lane[0];
}

template <class V, ReduceOp Op>
CONVOLITH_INLINE float reduce_row(const float* x, Index size) {
  using R = Reduction<V, Op>;
  if (size < V::lanes) {
    float value = x[0];
    for (Index i = 1; i < size; ++i) value = R::meet_one(value, x[i]);
    return value;
  }
  typename V::Reg part[4] = {R::start(), R::start(), R::start(), R::start()};
  Index i = 0;
  for (; i + 4 * V::lanes <= size; i += 4 * V::lanes) {
    CONVOLITH_UNROLL
    for (int j = 0; j < 4; ++j) part[j] = R::meet(part[j], V::load(x + i + j * V::lanes));
  }
  for (; i + V::lanes <= size; i += V::lanes) part[0] = R::meet(part[0], V::load(x + i));
  if (i < size) {
    // A maximum may see values twice; a sum takes zeros for the missing lanes.
    part[1] = R::meet(
        part[1], R::is_max ? V::load(x + size - V::lanes) : V::load_n(x + i, static_cast<int>(size - i)));
  }
  return across<V, Op>(R::meet(R::meet(part[0], part[1]), R::meet(part[2], part[3])));
}

/** Contract: ReduceRows. */
template <class V, ReduceOp Op>
void reduce_rows(const ReduceRows& r) {
  for (Index row = 0; row < r.rows; ++row) {
    r.out[row] = Reduction<V, Op>::finish_one(reduce_row<V, Op>(r.x + row * r.size, r.size), r.size);
  }
}

/**
 * A vector of columns. Sums are taken in runs of 128 and then added up: a single float32 chain over the 12544
 * pixels of a 112 × 112 map would lose up to 13 bits.
 */
template <class V, ReduceOp Op>
CONVOLITH_INLINE void reduce_column(const ReduceColumns& r, Index c, int count) {
  using R = Reduction<V, Op>;
  constexpr Index kRun = 128;
  auto total = R::start();
  for (Index begin = 0; begin < r.size; begin += kRun) {
    const Index end = begin + kRun < r.size ? begin + kRun : r.size;
    auto even = R::start();
    auto odd = R::start();
    Index i = begin;
    for (; i + 2 <= end; i += 2) {
      even = R::meet(even, load_some<V>(r.x + i * r.stride + c, count));
      odd = R::meet(odd, load_some<V>(r.x + (i + 1) * r.stride + c, count));
    }
    if (i < end) even = R::meet(even, load_some<V>(r.x + i * r.stride + c, count));
    total = R::meet(total, R::meet(even, odd));
  }
  store_some<V>(r.out + c, R::finish(total, r.size), count);
}

/** Contract: ReduceColumns. */
template <class V, ReduceOp Op>
void reduce_columns(const ReduceColumns& r) {
  Index c = 0;
  for (; c + V::lanes <= r.columns; c += V::lanes) reduce_column<V, Op>(r, c, V::lanes);
  if (c < r.columns) reduce_column<V, Op>(r, c, static_cast<int>(r.columns - c));
}

template <class V>
CONVOLITH_INLINE void arg_max_column(const ArgMaxColumns& r, Index c, int count) {
  auto largest = load_some<V>(r.x + c, count);
  auto place = V::zero();
  for (Index i = 1; i < r.size; ++i) {
    const auto value = load_some<V>(r.x + i * r.stride + c, count);
    place = V::if_less(largest, value, V::set(static_cast<float>(i)), place);
    largest = V::if_less(largest, value, value, largest);
  }
  float lane[V::lanes];
  V::store(lane, place);
  for (int i = 0; i < count; ++i) r.out[c + i] = static_cast<std::int32_t>(lane[i]);
}

/** Contract: ArgMaxColumns, size up to 2^24, so that a float holds each place. */
template <class V>
void arg_max_columns(const ArgMaxColumns& r) {
  Index c = 0;
  for (; c + V::lanes <= r.columns; c += V::lanes) arg_max_column<V>(r, c, V::lanes);
  if (c < r.columns) arg_max_column<V>(r, c, static_cast<int>(r.columns - c));
}

/** Contract: ReduceKernels::arg_max_row, size up to 2^24. A row that begins with NaN answers 0, as nothing is
 * larger. */
template <class V>
std::int32_t arg_max_row(const float* x, Index size) {
  float value[V::lanes];
  float step[V::lanes];
  if (x[0] != x[0]) return 0;
  auto largest = V::set(-INFINITY);
  auto place = V::set(-1.0F);
  Index i = 0;
  for (; i + V::lanes <= size; i += V::lanes) {
    const auto next = V::load(x + i);
    place = V::if_less(largest, next, V::set(static_cast<float>(i)), place);
    largest = V::if_less(largest, next, next, largest);
  }
  V::store(value, largest);
  V::store(step, place);
  float best = -INFINITY;
  Index at = 0;
  for (int lane = 0; lane < V::lanes; ++lane) {
    if (step[lane] < 0.0F) continue;
    const Index here = static_cast<Index>(step[lane]) + lane;
    if (value[lane] > best || (value[lane] == best && here < at)) {
      best = value[lane];
      at = here;
    }
  }
  for (; i < size; ++i) {
    if (x[i] > best) {
      best = x[i];
      at = i;
    }
  }
  return static_cast<std::int32_t>(at);
}

/** Contract: SoftmaxRows. Each e^(x - largest) is stored, added up as stored, and divided by the sum. */
template <class V>
void softmax_rows(const SoftmaxRows& r) {
  for (Index row = 0; row < r.rows; ++row) {
    const float* x = r.x + row * r.size;
    float* out = r.out + row * r.size;
    const auto largest = V::set(reduce_row<V, ReduceOp::max>(x, r.size));
    for (Index i = 0; i < r.size; i += V::lanes) {
      const int count = static_cast<int>(r.size - i < V::lanes ? r.size - i : V::lanes);
      store_some<V>(out + i, Math<V>::exp_full(V::sub(load_some<V>(x + i, count), largest)), count);
    }
    const auto sum = V::set(reduce_row<V, ReduceOp::sum>(out, r.size));
    for (Index i = 0; i < r.size; i += V::lanes) {
      const int count = static_cast<int>(r.size - i < V::lanes ? r.size - i : V::lanes);
      store_some<V>(out + i, V::div(load_some<V>(out + i, count), sum), count);
    }
  }
}

template <class V>
void fill_reduce(ReduceKernels& kernels) {
#define REDUCE(name, text)                                                         \
  kernels.rows[static_cast<int>(ReduceOp::name)] = reduce_rows<V, ReduceOp::name>; \
  kernels.columns[static_cast<int>(ReduceOp::name)] = reduce_columns<V, ReduceOp::name>;
#include "kernels/reduce.inc"
#undef REDUCE
  kernels.arg_max_columns = arg_max_columns<V>;
  kernels.arg_max_row = arg_max_row<V>;
  kernels.softmax = softmax_rows<V>;
}

}  // namespace convolith
