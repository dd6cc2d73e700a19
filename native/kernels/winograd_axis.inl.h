#pragma once

#include "base/region.h"
#include "kernels/winograd.h"

namespace convolith {

// Bᵀ and Aᵀ of each kind of axis, on vectors. `input` makes `products` of as many inputs, `output<M>` makes M
// outputs of the products.

template <class V>
struct WinogradDirect {
  using Reg = typename V::Reg;
  static constexpr int products = 1;

  static CONVOLITH_INLINE void input(const Reg* d, Reg* r) { r[0] = d[0]; }
  template <int M>
  static CONVOLITH_INLINE void output(const Reg* m, Reg* r) {
    r[0] = m[0];
  }
};

template <class V>
struct WinogradFour {
  using Reg = typename V::Reg;
  static constexpr int products = 4;

  static CONVOLITH_INLINE void input(const Reg* d, Reg* r) {
    r[0] = V::sub(d[2], d[0]);
    r[1] = V::add(d[2], d[1]);
    r[2] = V::sub(d[2], d[1]);
    r[3] = V::sub(d[3], d[1]);
  }
  template <int M>
  static CONVOLITH_INLINE void output(const Reg* m, Reg* r) {
    const Reg even = V::add(m[1], m[2]);
    r[0] = V::add(m[0], even);
    r[1] = V::sub(m[1], m[2]);
    if constexpr (M > 2) r[2] = even;
    r[M - 1] = V::add(r[M - 1], m[3]);
  }
};

template <class V>
struct WinogradFive {
  using Reg = typename V::Reg;
  static constexpr int products = 5;

  static CONVOLITH_INLINE void input(const Reg* d, Reg* r) {
    const Reg two = V::set(2.0F);
    const Reg minus_two = V::set(-2.0F);
    const Reg odd = V::sub(d[3], d[1]);
    r[0] = V::fma(two, V::sub(d[0], d[2]), odd);
    r[1] = V::fma(minus_two, d[1], V::sub(d[3], d[2]));
    r[2] = V::fma(two, d[1], V::fma(V::set(-3.0F), d[2], d[3]));
    r[3] = odd;
    r[4] = V::fma(minus_two, odd, V::sub(d[4], d[2]));
  }
  template <int M>
  static CONVOLITH_INLINE void output(const Reg* m, Reg* r) {
    const Reg even = V::add(m[1], m[2]);
    const Reg odd = V::sub(m[1], m[2]);
    r[0] = V::add(V::add(m[0], even), m[3]);
    r[1] = V::fma(V::set(2.0F), m[3], odd);
    if constexpr (M > 2) r[2] = V::fma(V::set(4.0F), m[3], even);
    if constexpr (M > 3) r[3] = V::fma(V::set(8.0F), m[3], odd);
    r[M - 1] = V::add(r[M - 1], m[4]);
  }
};

template <class V>
struct WinogradSix {
  using Reg = typename V::Reg;
  static constexpr int products = 6;

  static CONVOLITH_INLINE void input(const Reg* d, Reg* r) {
    const Reg two = V::set(2.0F);
    const Reg four = V::set(4.0F);
    const Reg minus_two = V::set(-2.0F);
    const Reg minus_four = V::set(-4.0F);
    const Reg minus_five = V::set(-5.0F);
    const Reg even = V::fma(minus_four, d[2], d[4]);
    const Reg odd = V::fma(minus_four, d[1], d[3]);
    const Reg near_even = V::sub(d[4], d[2]);
    const Reg near_odd = V::sub(d[3], d[1]);
    r[0] = V::fma(four, d[0], V::fma(minus_five, d[2], d[4]));
    r[1] = V::add(even, odd);
    r[2] = V::sub(even, odd);
    r[3] = V::fma(two, near_odd, near_even);
    r[4] = V::fma(minus_two, near_odd, near_even);
    r[5] = V::fma(four, d[1], V::fma(minus_five, d[3], d[5]));
  }
  template <int M>
  static CONVOLITH_INLINE void output(const Reg* m, Reg* r) {
    const Reg near_even = V::add(m[1], m[2]);
    const Reg near_odd = V::sub(m[1], m[2]);
    const Reg far_even = V::add(m[3], m[4]);
    const Reg far_odd = V::sub(m[3], m[4]);
    r[0] = V::add(V::add(m[0], near_even), far_even);
    r[1] = V::fma(V::set(2.0F), far_odd, near_odd);
    if constexpr (M > 2) r[2] = V::fma(V::set(4.0F), far_even, near_even);
    if constexpr (M > 3) r[3] = V::fma(V::set(8.0F), far_odd, near_odd);
    if constexpr (M > 4) r[4] = V::fma(V::set(16.0F), far_even, near_even);
    r[M - 1] = V::add(r[M - 1], m[5]);
  }
};

template <class V>
struct WinogradEight {
  using Reg = typename V::Reg;
  static constexpr int products = 8;

