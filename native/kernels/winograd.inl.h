#pragma once

#include "kernels/epilogue.inl.h"
#include "kernels/winograd_axis.inl.h"

namespace convolith {

/** Bᵀ d B of a tile's vector of channels at `c`, of which `count` lanes exist; `Whole`: all do, and all pixels
 * are inside the map. */
template <class V, class Y, class X, bool Whole>
CONVOLITH_INLINE void winograd_input_vector(const WinogradInput& t, Index c, int count) {
  using Reg = typename V::Reg;
  constexpr int rows = Y::products;
  constexpr int columns = X::products;
  Reg half[rows][columns];
  const float* origin = t.origin + c;
  CONVOLITH_UNROLL
  for (int j = 0; j < columns; ++j) {
    Reg d[rows];
    Reg r[rows];
    CONVOLITH_UNROLL
    for (int i = 0; i < rows; ++i) {
      if constexpr (Whole) {
        d[i] = V::load(origin + i * t.row_step + j * t.column_step);
      } else {
        const float* from = t.pixels == nullptr ? origin + i * t.row_step + j * t.column_step
                                                : t.pixels[i * columns + j] + c;
        d[i] = count == V::lanes ? V::load(from) : V::load_n(from, count);
      }
    }
    Y::input(d, r);
    CONVOLITH_UNROLL
    for (int i = 0; i < rows; ++i) half[i][j] = r[i];
  }
  float* to = t.out + c;
  CONVOLITH_UNROLL
  for (int i = 0; i < rows; ++i, to += columns * t.product_stride) {
    Reg r[columns];
    X::input(half[i], r);
    CONVOLITH_UNROLL
    for (int j = 0; j < columns; ++j) {
      if (Whole || count == V::lanes) {
        V::store(to + j * t.product_stride, r[j]);
      } else {
        V::store_n(to + j * t.product_stride, r[j], count);
      }
    }
  }
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

/** The epilogue on one vector of columns at `j`, and its store: residuals, curves and panels' missing columns. */
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

/** Aᵀ m on the columns of the products' vector at `c`. */
template <class V, class Axis, int M>
CONVOLITH_NOINLINE void winograd_output_columns(const WinogradOutput& t, int c, int columns,
                                                typename V::Reg* half) {
  using Reg = typename V::Reg;
  constexpr int n = Axis::products;
  const Index row = columns * t.product_stride;
  for (int j = 0; j < columns; ++j) {
    Reg m[n];
    Reg r[M];
    CONVOLITH_UNROLL
    for (int i = 0; i < n; ++i) m[i] = V::load(t.sums + j * t.product_stride + i * row + c);
    Axis::template output<M>(m, r);
    CONVOLITH_UNROLL
    for (int i = 0; i < M; ++i) half[i * columns + j] = r[i];
  }
}

/** (Aᵀ m) A on its rows, and the store. */
template <class V, class Axis, int M>
CONVOLITH_NOINLINE void winograd_output_rows(const WinogradOutput& t, int c, const typename V::Reg* half) {
  using Reg = typename V::Reg;
  constexpr int n = Axis::products;
  const Epilogue& e = *t.epilogue;
  const bool plain = e.op == ActivationOp::clip && t.residual == nullptr && t.columns - c >= V::lanes;
  const Reg bias = V::load(e.bias + c);
  const Reg min = V::set(e.min);
  const Reg max = V::set(e.max);
  float* out = t.out + c;
  for (int i = 0; i < t.outputs_y; ++i) {
    Reg r[M];
    Axis::template output<M>(half + i * n, r);
    CONVOLITH_UNROLL
    for (int j = 0; j < M; ++j) {
      if ((t.row_offset[i] | t.column_offset[j]) < 0) continue;
      const Index at = t.row_offset[i] + t.column_offset[j];
      if (plain) {
        V::store(out + at, V::at_most(max, V::at_least(min, V::add(r[j], bias))));
      } else {
        winograd_store<V>(t, r[j], at, c);
      }
    }
  }
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
  CASE(WinogradStrided, strided, 4)

template <class V>
void winograd_output(const WinogradOutput& t) {
  typename V::Reg half[kMaxWinogradOutputs * kMaxWinogradProducts];
  const int columns = kWinogradProducts[static_cast<int>(t.x)];
  for (int c = 0; c < t.columns; c += V::lanes) {
    switch (winograd_case(t.y, t.outputs_y)) {
#define CONVOLITH_CASE(axis, kind, outputs)                               \
  case winograd_case(WinogradPoints::kind, outputs):                      \
    winograd_output_columns<V, axis<V>, outputs>(t, c, columns, half);    \
    break;
      CONVOLITH_WINOGRAD_CASES(CONVOLITH_CASE)
#undef CONVOLITH_CASE
    }
    switch (winograd_case(t.x, t.outputs_x)) {
#define CONVOLITH_CASE(axis, kind, outputs)               \
  case winograd_case(WinogradPoints::kind, outputs):      \
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
        for (int x = 0; x < t.taps_x; ++x) sum = V::fma(V::set(t.gx[v * kMaxWinogradTaps + x]), half[w][x], sum);
        V::store(to, sum);
      }
    }
  }
}

}  // namespace convolith
