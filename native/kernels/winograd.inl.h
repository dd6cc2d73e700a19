#pragma once

#include "kernels/epilogue.inl.h"
#include "kernels/winograd_axis.inl.h"

namespace convolith {

/**
 * `body` of each line of a tile, unrolled where the tile lies in registers. One of eight lines and more is in
 * memory anyway: unrolled it takes 0.97 to 1.00 of the time with AVX-512 and no less with AVX2, for 20 to 30
 * KB of the binary.
 */
template <class V, int Products, int Lines = Products, class Body>
CONVOLITH_INLINE void for_lines(const Body& body) {
  if constexpr (Products >= 8 && !V::unrolls_large_tiles) {
    CONVOLITH_NO_UNROLL
    for (int i = 0; i < Lines; ++i) body(i);
  } else {
    CONVOLITH_UNROLL_TRANSFORM
    for (int i = 0; i < Lines; ++i) body(i);
  }
}

/** Bᵀ d B of a tile's vector of channels at `c`, of which `count` lanes exist; `Whole`: all do, and all
 * pixels are inside the map. */
template <class V, class Y, class X, bool Whole>
CONVOLITH_INLINE void winograd_input_vector(const WinogradInput& t, Index c, int count) {
  using Reg = typename V::Reg;
  constexpr int rows = Y::products;
  constexpr int columns = X::products;
  Reg half[rows][columns];
  const float* origin = t.origin + c;
  for_lines<V, columns>([&](int j) CONVOLITH_INLINE_LAMBDA {
    Reg d[rows];
    Reg r[rows];
    CONVOLITH_UNROLL_TRANSFORM
    for (int i = 0; i < rows; ++i) {
      if constexpr (Whole) {
        d[i] = V::load(origin + i * t.row_step + j * t.column_step);
      } else {
        const float* from =
            t.pixels == nullptr ? origin + i * t.row_step + j * t.column_step : t.pixels[i * columns + j] + c;
        d[i] = count == V::lanes ? V::load(from) : V::load_n(from, count);
      }
    }
    Y::input(d, r);
    CONVOLITH_UNROLL_TRANSFORM
    for (int i = 0; i < rows; ++i) half[i][j] = r[i];
  });
  float* to = t.out + c;
  for_lines<V, rows>([&](int i) CONVOLITH_INLINE_LAMBDA {
    Reg r[columns];
    X::input(half[i], r);
    CONVOLITH_UNROLL_TRANSFORM
    for (int j = 0; j < columns; ++j) V::store(to + j * t.product_stride, r[j]);
    to += columns * t.product_stride;
  });
}

template <class V, class Y, class X>
void winograd_input(const WinogradInput& t) {
  Index c = 0;
  if (t.pixels == nullptr) {
    for (; c + V::lanes <= t.channels; c += V::lanes) winograd_input_vector<V, Y, X, true>(t, c, V::lanes);
  }
  for (; c < t.channels; c += V::lanes) {
    const int count = t.channels - c < V::lanes ? static_cast<int>(t.channels - c) : V::lanes;
    winograd_input_vector<V, Y, X, false>(t, c, count);
  }
}

/** The epilogue on one vector of columns at `j`, and its store: residuals, curves and panels' missing
 * columns. */
template <class V>
CONVOLITH_NOINLINE void winograd_store(const WinogradOutput& t, const typename V::Reg& sum, Index at, int j) {
  const int count = t.columns - j < V::lanes ? t.columns - j : V::lanes;
  const Epilogue& e = *t.epilogue;
  alignas(64) float tile[V::lanes];
  auto v = V::add(sum, V::load(e.bias + j));
  if (t.residual != nullptr) v = V::add(v, V::load_n(t.residual + at + j, count));
  V::store(tile, v);
  activate_tile<V>(e, tile, 1, 1, j);
  V::store_n(t.out + at + j, V::load(tile), count);
}

/** Aᵀ m on column `j` of the products' vector at `c`. */
template <class V, class Axis, int M>
CONVOLITH_INLINE void winograd_output_column(const WinogradOutput& t, int c, int j, int columns,
                                             typename V::Reg* half) {
  using Reg = typename V::Reg;
  constexpr int n = Axis::products;
  const float* sums = t.sums + j * t.product_stride + c;
  Reg m[n];
  Reg r[M];
  CONVOLITH_UNROLL_TRANSFORM
  for (int i = 0; i < n; ++i) m[i] = V::load(sums + i * columns * t.product_stride);
  Axis::template output<M>(m, r);
  CONVOLITH_UNROLL_TRANSFORM
  for (int i = 0; i < M; ++i) half[i * columns + j] = r[i];
}

/** What the store of one vector of columns needs. */
template <class V>
struct WinogradStore {
  typename V::Reg bias, min, max;

