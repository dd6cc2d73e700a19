#pragma once

#include "kernels/gemm_rows.inl.h"
#include "kernels/product_rows.h"

namespace convolith {

/** What leaves a tile: the activation of its sums and what is added to them. */
template <class V, int MR, int NR>
CONVOLITH_INLINE void store_products(const ProductRows& g, const float* add, float* out,
                                     const float* residual, const typename V::Reg (&sum)[MR][NR]) {
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
      if (add != nullptr) done = V::add(done, V::load(add + (i * NR + j) * V::lanes));
      if (residual != nullptr) done = V::add(done, V::load(residual + i * g.out_pitch + j * V::lanes));
      V::store(to[i] + j * V::lanes, V::at_most(high, V::at_least(low, done)));
    }
  }
}

/** Contract: ProductRows. */
template <class V, int MR, int NR>
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
    Reg sum[MR][NR];
    if (g.start == nullptr) {
      CONVOLITH_UNROLL
      for (int i = 0; i < MR; ++i) {
        CONVOLITH_UNROLL
        for (int j = 0; j < NR; ++j) sum[i][j] = V::zero();
      }
    } else {
      CONVOLITH_UNROLL
      for (int i = 0; i < MR; ++i) {
        CONVOLITH_UNROLL
        for (int j = 0; j < NR; ++j) sum[i][j] = V::load(g.start + at + (i * NR + j) * V::lanes);
      }
    }
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
    // Outputs first: what is kept takes the sums' place.
    if (out != nullptr) {
      store_products<V, MR, NR>(g, g.add == nullptr ? nullptr : g.add + at, out, residual, sum);
      out += MR * g.out_pitch;
      if (residual != nullptr) residual += MR * g.out_pitch;
    }
    if (g.keep == nullptr) continue;
    CONVOLITH_UNROLL
    for (int i = 0; i < MR; ++i) {
      CONVOLITH_UNROLL
      for (int j = 0; j < NR; ++j) {
        const Index lane = at + (i * NR + j) * V::lanes;
        if (g.keep_with != nullptr) sum[i][j] = V::add(sum[i][j], V::load(g.keep_with + lane));
        V::store(g.keep + lane, sum[i][j]);
      }
    }
  }
}

}  // namespace convolith
