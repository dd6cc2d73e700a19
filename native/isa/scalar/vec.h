#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "base/region.h"

namespace convolith::scalar {

/** Four lanes in plain C++, for any CPU; compilers turn them into its baseline's vectors where it has any. */
struct Vec {
  static constexpr int lanes = 4;
  static constexpr bool wants_alignment = false;
  /** Whether Winograd's transforms of eight products and more along an axis are unrolled. */
  static constexpr bool unrolls_large_tiles = false;
  /** Whether a store of some lanes takes no longer than that of all. */
  static constexpr bool masks_stores = false;
  struct Reg {
    float lane[lanes];
  };

  struct Lanes {
    int lane[lanes];
  };
  /** Lanes from one to another, exclusive. */
  struct Range {
    int begin, end;
  };

  template <class Op>
  static CONVOLITH_INLINE Reg each(Op op) {
    Reg r;
    for (int i = 0; i < lanes; ++i) r.lane[i] = op(i);
    return r;
  }

  static CONVOLITH_INLINE Reg zero() { return set(0.0F); }
  static CONVOLITH_INLINE Reg set(float value) {
    return each([&](int) { return value; });
  }
  static CONVOLITH_INLINE Reg load(const float* p) {
    return each([&](int i) { return p[i]; });
  }
  static CONVOLITH_INLINE void keep(Reg&) {}
  static CONVOLITH_INLINE void order(Reg&) {}
  static CONVOLITH_INLINE void store(float* p, Reg v) { store_n(p, v, lanes); }
  /** The first `count` lanes, 0 to 4; the others are 0 and their memory is not touched. */
  static CONVOLITH_INLINE Reg load_n(const float* p, int count) {
    return each([&](int i) { return i < count ? p[i] : 0.0F; });
  }
  static CONVOLITH_INLINE Range between(int begin, int end) { return {begin, end}; }
  /** The lanes of `range`; the others are 0 and their memory is not touched. */
  static CONVOLITH_INLINE Reg load_range(const float* p, Range range) {
    return each([&](int i) { return i >= range.begin && i < range.end ? p[i] : 0.0F; });
  }
  static CONVOLITH_INLINE void store_n(float* p, Reg v, int count) {
    for (int i = 0; i < count; ++i) p[i] = v.lane[i];
  }

