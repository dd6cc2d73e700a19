#pragma once

#include "kernels/gemm_rows.inl.h"
#include "kernels/product_rows.h"

namespace convolith {

/** The sums of a tile begin with those at `from`, or with zeros. */
template <class V, int MR, int NR>
CONVOLITH_INLINE void start_sums(const float* from, typename V::Reg (&sum)[MR][NR]) {
  CONVOLITH_UNROLL
  for (int i = 0; i < MR; ++i) {
    CONVOLITH_UNROLL
    for (int j = 0; j < NR; ++j)
      sum[i][j] = from == nullptr ? V::zero() : V::load(from + (i * NR + j) * V::lanes);
  }
}

template <class V, int MR, int NR>
CONVOLITH_INLINE void add_sums(const float* from, typename V::Reg (&sum)[MR][NR]) {
  if (from == nullptr) return;
  CONVOLITH_UNROLL
  for (int i = 0; i < MR; ++i) {
    CONVOLITH_UNROLL
    for (int j = 0; j < NR; ++j) sum[i][j] = V::add(sum[i][j], V::load(from + (i * NR + j) * V::lanes));
  }
}

template <class V, int MR, int NR>
CONVOLITH_INLINE void keep_sums(const float* with, float* to, const typename V::Reg (&sum)[MR][NR]) {
  if (to == nullptr) return;
  CONVOLITH_UNROLL
  for (int i = 0; i < MR; ++i) {
    CONVOLITH_UNROLL
    for (int j = 0; j < NR; ++j) {
      const int lane = (i * NR + j) * V::lanes;
      V::store(to + lane, with == nullptr ? sum[i][j] : V::add(sum[i][j], V::load(with + lane)));
    }
  }
}

/** What leaves a tile: the activation of its sums. */
template <class V, int MR, int NR>
CONVOLITH_INLINE void store_products(const ProductRows& g, float* out, const float* residual,
                                     const typename V::Reg (&sum)[MR][NR]) {
  using Reg = typename V::Reg;
  const Epilogue& e = *g.epilogue;
  const Reg low = V::set(e.min), high = V::set(e.max);
  const PitchedRows<float, MR> to(out, g.out_pitch);
  CONVOLITH_UNROLL
  for (int j = 0; j < NR; ++j) {
    const Reg bias = V::load(e.bias + j * V::lanes);
    CONVOLITH_UNROLL
    for (int i = 0; i < MR; ++i) {
      Reg done = V::add(sum[i][j], bias);
      if (residual != nullptr) done = V::add(done, V::load(residual + i * g.out_pitch + j * V::lanes));
      V::store(to[i] + j * V::lanes, V::at_most(high, V::at_least(low, done)));
    }
  }
}

/** Contract: ProductRows; `Outer`: with an outer level. */
template <class V, int MR, int NR, bool Outer>
void product_rows(const ProductRows& g, Index tiles) {
  using Reg = typename V::Reg;
  constexpr Index tile = Index{MR} * NR * V::lanes;
  const float* rows = g.rows;
  const float* residual = g.residual;
  const float* ahead = g.ahead;
  const float* const end = g.ahead_end;
  const Index lines = g.ahead_lines * kLineFloats;
  float* out = g.out;
  for (Index at = 0; at < tiles * tile; at += tile, rows += MR * g.pitch) {
    const auto of_tile = [at](auto* sums)
                             CONVOLITH_INLINE_LAMBDA { return sums == nullptr ? nullptr : sums + at; };
    Reg sum[MR][NR];
    start_sums<V>(of_tile(g.inner.start), sum);
    const float* panel = g.panel;
    PitchedRows<const float, MR> row(rows, g.pitch);
    for (Index k = g.depth / 4; k > 0; --k) {
      // Asking for each line whether it exists took 1 to 2% of the time of a bare loop.
      if (ahead < end) {
        const float* const stop = ahead + lines;
        for (; ahead < stop; ahead += kLineFloats) CONVOLITH_PREFETCH_NEAR(ahead);
      }
      multiply_pitched<V, MR, NR, 4>(row, panel, sum);
    }
    keep_sums<V>(of_tile(g.inner.keep_with), of_tile(g.inner.keep), sum);
    if (out == nullptr && (!Outer || g.outer.keep == nullptr)) continue;
    add_sums<V>(of_tile(g.inner.add), sum);
    if constexpr (Outer) {
      add_sums<V>(of_tile(g.outer.start), sum);
      keep_sums<V>(of_tile(g.outer.keep_with), of_tile(g.outer.keep), sum);
      if (out == nullptr) continue;
      add_sums<V>(of_tile(g.outer.add), sum);
    }
    store_products<V>(g, out, residual, sum);
    out += MR * g.out_pitch;
    if (residual != nullptr) residual += MR * g.out_pitch;
  }
}

}  // namespace convolith
