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
    const auto x = whole ? V::load(row[p] + k) : V::load_n(row[p] + k, count);
    CONVOLITH_UNROLL
    for (int j = 0; j < NO; ++j) sum[j * P + p] = V::fma(x, w[j], sum[j * P + p]);
  }
}

/** The epilogue on the P sums of output `j`, and their store. */
template <class V, int P>
CONVOLITH_INLINE void store_dots(const DotTile& t, const float* sums, int j) {
  constexpr int vectors = (P + V::lanes - 1) / V::lanes;
  alignas(64) float tile[vectors * V::lanes] = {};
  const float bias = t.epilogue->bias[j];
  for (int p = 0; p < t.pixels; ++p) tile[p] = sums[p] + bias;
  const Index at = j * t.out_channel;
  if (t.residual != nullptr) {
    for (int p = 0; p < t.pixels; ++p) tile[p] += t.residual[at + p * t.out_step];
  }
  if (t.epilogue->op == ActivationOp::clip) {
    for (int i = 0; i < vectors; ++i) {
      V::store(tile + i * V::lanes, clip<V>(*t.epilogue, V::load(tile + i * V::lanes)));
    }
  } else {
    // One channel in all lanes.
    Epilogue epilogue = *t.epilogue;
    alignas(64) float slope[vectors * V::lanes];
    if (epilogue.slope != nullptr) {
      for (float& value : slope) value = epilogue.slope[j];
      epilogue.slope = slope;
    }
    activate_tile<V>(epilogue, tile, 1, vectors, 0);
  }
  float* out = t.out + at;
  for (int p = 0; p < t.pixels; ++p) out[p * t.out_step] = tile[p];
}

/** Contract: DotTile. G vectors' worth of sums at once. */
template <class V, int NO, int G>
void dot_tile(const DotTile& t) {
  constexpr int total = G * V::lanes;
  constexpr int P = total / NO;
  typename V::Reg sum[total];
  CONVOLITH_UNROLL
  for (int i = 0; i < total; ++i) sum[i] = V::zero();
  for (Index r = 0; r < t.runs; ++r) {
    const float* row[P];
    for (int p = 0; p < P; ++p) row[p] = t.rows[r * P + p];
    const float* weight = t.weight + t.run_start[r];
    Index k = 0;
    for (; k + V::lanes <= t.run_length; k += V::lanes)
      dot_vector<V, NO, P>(t, row, weight, k, V::lanes, sum);
    if (k < t.run_length) dot_vector<V, NO, P>(t, row, weight, k, static_cast<int>(t.run_length - k), sum);
  }
  alignas(64) float sums[total];
  CONVOLITH_UNROLL
  for (int g = 0; g < G; ++g) {
    auto* square = sum + g * V::lanes;
    V::transpose(square);
    CONVOLITH_UNROLL
    for (int step = V::lanes / 2; step > 0; step /= 2) {
      CONVOLITH_UNROLL
      for (int i = 0; i < step; ++i) square[i] = V::add(square[i], square[i + step]);
    }
    V::store(sums + g * V::lanes, square[0]);
  }
  for (int j = 0; j < NO; ++j) store_dots<V, P>(t, sums + j * P, j);
}

}  // namespace convolith