  static CONVOLITH_INLINE Reg add(Reg a, Reg b) {
    return each([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static CONVOLITH_INLINE Reg sub(Reg a, Reg b) {
    return each([&](int i) { return a.lane[i] - b.lane[i]; });
  }
  static CONVOLITH_INLINE Reg mul(Reg a, Reg b) {
    return each([&](int i) { return a.lane[i] * b.lane[i]; });
  }
  static CONVOLITH_INLINE Reg div(Reg a, Reg b) {
    return each([&](int i) { return a.lane[i] / b.lane[i]; });
  }
  /** a * b + c; rounded twice, since a baseline CPU has no fused instruction and a library call would cost 20
   * times. */
  static CONVOLITH_INLINE Reg fma(Reg a, Reg b, Reg c) {
    return each([&](int i) { return a.lane[i] * b.lane[i] + c.lane[i]; });
  }
  /** sum += a * b, rounded once. */
  static CONVOLITH_INLINE void accumulate(Reg& sum, Reg a, Reg b) { sum = fma(a, b, sum); }
  /** NaN fails the comparison and passes. */
  static CONVOLITH_INLINE Reg at_least(Reg bound, Reg value) {
    return each([&](int i) { return value.lane[i] < bound.lane[i] ? bound.lane[i] : value.lane[i]; });
  }
  static CONVOLITH_INLINE Reg at_most(Reg bound, Reg value) {
    return each([&](int i) { return value.lane[i] > bound.lane[i] ? bound.lane[i] : value.lane[i]; });
  }
  static CONVOLITH_INLINE Reg abs(Reg v) {
    return each([&](int i) { return std::fabs(v.lane[i]); });
  }
  static CONVOLITH_INLINE Reg sqrt(Reg v) {
    return each([&](int i) { return std::sqrt(v.lane[i]); });
  }
  /** Of both the larger, NaN where either is, +0 above -0: a sum of equals has the sign of +0 unless both are
   * negative, and a sum with NaN is NaN. */
  static CONVOLITH_INLINE Reg maximum(Reg a, Reg b) {
    return each([&](int i) {
      const float x = a.lane[i], y = b.lane[i];
      return x < y ? y : y < x ? x : x == y && x != 0.0F ? x : x + y;
    });
  }
  static CONVOLITH_INLINE Reg minimum(Reg a, Reg b) {
    return each([&](int i) {
      const float x = a.lane[i], y = b.lane[i];
      return x < y ? x : y < x ? y : x == y && x != 0.0F ? x : -(-x - y);
    });
  }
  /** To the nearest integer, ties to even. */
  static CONVOLITH_INLINE Reg round(Reg v) {
    return each([&](int i) { return std::nearbyint(v.lane[i]); });
  }
  /** 2^n of integral lanes in [-126, 127]. */
  static CONVOLITH_INLINE Reg exp2_integral(Reg n) {
    return each(
        [&](int i) { return std::bit_cast<float>((static_cast<std::int32_t>(n.lane[i]) + 127) << 23); });
  }
  /** a < 0 ? yes : no, lane by lane; NaN counts as not below. */
  static CONVOLITH_INLINE Reg if_negative(Reg a, Reg yes, Reg no) {
    return each([&](int i) { return a.lane[i] < 0.0F ? yes.lane[i] : no.lane[i]; });
  }
  /** a < b ? yes : no, lane by lane; false where either is NaN. */
  static CONVOLITH_INLINE Reg if_less(Reg a, Reg b, Reg yes, Reg no) {
    return each([&](int i) { return a.lane[i] < b.lane[i] ? yes.lane[i] : no.lane[i]; });
  }
  /** Plain stores: a baseline CPU has no vector ones past the caches that every compiler knows. */
  static CONVOLITH_INLINE void stream(float* p, Reg v) { store(p, v); }
  static CONVOLITH_INLINE void fence() {}

  /** Which lane each lane takes: `lanes` numbers. */
  static CONVOLITH_INLINE Lanes load_lanes(const std::int32_t* p) {
    Lanes from;
    for (int i = 0; i < lanes; ++i) from.lane[i] = p[i];
    return from;
  }
  static CONVOLITH_INLINE Reg permute(Reg v, Lanes from) {
    return each([&](int i) { return v.lane[from.lane[i]]; });
  }

  /** The lanes of `a` from the N-th on, then the first N of `b`. */
  template <int N>
  static CONVOLITH_INLINE Reg shift(Reg a, Reg b) {
    return each([&](int i) { return i + N < lanes ? a.lane[i + N] : b.lane[i + N - lanes]; });
  }
  /** The even lanes of `a`, then those of `b`; and the odd ones. */
  static CONVOLITH_INLINE Reg evens(Reg a, Reg b) {
    return each([&](int i) { return i < lanes / 2 ? a.lane[2 * i] : b.lane[2 * i - lanes]; });
  }
  static CONVOLITH_INLINE Reg odds(Reg a, Reg b) {
    return each([&](int i) { return i < lanes / 2 ? a.lane[2 * i + 1] : b.lane[2 * i + 1 - lanes]; });
  }

  /** Lane i of row j becomes lane j of row i. */
  static CONVOLITH_INLINE void transpose(Reg r[lanes]) {
    for (int i = 0; i < lanes; ++i) {
      for (int j = i + 1; j < lanes; ++j) {
        const float kept = r[i].lane[j];
        r[i].lane[j] = r[j].lane[i];
        r[j].lane[i] = kept;
      }
    }
  }
};

}  // namespace convolith::scalar
