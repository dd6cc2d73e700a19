#pragma once

#include "kernels/gemv.h"
#include "kernels/window.inl.h"

namespace convolith {

/** NR vectors of columns at `j` for MR rows; `count` lanes of the last vector exist. */
template <class V, int MR, int NR>
CONVOLITH_INLINE void gemv_columns(const GemvBlock& g, Index i, Index j, int count) {
  typename V::Reg sum[MR][NR];
  CONVOLITH_UNROLL
  for (int r = 0; r < MR; ++r) {
    CONVOLITH_UNROLL
    for (int v = 0; v < NR; ++v) sum[r][v] = V::zero();
  }
  for (Index k = 0; k < g.k; ++k) {
    const float* b = g.b + k * g.b_row + j;
    typename V::Reg value[NR];
    CONVOLITH_UNROLL
    for (int v = 0; v < NR; ++v) {
      value[v] = v == NR - 1 ? load_some<V>(b + v * V::lanes, count) : V::load(b + v * V::lanes);
    }
    CONVOLITH_UNROLL
    for (int r = 0; r < MR; ++r) {
      const auto a = V::set(g.a[(i + r) * g.a_row + k]);
      CONVOLITH_UNROLL
      for (int v = 0; v < NR; ++v) sum[r][v] = V::fma(a, value[v], sum[r][v]);
    }
  }
  CONVOLITH_UNROLL
  for (int r = 0; r < MR; ++r) {
    float* out = g.sum + (i + r) * g.sum_row + j;
    CONVOLITH_UNROLL
    for (int v = 0; v < NR - 1; ++v) V::store(out + v * V::lanes, sum[r][v]);
    store_some<V>(out + (NR - 1) * V::lanes, sum[r][NR - 1], count);
  }
}

template <class V, int MR>
void gemv_rows(const GemvBlock& g, Index i) {
  constexpr int wide = 4;
  Index j = 0;
  for (; j + wide * V::lanes <= g.columns; j += wide * V::lanes) gemv_columns<V, MR, wide>(g, i, j, V::lanes);
  for (; j < g.columns; j += V::lanes) {
    const Index rest = g.columns - j;
    gemv_columns<V, MR, 1>(g, i, j, static_cast<int>(rest < V::lanes ? rest : V::lanes));
  }
}

/** Contract: GemvBlock. */
template <class V>
void gemv(const GemvBlock& g) {
  switch (g.rows) {
    case 1:
      return gemv_rows<V, 1>(g, 0);
    case 2:
      return gemv_rows<V, 2>(g, 0);
    case 3:
      return gemv_rows<V, 3>(g, 0);
    default:
      return gemv_rows<V, 4>(g, 0);
  }
}

template <class V>
CONVOLITH_INLINE float lane_sum(typename V::Reg v) {
  float lane[V::lanes];
  V::store(lane, v);
  for (int half = V::lanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  return lane[0];
}

/** NR scalar products of one row. */
template <class V, int NR>
CONVOLITH_INLINE void gemv_products(const GemvBlock& g, Index i, Index j) {
  const float* a = g.a + i * g.a_row;
  const float* b = g.b + j * g.b_row;
  typename V::Reg sum[NR];
  CONVOLITH_UNROLL
  for (int v = 0; v < NR; ++v) sum[v] = V::zero();
  Index k = 0;
  for (; k + V::lanes <= g.k; k += V::lanes) {
    const auto left = V::load(a + k);
    CONVOLITH_UNROLL
    for (int v = 0; v < NR; ++v) sum[v] = V::fma(left, V::load(b + v * g.b_row + k), sum[v]);
  }
  if (k < g.k) {
    const int rest = static_cast<int>(g.k - k);
    const auto left = V::load_n(a + k, rest);
    CONVOLITH_UNROLL
    for (int v = 0; v < NR; ++v) sum[v] = V::fma(left, V::load_n(b + v * g.b_row + k, rest), sum[v]);
  }
  CONVOLITH_UNROLL
  for (int v = 0; v < NR; ++v) g.sum[i * g.sum_row + j + v] = lane_sum<V>(sum[v]);
}

/** Contract: GemvKernels::transposed. */
template <class V>
void gemv_transposed(const GemvBlock& g) {
  for (Index i = 0; i < g.rows; ++i) {
    Index j = 0;
    for (; j + 4 <= g.columns; j += 4) gemv_products<V, 4>(g, i, j);
    for (; j < g.columns; ++j) gemv_products<V, 1>(g, i, j);
  }
}

}  // namespace convolith
