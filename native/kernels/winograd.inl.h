#pragma once

#include "kernels/epilogue.inl.h"
#include "kernels/winograd.h"

namespace convolith {

/** Bᵀ of F(4, 3) on six vectors. */
template <class V>
CONVOLITH_INLINE void winograd_input_axis(const typename V::Reg (&d)[6], typename V::Reg (&r)[6]) {
  const auto two = V::set(2.0F);
  const auto four = V::set(4.0F);
  const auto five = V::set(5.0F);
  const auto even = V::sub(d[4], V::mul(four, d[2]));  // d4 - 4 d2
  const auto odd = V::sub(d[3], V::mul(four, d[1]));   // d3 - 4 d1
  const auto near_even = V::sub(d[4], d[2]);
  const auto near_odd = V::mul(two, V::sub(d[3], d[1]));
  r[0] = V::add(V::sub(V::mul(four, d[0]), V::mul(five, d[2])), d[4]);
  r[1] = V::add(even, odd);
  r[2] = V::sub(even, odd);
  r[3] = V::add(near_even, near_odd);
  r[4] = V::sub(near_even, near_odd);
  r[5] = V::add(V::sub(V::mul(four, d[1]), V::mul(five, d[3])), d[5]);
}

/** Aᵀ of F(4, 3) on six vectors. */
template <class V>
CONVOLITH_INLINE void winograd_output_axis(const typename V::Reg (&m)[6], typename V::Reg (&r)[4]) {
  const auto near_sum = V::add(m[1], m[2]);
  const auto near_difference = V::sub(m[1], m[2]);
  const auto far_sum = V::add(m[3], m[4]);
  const auto far_difference = V::sub(m[3], m[4]);
  r[0] = V::add(V::add(m[0], near_sum), far_sum);
  r[1] = V::fma(V::set(2.0F), far_difference, near_difference);
  r[2] = V::fma(V::set(4.0F), far_sum, near_sum);
  r[3] = V::add(V::fma(V::set(8.0F), far_difference, near_difference), m[5]);
}

/** Contract: WinogradInput, on the first `count` lanes of the vector of channels at `c`. */
template <class V>
CONVOLITH_INLINE void winograd_input_vector(const WinogradInput& t, Index c, int count) {
  using Reg = typename V::Reg;
  const bool whole = count == V::lanes;
  Reg half[6][6];
  CONVOLITH_UNROLL
  for (int j = 0; j < 6; ++j) {
    Reg d[6];
    CONVOLITH_UNROLL
    for (int i = 0; i < 6; ++i) {
      const float* from = t.pixels[i * 6 + j] + c;
      d[i] = whole ? V::load(from) : V::load_n(from, count);
    }
    Reg r[6];
    winograd_input_axis<V>(d, r);
    CONVOLITH_UNROLL
    for (int i = 0; i < 6; ++i) half[i][j] = r[i];
  }
  CONVOLITH_UNROLL
  for (int i = 0; i < 6; ++i) {
    Reg r[6];
    winograd_input_axis<V>(half[i], r);
    CONVOLITH_UNROLL
    for (int j = 0; j < 6; ++j) {
      float* to = t.out + (i * 6 + j) * t.point_stride + c;
      if (whole) {
        V::store(to, r[j]);
      } else {
        V::store_n(to, r[j], count);
      }
    }
  }
}

template <class V>
void winograd_input(const WinogradInput& t) {
  Index c = 0;
  for (; c + V::lanes <= t.channels; c += V::lanes) winograd_input_vector<V>(t, c, V::lanes);
  if (c < t.channels) winograd_input_vector<V>(t, c, static_cast<int>(t.channels - c));
}

/** The epilogue on one vector of columns at `j`, and its store. */
template <class V>
CONVOLITH_INLINE void winograd_store(const WinogradOutput& t, typename V::Reg v, Index at, int j) {
  const int count = t.columns - j < V::lanes ? t.columns - j : V::lanes;
  const Epilogue& e = *t.epilogue;
  v = V::add(v, V::load(e.bias + j));
  if (t.residual != nullptr) {
    const float* residual = t.residual + at + j;
    v = V::add(v, count == V::lanes ? V::load(residual) : V::load_n(residual, count));
  }
  if (e.op == ActivationOp::clip) {
    v = clip<V>(e, v);
  } else {
    alignas(64) float tile[V::lanes];
    V::store(tile, v);
    activate_tile<V>(e, tile, 1, 1, j);
    v = V::load(tile);
  }
  if (count == V::lanes) {
    V::store(t.out + at + j, v);
  } else {
    V::store_n(t.out + at + j, v, count);
  }
}

template <class V>
void winograd_output(const WinogradOutput& t) {
  using Reg = typename V::Reg;
  for (int c = 0; c < t.columns; c += V::lanes) {
    Reg half[4][6];
    CONVOLITH_UNROLL
    for (int j = 0; j < 6; ++j) {
      Reg m[6];
      CONVOLITH_UNROLL
      for (int i = 0; i < 6; ++i) m[i] = V::load(t.sums + (i * 6 + j) * t.point_stride + c);
      Reg r[4];
      winograd_output_axis<V>(m, r);
      CONVOLITH_UNROLL
      for (int i = 0; i < 4; ++i) half[i][j] = r[i];
    }
    CONVOLITH_UNROLL
    for (int i = 0; i < 4; ++i) {
      Reg r[4];
      winograd_output_axis<V>(half[i], r);
      CONVOLITH_UNROLL
      for (int j = 0; j < 4; ++j) {
        const Index at = t.out_offset[i * 4 + j];
        if (at >= 0) winograd_store<V>(t, r[j], at, c);
      }
    }
  }
}

}  // namespace convolith
