#pragma once

#include "kernels/depthwise_plane.h"
#include "kernels/epilogue.inl.h"

namespace convolith {

/** The lanes of a vector at input column `x` that lie inside a row. */
template <class V>
CONVOLITH_INLINE typename V::Range lanes_inside(Index x, Index width) {
  const Index begin = x > 0 ? 0 : -x;
  const Index end = width - x;
  return V::between(static_cast<int>(begin < V::lanes ? begin : V::lanes),
                    static_cast<int>(end < 0          ? 0
                                     : end < V::lanes ? end
                                                      : V::lanes));
}

/** Taps that are not neighbours are loaded one by one. */
template <int K, int S>
inline constexpr bool kPlaneDilates = K == 3 && S == 1;

/** How many lanes of the v-th vector are among the first `count`. */
template <class V>
CONVOLITH_INLINE int lanes_of(int count, int v) {
  const int here = count - v * V::lanes;
  return here < 0 ? 0 : here < V::lanes ? here : V::lanes;
}

/** The lanes of `a` from the n-th on, then those of `b`: n is known once loops are unrolled. */
template <class V>
CONVOLITH_INLINE typename V::Reg shifted(typename V::Reg a, typename V::Reg b, int n) {
  switch (n) {
    case 1:
      return V::template shift<1>(a, b);
    case 2:
      return V::template shift<2>(a, b);
    case 3:
      return V::template shift<3>(a, b);
    case 4:
      return V::template shift<4 % V::lanes>(a, b);
    case 5:
      return V::template shift<5 % V::lanes>(a, b);
    case 6:
      return V::template shift<6 % V::lanes>(a, b);
    default:
      return a;
  }
}

/**
 * What NV vectors of outputs meet of an input row. Near: neighbouring columns, and each vector is loaded once
 * and brought into place for every tap by shifts, and the columns of a stride of two sorted by permutations.
 * Otherwise each tap is loaded where it lies. Inner: all of it lies inside the row.
 */
template <class V, int K, int S, int NV, bool Near, bool Inner>
struct PlaneRow {
  using Reg = typename V::Reg;
  static constexpr int reach = (K - 1) / S;  // lanes beyond the last output's
  static constexpr int more = (reach + V::lanes - 1) / V::lanes;
  static constexpr int loads = Near ? S * NV + (S == 1 ? more : 1) : K * NV;
  static_assert(S == 1 || (S == 2 && Near && reach <= V::lanes / 2));

  /** Of each load, from the first output's first tap. */
  Index offset[loads];
  typename V::Range inside[loads];
  Reg in[loads];
  Reg even[S == 2 ? NV + 1 : 1], odd[S == 2 ? NV + 1 : 1];

  CONVOLITH_INLINE void place(Index first, Index width, Index dilation) {
    CONVOLITH_UNROLL
    for (int i = 0; i < loads; ++i) {
      offset[i] = Near ? i * V::lanes : i / NV * dilation + i % NV * V::lanes;
      inside[i] = lanes_inside<V>(first + offset[i], width);
    }
  }

  CONVOLITH_INLINE void load(const float* from) {
    CONVOLITH_UNROLL
    for (int i = 0; i < loads; ++i)
      in[i] = Inner ? V::load(from + offset[i]) : V::load_range(from + offset[i], inside[i]);
    if constexpr (S == 2) {
      CONVOLITH_UNROLL
      for (int v = 0; v < NV; ++v) {
        even[v] = V::evens(in[2 * v], in[2 * v + 1]);
        odd[v] = V::odds(in[2 * v], in[2 * v + 1]);
      }
      // Of the last one, only the first lane's even column is met by three taps: it lies where it belongs.
      even[NV] = K == 3 ? in[2 * NV] : V::evens(in[2 * NV], in[2 * NV]);
      odd[NV] = K == 3 ? in[2 * NV] : V::odds(in[2 * NV], in[2 * NV]);
    }
  }

