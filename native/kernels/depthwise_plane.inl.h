#pragma once

#include "kernels/depthwise_plane.h"
#include "kernels/epilogue.inl.h"

namespace convolith {

/** Lanes [begin, end) of a vector. */
struct LaneRange {
  int begin = 0, end = 0;
};

/** The lanes of a vector at input column `x` that lie inside a row. */
template <class V>
CONVOLITH_INLINE LaneRange lanes_inside(Index x, Index width) {
  const auto within = [](Index lane) {
    return static_cast<int>(lane < 0 ? 0 : lane > V::lanes ? V::lanes : lane);
  };
  return {within(-x), within(width - x)};
}

/** The epilogue on NV vectors of a row, and their store; `count` columns exist. */
template <class V, int NV>
CONVOLITH_INLINE void store_columns(const DepthwisePlane& t, typename V::Reg (&sum)[NV], Index at,
                                    int count) {
  const Epilogue& e = *t.epilogue;
  const bool whole = count == NV * V::lanes;
  if (t.residual != nullptr) {
    CONVOLITH_UNROLL
    for (int v = 0; v < NV; ++v) {
      const float* from = t.residual + at + v * V::lanes;
      const int here = count - v * V::lanes;
      sum[v] = V::add(sum[v], whole ? V::load(from) : V::load_n(from, here < V::lanes ? here : V::lanes));
    }
  }
  if (e.op == ActivationOp::clip) {
    CONVOLITH_UNROLL
    for (int v = 0; v < NV; ++v) sum[v] = clip<V>(e, sum[v]);
  } else {
    alignas(64) float tile[NV * V::lanes];
    CONVOLITH_UNROLL
    for (int v = 0; v < NV; ++v) V::store(tile + v * V::lanes, sum[v]);
    activate_tile<V>(e, tile, 1, NV, 0);
    CONVOLITH_UNROLL
    for (int v = 0; v < NV; ++v) sum[v] = V::load(tile + v * V::lanes);
  }
  CONVOLITH_UNROLL
  for (int v = 0; v < NV; ++v) {
    float* to = t.out + at + v * V::lanes;
    const int here = count - v * V::lanes;
    if (whole) {
      V::store(to, sum[v]);
    } else {
      V::store_n(to, sum[v], here < V::lanes ? here : V::lanes);
    }
  }
}

/** NV vectors of columns from `x`, on every output row that is `phase` modulo the dilation. Inner: all lanes
 * of all taps lie inside the rows. */
template <class V, int NV, bool Inner>
CONVOLITH_INLINE void plane_columns(const DepthwisePlane& t, Index x, Index phase) {
  using Reg = typename V::Reg;
  Reg w[9];
  CONVOLITH_UNROLL
  for (int k = 0; k < 9; ++k) w[k] = V::set(t.weight[k]);
  const Reg bias = V::set(t.epilogue->bias[0]);
  LaneRange inside[3][NV];
  CONVOLITH_UNROLL
  for (int k = 0; k < 3; ++k) {
    CONVOLITH_UNROLL
    for (int v = 0; v < NV; ++v)
      inside[k][v] = lanes_inside<V>(t.first_x + x + k * t.dilation_x + v * V::lanes, t.width);
  }
  const Index left = t.outputs_x - x;
  const int count = left < NV * V::lanes ? static_cast<int>(left) : NV * V::lanes;
  const Index rows = (t.outputs_y - phase + t.dilation_y - 1) / t.dilation_y;
  // At `newest` the sums are those of output rows newest - 2 to newest, oldest first.
  Reg sum[3][NV];
  CONVOLITH_UNROLL
  for (int a = 0; a < 3; ++a) {
    CONVOLITH_UNROLL
    for (int v = 0; v < NV; ++v) sum[a][v] = bias;
  }
  for (Index newest = 0; newest < rows + 2; ++newest) {
    const Index y = t.first_y + phase + newest * t.dilation_y;
    if (y >= 0 && y < t.height) {
      const Index row = y * t.width + t.first_x + x;
      CONVOLITH_UNROLL
      for (int k = 0; k < 3; ++k) {
        CONVOLITH_UNROLL
        for (int v = 0; v < NV; ++v) {
          const float* from = t.input + (row + k * t.dilation_x + v * V::lanes);
          const Reg value =
              Inner ? V::load(from) : V::load_between(from, inside[k][v].begin, inside[k][v].end);
          CONVOLITH_UNROLL
          for (int a = 0; a < 3; ++a) sum[a][v] = V::fma(value, w[(2 - a) * 3 + k], sum[a][v]);
        }
      }
    }
    if (newest >= 2)
      store_columns<V, NV>(t, sum[0], (phase + (newest - 2) * t.dilation_y) * t.outputs_x + x, count);
    CONVOLITH_UNROLL
    for (int v = 0; v < NV; ++v) {
      sum[0][v] = sum[1][v];
      sum[1][v] = sum[2][v];
      sum[2][v] = bias;
    }
  }
}

template <class V, int NV>
CONVOLITH_INLINE void plane_strip(const DepthwisePlane& t, Index x) {
  const Index first = t.first_x + x;
  const bool inner =
      first >= 0 && first + 2 * t.dilation_x + NV * V::lanes <= t.width && x + NV * V::lanes <= t.outputs_x;
  for (Index phase = 0; phase < t.dilation_y && phase < t.outputs_y; ++phase) {
    if (inner) {
      plane_columns<V, NV, true>(t, x, phase);
    } else {
      plane_columns<V, NV, false>(t, x, phase);
    }
  }
}

/** Contract: DepthwisePlane. Each sum meets three multiplications a row, one after the other: 12 cycles, in
 * which one vector does 9 and two do 18. */
template <class V>
void depthwise_plane(const DepthwisePlane& t) {
  Index x = 0;
  while (t.outputs_x - x > 0) {
    const Index vectors = (t.outputs_x - x + V::lanes - 1) / V::lanes;
    if (vectors == 3) {
      plane_strip<V, 3>(t, x);
      x += 3 * V::lanes;
    } else if (vectors == 1) {
      plane_strip<V, 1>(t, x);
      x += V::lanes;
    } else {
      plane_strip<V, 2>(t, x);
      x += 2 * V::lanes;
    }
  }
}

}  // namespace convolith
