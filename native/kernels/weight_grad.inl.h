#pragma once

#include "base/region.h"
#include "kernels/weight_grad.h"

namespace convolith {

/** Contract: WeightGradTile. The sums stay in registers over all the runs. */
template <class V, int MR, int NR>
void weight_grad_tile(const WeightGradTile& t) {
  using Reg = typename V::Reg;
  constexpr int width = NR * V::lanes;
  Reg sum[MR][NR];
  CONVOLITH_UNROLL
  for (int i = 0; i < MR; ++i) {
    CONVOLITH_UNROLL
    for (int j = 0; j < NR; ++j) sum[i][j] = V::load(t.sums + i * t.sum_step + j * V::lanes);
  }
  for (Index r = 0; r < t.runs; ++r) {
    const float* x = t.rows[r] + t.channel;
    const float* grad = t.grads[r];
    for (Index p = 0; p < t.points; ++p, x += t.step, grad += width) {
      Reg b[NR];
      CONVOLITH_UNROLL
      for (int j = 0; j < NR; ++j) b[j] = V::load(grad + j * V::lanes);
      CONVOLITH_UNROLL
      for (int i = 0; i < MR; ++i) {
        const Reg a = V::set(x[i]);
        CONVOLITH_UNROLL
        for (int j = 0; j < NR; ++j) sum[i][j] = V::fma(a, b[j], sum[i][j]);
      }
    }
  }
  CONVOLITH_UNROLL
  for (int i = 0; i < MR; ++i) {
    CONVOLITH_UNROLL
    for (int j = 0; j < NR; ++j) V::store(t.sums + i * t.sum_step + j * V::lanes, sum[i][j]);
  }
}

template <class V, int T, bool Whole>
CONVOLITH_INLINE void sum_taps(const DepthwiseGradTile& t) {
  using Reg = typename V::Reg;
  const int n = t.channels;
  Reg sum[T];
  CONVOLITH_UNROLL
  for (int k = 0; k < T; ++k) sum[k] = V::load(t.sums + k * V::lanes);
  for (Index r = 0; r < t.runs; ++r) {
    const float* x = t.rows[r];
    const float* grad = t.grads[r];
    for (Index p = 0; p < t.points; ++p, x += t.step, grad += t.grad_step) {
      const Reg g = Whole ? V::load(grad) : V::load_n(grad, n);
      CONVOLITH_UNROLL
      for (int k = 0; k < T; ++k) {
        const float* from = x + t.offsets[k];
        sum[k] = V::fma(Whole ? V::load(from) : V::load_n(from, n), g, sum[k]);
      }
    }
  }
  CONVOLITH_UNROLL
  for (int k = 0; k < T; ++k) V::store(t.sums + k * V::lanes, sum[k]);
}

/** Contract: DepthwiseGradTile. */
template <class V, int T>
void depthwise_grad_taps(const DepthwiseGradTile& t) {
  if (t.channels == V::lanes) {
    sum_taps<V, T, true>(t);
  } else {
    sum_taps<V, T, false>(t);
  }
}

}  // namespace convolith