  static CONVOLITH_INLINE void input(const Reg* d, Reg* r) {
    const auto pair = [](Reg even, Reg odd, float point, Reg* to) CONVOLITH_INLINE_LAMBDA {
      to[0] = V::fma(V::set(point), odd, even);
      to[1] = V::fma(V::set(-point), odd, even);
    };
    const Reg end = V::set(5.25F);
    r[0] = V::fma(end, V::sub(d[2], d[4]), V::sub(d[6], d[0]));
    r[7] = V::fma(end, V::sub(d[3], d[5]), V::sub(d[7], d[1]));
    const Reg one = V::set(-4.25F);
    const Reg even = V::fma(one, d[4], V::add(d[2], d[6]));
    const Reg odd = V::fma(one, d[3], V::add(d[1], d[5]));
    r[1] = V::add(even, odd);
    r[2] = V::sub(even, odd);
    const Reg quarter = V::set(0.25F);
    const Reg two = V::set(-1.25F);
    pair(V::fma(quarter, d[2], V::fma(two, d[4], d[6])), V::fma(quarter, d[1], V::fma(two, d[3], d[5])), 2.0F,
         r + 3);
    const Reg four = V::set(4.0F);
    const Reg half = V::set(-5.0F);
    pair(V::fma(four, d[2], V::fma(half, d[4], d[6])), V::fma(four, d[1], V::fma(half, d[3], d[5])), 0.5F,
         r + 5);
  }
  template <int M>
  static CONVOLITH_INLINE void output(const Reg* m, Reg* r) {
    const Reg even = V::add(m[1], m[2]);
    const Reg odd = V::sub(m[1], m[2]);
    const Reg far_even = V::add(m[3], m[4]);
    const Reg far_odd = V::sub(m[3], m[4]);
    const Reg near_even = V::add(m[5], m[6]);
    const Reg near_odd = V::sub(m[5], m[6]);
    r[0] = V::add(V::add(m[0], even), V::add(far_even, near_even));
    float far = 2.0F;
    CONVOLITH_UNROLL_TRANSFORM
    for (int i = 1; i < M; ++i, far *= 2.0F) {
      const bool odds = i % 2 != 0;
      const Reg near = V::fma(V::set(1.0F / far), odds ? near_odd : near_even, odds ? odd : even);
      r[i] = V::fma(V::set(far), odds ? far_odd : far_even, near);
    }
    r[M - 1] = V::add(r[M - 1], m[7]);
  }
};

template <class V>
struct WinogradStrided {
  using Reg = typename V::Reg;
  static constexpr int products = 9;

  static CONVOLITH_INLINE void input(const Reg* d, Reg* r) {
    const Reg even[5] = {d[0], d[2], d[4], d[6], d[8]};
    WinogradFive<V>::input(even, r);
    CONVOLITH_UNROLL_TRANSFORM
    for (int i = 0; i < 4; ++i) r[5 + i] = d[2 * i + 1];
  }
  template <int M>
  static CONVOLITH_INLINE void output(const Reg* m, Reg* r) {
    WinogradFive<V>::template output<M>(m, r);
    CONVOLITH_UNROLL_TRANSFORM
    for (int i = 0; i < M; ++i) r[i] = V::add(r[i], m[5 + i]);
  }
};

}  // namespace convolith
