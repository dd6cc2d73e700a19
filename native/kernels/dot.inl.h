#pragma once

#include "kernels/dot.h"
#include "kernels/epilogue.inl.h"

namespace convolith {

/** One vector of every run on NO × P sums; only `count` of its lanes exist. */
template <class V, int NO, int P>
CONVOLITH_INLINE void dot_vector(const DotTile& t, const float* const* row, const float* weight, Index k,
                                 int count, typename V::Reg* sum) {
  const bool whole = count == V::lanes;
  typename V::Reg w[NO];
  CONVOLITH_UNROLL
  for (int j = 0; j < NO; ++j) w[j] = V::load(weight + j * t.weight_output + k);
  CONVOLITH_UNROLL
  for (int p = 0; p < P; ++p) {
    auto x = whole ? V::load(row[p] + k) : V::load_n(row[p] + k, count);
    // GCC would load it again for each output, a load that often meets two lines.
    if constexpr (NO > 1) V::keep(x);
    CONVOLITH_UNROLL
    for (int j = 0; j < NO; ++j) sum[j * P + p] = V::fma(x, w[j], sum[j * P + p]);
  }
}

/** Lane i of `to` is the sum of the lanes of the i-th of as many vectors; `to` may lie before `from`, or on
 * it. */
template <class V>
CONVOLITH_INLINE void add_lanes(const float* from, float* to) {
  typename V::Reg square[V::lanes];
  for (int i = 0; i < V::lanes; ++i) square[i] = V::load(from + i * V::lanes);
  V::transpose(square);
  for (int step = V::lanes / 2; step > 0; step /= 2) {
    for (int i = 0; i < step; ++i) square[i] = V::add(square[i], square[i + step]);
  }
  V::store(to, square[0]);
}

/** Contract: DotTile. */
template <class V, int NO, int P>
void dot_tile(const DotTile& t) {
  // Of sums, of which whole vectors are added up.
  constexpr int G = (NO * P + V::lanes - 1) / V::lanes;
  constexpr int total = G * V::lanes;
  typename V::Reg sum[total];
  CONVOLITH_UNROLL
  for (int i = 0; i < total; ++i) sum[i] = V::zero();
  for (Index r = 0; r < t.runs; ++r) {
    const float* row[P];
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) row[p] = t.rows[r * P + p];
    const float* weight = t.weight + t.run_start[r];
    Index k = 0;
    for (; k + V::lanes <= t.run_length; k += V::lanes)
      dot_vector<V, NO, P>(t, row, weight, k, V::lanes, sum);
    if (k < t.run_length) dot_vector<V, NO, P>(t, row, weight, k, static_cast<int>(t.run_length - k), sum);
  }
  // Through memory, so that only here, and not in the loop above, the sums are an array.
  alignas(64) float sums[total * V::lanes];
  CONVOLITH_UNROLL
  for (int i = 0; i < total; ++i) V::store(sums + i * V::lanes, sum[i]);
  for (int g = 0; g < G; ++g) add_lanes<V>(sums + g * V::lanes * V::lanes, sums + g * V::lanes);
  if (t.residual != nullptr) {
    alignas(64) float residual[total] = {};
    for (int j = 0; j < NO; ++j) {
      const float* from = t.residual + t.output[j].offset;
      for (int p = 0; p < t.output[j].points; ++p) residual[j * P + p] = from[p * t.out_step];
    }
    for (int i = 0; i < total; i += V::lanes)
      V::store(sums + i, V::add(V::load(sums + i), V::load(residual + i)));
  }
  for (int i = 0; i < total; i += V::lanes) {
    V::store(sums + i, V::add(V::load(sums + i), V::load(t.epilogue->bias + i)));
  }
  if (t.epilogue->op == ActivationOp::clip) {
    for (int i = 0; i < total; i += V::lanes) V::store(sums + i, clip<V>(*t.epilogue, V::load(sums + i)));
  } else {
    activate_tile<V>(*t.epilogue, sums, 1, G, 0);
  }
  for (int j = 0; j < NO; ++j) {
    float* out = t.out + t.output[j].offset;
    for (int p = 0; p < t.output[j].points; ++p) out[p * t.out_step] = sums[j * P + p];
  }
}

}  // namespace convolith