  /** Vector `v` of the columns that tap `k` meets. */
  CONVOLITH_INLINE Reg tap(int k, int v) const {
    if constexpr (!Near) {
      return in[k * NV + v];
    } else if constexpr (S == 1) {
      const int i = v + k / V::lanes;
      return shifted<V>(in[i], in[i + 1 < loads ? i + 1 : i], k % V::lanes);
    } else {
      return k % 2 == 0 ? shifted<V>(even[v], even[v + 1], k / 2) : shifted<V>(odd[v], odd[v + 1], k / 2);
    }
  }
};

/** The epilogue on NV vectors of a row, of which `count` lanes exist (Whole: all), and their store. */
template <class V, int NV, bool Clips, bool Whole>
CONVOLITH_INLINE void store_columns(const Epilogue& e, const float* residual, float* out,
                                    typename V::Reg (&sum)[NV], int count) {
  if (residual != nullptr) {
    CONVOLITH_UNROLL
    for (int v = 0; v < NV; ++v) {
      const float* from = residual + v * V::lanes;
      sum[v] = V::add(sum[v], Whole ? V::load(from) : V::load_n(from, lanes_of<V>(count, v)));
    }
  }
  if constexpr (Clips) {
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
    float* to = out + v * V::lanes;
    if (Whole) {
      V::store(to, sum[v]);
    } else {
      V::store_n(to, sum[v], lanes_of<V>(count, v));
    }
  }
}

/** NV vectors of columns from `x`, on every output row that is `phase` modulo the dilation. */
template <class V, int K, int S, int NV, bool Near, bool Inner, bool Clips>
CONVOLITH_INLINE void plane_columns(const DepthwisePlane& t, Index x, Index phase) {
  using Reg = typename V::Reg;
  constexpr int flight = (K + S - 1) / S;  // rows of outputs that an input row reaches
  constexpr bool held = K <= 3;
  const float* const weight = t.weight;
  Reg w[held ? K * K : 1];
  if constexpr (held) {
    CONVOLITH_UNROLL
    for (int k = 0; k < K * K; ++k) w[k] = V::set(weight[k]);
  }
  const Epilogue& epilogue = *t.epilogue;
  const Reg bias = V::set(epilogue.bias[0]);
  const Index first = t.first_x + x * S;
  PlaneRow<V, K, S, NV, Near, Inner> row;
  row.place(first, t.width, t.dilation_x);
  const Index left = t.outputs_x - x;
  const int count = left < NV * V::lanes ? static_cast<int>(left) : NV * V::lanes;
  // At `newest` the sums are those of output rows newest - flight + 1 to newest, oldest first.
  Reg sum[flight][NV];
  CONVOLITH_UNROLL
  for (int a = 0; a < flight; ++a) {
    CONVOLITH_UNROLL
    for (int v = 0; v < NV; ++v) sum[a][v] = bias;
  }
  const Index end = (t.outputs_y - phase + t.dilation_y - 1) / t.dilation_y + flight - 1;
  const auto height = static_cast<std::size_t>(t.height);
  auto y = static_cast<std::size_t>(t.first_y + phase);  // beyond the height where it is negative
  const auto dilation_y = static_cast<std::size_t>(t.dilation_y);
  const Index in_step = t.dilation_y * t.width;
  const Index out_step = t.dilation_y * t.outputs_x;
  const float* from = t.input + (t.first_y + phase) * t.width + first;
  Index at = phase * t.outputs_x + x - (flight - 1) * out_step;
  CONVOLITH_NO_UNROLL
  for (Index newest = 0; newest < end; ++newest, at += out_step) {
    CONVOLITH_UNROLL
    for (int s = 0; s < S; ++s, y += dilation_y, from += in_step) {
      if (y >= height) continue;
      row.load(from);
      CONVOLITH_UNROLL
      for (int k = 0; k < K; ++k) {
        CONVOLITH_UNROLL
        for (int v = 0; v < NV; ++v) {
          const Reg value = row.tap(k, v);
          CONVOLITH_UNROLL
          for (int a = 0; a < flight; ++a) {
            const int ky = s + (flight - 1 - a) * S;
            if (ky >= K) continue;
            const int tap = ky * K + k;
            sum[a][v] = V::fma(value, held ? w[held ? tap : 0] : V::set(weight[tap]), sum[a][v]);
          }
        }
      }
    }
    if (newest >= flight - 1) {
      const float* residual = t.residual == nullptr ? nullptr : t.residual + at;
      if (Inner || count == NV * V::lanes) {
        store_columns<V, NV, Clips, true>(epilogue, residual, t.out + at, sum[0], count);
      } else {
        store_columns<V, NV, Clips, false>(epilogue, residual, t.out + at, sum[0], count);
      }
    }
    CONVOLITH_UNROLL
    for (int v = 0; v < NV; ++v) {
      CONVOLITH_UNROLL
      for (int a = 0; a + 1 < flight; ++a) sum[a][v] = sum[a + 1][v];
      sum[flight - 1][v] = bias;
    }
  }
}

/** One vector of columns is a whole narrow plane with its padding, or what is left of a wide one: it does
 * without code for the inside of a plane. */
template <class V, int K, int S, int NV, bool Near>
CONVOLITH_INLINE void plane_strip(const DepthwisePlane& t, Index x) {
  using Row = PlaneRow<V, K, S, NV, Near, true>;
  const Index first = t.first_x + x * S;
  const Index reach = Near ? Row::loads * V::lanes : (K - 1) * t.dilation_x + NV * V::lanes;
  const bool inner = NV > 1 && first >= 0 && first + reach <= t.width && x + NV * V::lanes <= t.outputs_x;
  for (Index phase = 0; phase < t.dilation_y && phase < t.outputs_y; ++phase) {
    if (inner) {
      plane_columns<V, K, S, NV, Near, (NV > 1), true>(t, x, phase);
    } else {
      plane_columns<V, K, S, NV, Near, false, true>(t, x, phase);
    }
  }
}

/** The last strip is moved back over its neighbour, so that nearly all are stored whole. */
template <class V, int K, int S, int NV, bool Near>
CONVOLITH_INLINE Index next_strip(const DepthwisePlane& t, Index x) {
  const Index back = t.outputs_x - NV * V::lanes;
  plane_strip<V, K, S, NV, Near>(t, back >= 0 && x > back ? back : x);
  return x + NV * V::lanes;
}

template <class V, int K, int S, int NV, bool Near>
CONVOLITH_INLINE void clipped_plane(const DepthwisePlane& t) {
  const Index whole = V::masks_stores ? NV : t.outputs_x / V::lanes;
  Index x = 0;
  while (x < t.outputs_x) {
    const Index vectors = (t.outputs_x - x + V::lanes - 1) / V::lanes;
    if (vectors == 1 || whole < 2) {
      x = next_strip<V, K, S, 1, Near>(t, x);
    } else if (NV > 2 && whole >= NV && (vectors == NV || vectors > NV + 1)) {
      x = next_strip<V, K, S, NV, Near>(t, x);
    } else {
      x = next_strip<V, K, S, 2, Near>(t, x);
    }
  }
}

/** Activations other than `clip`: always two vectors of columns. */
template <class V, int K, int S, bool Near>
CONVOLITH_INLINE void activated_plane(const DepthwisePlane& t) {
  for (Index x = 0; x < t.outputs_x; x += 2 * V::lanes) {
    for (Index phase = 0; phase < t.dilation_y && phase < t.outputs_y; ++phase)
      plane_columns<V, K, S, 2, Near, false, false>(t, x, phase);
  }
}

/** Contract: DepthwisePlane; NV vectors of columns at the most. */
template <class V, int K, int S, int NV>
void depthwise_plane(const DepthwisePlane& t) {
  const bool clips = t.epilogue->op == ActivationOp::clip;
  if constexpr (kPlaneDilates<K, S>) {
    if (t.dilation_x != 1) {
      return clips ? clipped_plane<V, K, S, NV, false>(t) : activated_plane<V, K, S, false>(t);
    }
  }
  clips ? clipped_plane<V, K, S, NV, true>(t) : activated_plane<V, K, S, true>(t);
}

}  // namespace convolith