  CONVOLITH_INLINE WinogradStore(const WinogradOutput& t, int c)
      : bias(V::load(t.epilogue->bias + c)), min(V::set(t.epilogue->min)), max(V::set(t.epilogue->max)) {}

  CONVOLITH_INLINE void operator()(const WinogradOutput& t, const typename V::Reg& sum, Index at) const {
    auto v = V::add(sum, bias);
    if (t.residual != nullptr) v = V::add(v, V::load(t.residual + at));
    V::store(t.out + at, V::at_most(max, V::at_least(min, v)));
  }
};

/**
 * (Aᵀ m) A on row `i`, and the store. Clips: whole vectors whose activation is `clip`, without a call, for
 * which clang keeps in memory what lives across it.
 */
template <class V, class Axis, int M, bool Clips>
CONVOLITH_INLINE void winograd_output_row(const WinogradOutput& t, const WinogradStore<V>& store, int c,
                                          int i, const typename V::Reg* half) {
  using Reg = typename V::Reg;
  Reg r[M];
  Axis::template output<M>(half + i * Axis::products, r);
  const Index row = t.row_offset[i];
  CONVOLITH_UNROLL_TRANSFORM
  for (int j = 0; j < M; ++j) {
    const Index column = t.column_offset[j];
    if ((row | column) < 0) continue;
    if constexpr (Clips) {
      store(t, r[j], c + row + column);
    } else {
      winograd_store<V>(t, r[j], row + column, c);
    }
  }
}

template <class V, class Axis, int M>
CONVOLITH_NOINLINE void winograd_output_columns(const WinogradOutput& t, int c, int columns,
                                                typename V::Reg* half) {
  for (int j = 0; j < columns; ++j) winograd_output_column<V, Axis, M>(t, c, j, columns, half);
}

template <class V>
CONVOLITH_INLINE bool winograd_clips(const WinogradOutput& t, int c) {
  return t.epilogue->op == ActivationOp::clip && t.columns - c >= V::lanes;
}

template <class V, class Axis, int M>
CONVOLITH_NOINLINE void winograd_output_rows(const WinogradOutput& t, int c, const typename V::Reg* half) {
  const WinogradStore<V> store(t, c);
  if (winograd_clips<V>(t, c)) {
    for (int i = 0; i < t.outputs_y; ++i) winograd_output_row<V, Axis, M, true>(t, store, c, i, half);
  } else {
    for (int i = 0; i < t.outputs_y; ++i) winograd_output_row<V, Axis, M, false>(t, store, c, i, half);
  }
}

/** Both passes in registers, for one algorithm on both axes: 4% of a 3x3 layer of 64 channels. Returns the
 * first column that is left to do. */
template <class V, class Axis, int M>
CONVOLITH_NOINLINE int winograd_output_square(const WinogradOutput& t) {
  constexpr int n = Axis::products;
  int c = 0;
  for (; winograd_clips<V>(t, c); c += V::lanes) {
    typename V::Reg half[M * n];
    for_lines<V, n>([&](int j)
                        CONVOLITH_INLINE_LAMBDA { winograd_output_column<V, Axis, M>(t, c, j, n, half); });
    const WinogradStore<V> store(t, c);
    for_lines<V, n, M>(
        [&](int i) CONVOLITH_INLINE_LAMBDA { winograd_output_row<V, Axis, M, true>(t, store, c, i, half); });
  }
  return c;
}

/** An axis' kind and its outputs in one number, for a switch. */
constexpr int winograd_case(WinogradPoints points, int outputs) {
  return static_cast<int>(points) * (kMaxWinogradOutputs + 1) + outputs;
}

// Every F(m, r) that exists: the axis' class and kind, and its outputs.
#define CONVOLITH_WINOGRAD_CASES(CASE) \
  CASE(WinogradDirect, direct, 1)      \
  CASE(WinogradFour, four, 2)          \
  CASE(WinogradFour, four, 3)          \
  CASE(WinogradFive, five, 2)          \
  CASE(WinogradFive, five, 3)          \
  CASE(WinogradFive, five, 4)          \
  CASE(WinogradSix, six, 2)            \
  CASE(WinogradSix, six, 3)            \
  CASE(WinogradSix, six, 4)            \
  CASE(WinogradSix, six, 5)            \
  CASE(WinogradEight, eight, 4)        \
  CASE(WinogradEight, eight, 5)        \
  CASE(WinogradEight, eight, 6)        \
  CASE(WinogradStrided, strided, 4)

template <class V>
void winograd_output(const WinogradOutput& t) {
  int c = 0;
  if (t.y == t.x && t.outputs_y == t.outputs_x) {
    switch (winograd_case(t.y, t.outputs_y)) {
#define CONVOLITH_CASE(axis, kind, outputs)             \
  case winograd_case(WinogradPoints::kind, outputs):    \
    c = winograd_output_square<V, axis<V>, outputs>(t); \
    break;
      CONVOLITH_WINOGRAD_CASES(CONVOLITH_CASE)
#undef CONVOLITH_CASE
    }
  }
  typename V::Reg half[kMaxWinogradOutputs * kMaxWinogradProducts];
  const int columns = kWinogradProducts[static_cast<int>(t.x)];
  for (; c < t.columns; c += V::lanes) {
    switch (winograd_case(t.y, t.outputs_y)) {
#define CONVOLITH_CASE(axis, kind, outputs)                            \
  case winograd_case(WinogradPoints::kind, outputs):                   \
    winograd_output_columns<V, axis<V>, outputs>(t, c, columns, half); \
    break;
      CONVOLITH_WINOGRAD_CASES(CONVOLITH_CASE)
#undef CONVOLITH_CASE
    }
    switch (winograd_case(t.x, t.outputs_x)) {
#define CONVOLITH_CASE(axis, kind, outputs)                \
  case winograd_case(WinogradPoints::kind, outputs):       \
    winograd_output_rows<V, axis<V>, outputs>(t, c, half); \
    break;
      CONVOLITH_WINOGRAD_CASES(CONVOLITH_CASE)
#undef CONVOLITH_CASE
    }
  }
}

#undef CONVOLITH_WINOGRAD_CASES

template <class V>
void winograd_weights(const WinogradWeights& t) {
  using Reg = typename V::Reg;
  for (Index j = 0; j < t.width; j += V::lanes) {
    Reg half[kMaxWinogradProducts][kMaxWinogradTaps];
    for (int x = 0; x < t.taps_x; ++x) {
      Reg g[kMaxWinogradTaps];
      for (int y = 0; y < t.taps_y; ++y) g[y] = V::load(t.taps[y * t.taps_x + x] + j);
      for (int w = 0; w < t.weights_y; ++w) {
        Reg sum = V::zero();
        for (int y = 0; y < t.taps_y; ++y) sum = V::fma(V::set(t.gy[w * kMaxWinogradTaps + y]), g[y], sum);
        half[w][x] = sum;
      }
    }
    float* to = t.out + j;
    for (int w = 0; w < t.weights_y; ++w) {
      for (int v = 0; v < t.weights_x; ++v, to += t.weight_stride) {
        Reg sum = V::zero();
        for (int x = 0; x < t.taps_x; ++x)
          sum = V::fma(V::set(t.gx[v * kMaxWinogradTaps + x]), half[w][x], sum);
        if (t.stream) {
          V::stream(to, sum);
        } else {
          V::store(to, sum);
        }
      }
    }
  }
}

}  // namespace convolith
