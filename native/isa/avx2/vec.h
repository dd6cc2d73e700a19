#pragma once

#include <immintrin.h>

#include "base/region.h"

namespace convolith::avx2 {

/** Eight lanes of float, with FMA. Inside the avx2 region only. */
struct Vec {
  using Reg = __m256;
  using Lanes = __m256i;
  /** Lanes from one to another, exclusive. */
  using Range = __m256i;
  static constexpr int lanes = 8;
  /** JavaScript's arrays begin 16 bytes after a cache line, and every second vector there would meet two:
   * depthwise 3×3 at 112x112 ran at 0.42 of the peak so and at 0.57 aligned. */
  static constexpr bool wants_alignment = true;
  /** Whether Winograd's transforms of eight products and more along an axis are unrolled. */
  static constexpr bool unrolls_large_tiles = false;
  /** Whether a store of some lanes takes no longer than that of all: some 20 cycles on AMD's cores. */
  static constexpr bool masks_stores = false;

  static CONVOLITH_INLINE __m256i first(int count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }

  static CONVOLITH_INLINE Reg zero() { return _mm256_setzero_ps(); }
  static CONVOLITH_INLINE Reg set(float value) { return _mm256_set1_ps(value); }
  static CONVOLITH_INLINE Reg load(const float* p) { return _mm256_loadu_ps(p); }
  /** A loaded vector stays in a register for all its uses. */
  static CONVOLITH_INLINE void keep(Reg& v) { CONVOLITH_IN_REGISTER("x", v); }
  /** What computes `v` stays where the source has it. */
  static CONVOLITH_INLINE void order(Reg& v) { CONVOLITH_IN_ORDER("x", v); }
  static CONVOLITH_INLINE void store(float* p, Reg v) { _mm256_storeu_ps(p, v); }
  /** The first `count` lanes, 0 to 8; the others are 0 and their memory is not touched. */
  static CONVOLITH_INLINE Reg load_n(const float* p, int count) {
    return _mm256_maskload_ps(p, first(count));
  }
  static CONVOLITH_INLINE Range between(int begin, int end) {
    return _mm256_andnot_si256(first(begin), first(end));
  }
  /** The lanes of `range`; the others are 0 and their memory is not touched. */
  static CONVOLITH_INLINE Reg load_range(const float* p, Range range) { return _mm256_maskload_ps(p, range); }
  static CONVOLITH_INLINE void store_n(float* p, Reg v, int count) {
    _mm256_maskstore_ps(p, first(count), v);
  }

  /** The first `count` lanes from `low`, the others from their places after `high`. Halves, as JavaScript's
   * arrays have them, by themselves: masked stores take some 20 cycles on AMD's cores. */
  static CONVOLITH_INLINE Reg load_wrap(const float* low, const float* high, int count) {
    if (count == 4) return _mm256_set_m128(_mm_loadu_ps(high + 4), _mm_loadu_ps(low));
    const Reg rest = _mm256_maskload_ps(high, _mm256_xor_si256(first(count), _mm256_set1_epi32(-1)));
    return _mm256_or_ps(_mm256_maskload_ps(low, first(count)), rest);
  }
  static CONVOLITH_INLINE void store_wrap(float* low, float* high, Reg v, int count) {
    if (count == 4) {
      _mm_storeu_ps(low, _mm256_castps256_ps128(v));
      _mm_storeu_ps(high + 4, _mm256_extractf128_ps(v, 1));
      return;
    }
    _mm256_maskstore_ps(low, first(count), v);
    _mm256_maskstore_ps(high, _mm256_xor_si256(first(count), _mm256_set1_epi32(-1)), v);
  }

  static CONVOLITH_INLINE Reg add(Reg a, Reg b) { return _mm256_add_ps(a, b); }
  static CONVOLITH_INLINE Reg sub(Reg a, Reg b) { return _mm256_sub_ps(a, b); }
  static CONVOLITH_INLINE Reg mul(Reg a, Reg b) { return _mm256_mul_ps(a, b); }
  static CONVOLITH_INLINE Reg div(Reg a, Reg b) { return _mm256_div_ps(a, b); }
  /** a * b + c, rounded once. */
  static CONVOLITH_INLINE Reg fma(Reg a, Reg b, Reg c) { return _mm256_fmadd_ps(a, b, c); }
  /** sum += a * b, rounded once, in its register and in the source's order. With 16 registers compilers do
   * otherwise keep sums on the stack: 1x1 layers took 1.07 times as long by GCC, whose 6x2 tiles lost one,
   * and up to 1.98 by clang, whose 4x3 tiles did. */
  static CONVOLITH_INLINE void accumulate(Reg& sum, Reg a, Reg b) {
#if defined(__GNUC__) && !defined(__clang__)
    asm("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
#else
    sum = fma(a, b, sum);
    order(sum);
#endif
  }
  /** The bound first: where the value is NaN the instruction returns its second operand, so NaN passes. */
  static CONVOLITH_INLINE Reg at_least(Reg bound, Reg value) { return _mm256_max_ps(bound, value); }
  static CONVOLITH_INLINE Reg at_most(Reg bound, Reg value) { return _mm256_min_ps(bound, value); }
  static CONVOLITH_INLINE Reg abs(Reg v) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), v); }
  static CONVOLITH_INLINE Reg sqrt(Reg v) { return _mm256_sqrt_ps(v); }
  /** Of both the larger, NaN where either is, +0 above -0. The instruction returns its second operand for NaN
   * and for equal ones: both orders agree but for the sign of zeros, which `and` settles. */
  static CONVOLITH_INLINE Reg maximum(Reg a, Reg b) {
    const Reg larger = _mm256_and_ps(_mm256_max_ps(a, b), _mm256_max_ps(b, a));
    return _mm256_blendv_ps(larger, _mm256_add_ps(a, b), _mm256_cmp_ps(a, b, _CMP_UNORD_Q));
  }
  static CONVOLITH_INLINE Reg minimum(Reg a, Reg b) {
    const Reg smaller = _mm256_or_ps(_mm256_min_ps(a, b), _mm256_min_ps(b, a));
    return _mm256_blendv_ps(smaller, _mm256_add_ps(a, b), _mm256_cmp_ps(a, b, _CMP_UNORD_Q));
  }
  /** To the nearest integer, ties to even. */
  static CONVOLITH_INLINE Reg round(Reg v) {
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  /** 2^n of integral lanes in [-126, 127]. */
  static CONVOLITH_INLINE Reg exp2_integral(Reg n) {
    const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
  }
  /** a < 0 ? yes : no, lane by lane; NaN counts as not below. */
  static CONVOLITH_INLINE Reg if_negative(Reg a, Reg yes, Reg no) {
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_LT_OQ));
  }
  /** a < b ? yes : no, lane by lane; false where either is NaN. */
  static CONVOLITH_INLINE Reg if_less(Reg a, Reg b, Reg yes, Reg no) {
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
  }
  /** To a vector's own alignment and past the caches; `fence` comes after the last. */
  static CONVOLITH_INLINE void stream(float* p, Reg v) { _mm256_stream_ps(p, v); }
  static CONVOLITH_INLINE void fence() { _mm_sfence(); }

  /** Which lane each lane takes: `lanes` numbers. */
  static CONVOLITH_INLINE Lanes load_lanes(const std::int32_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static CONVOLITH_INLINE Reg permute(Reg v, Lanes from) { return _mm256_permutevar8x32_ps(v, from); }

  /** The lanes of `a` from the N-th on, then the first N of `b`. */
  template <int N>
  static CONVOLITH_INLINE Reg shift(Reg a, Reg b) {
    const __m256i low = _mm256_castps_si256(a);
    const __m256i high = _mm256_castps_si256(b);
    const __m256i middle = _mm256_permute2x128_si256(low, high, 0x21);
    return _mm256_castsi256_ps(N < 4 ? _mm256_alignr_epi8(middle, low, N % 4 * 4)
                                     : _mm256_alignr_epi8(high, middle, N % 4 * 4));
  }
  /** The even lanes of `a`, then those of `b`; and the odd ones. */
  static CONVOLITH_INLINE Reg evens(Reg a, Reg b) { return by_pairs(_mm256_shuffle_ps(a, b, 0x88)); }
  static CONVOLITH_INLINE Reg odds(Reg a, Reg b) { return by_pairs(_mm256_shuffle_ps(a, b, 0xDD)); }
  static CONVOLITH_INLINE Reg by_pairs(Reg v) {
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), 0xD8));
  }

  /** Lane i of row j becomes lane j of row i. */
  static CONVOLITH_INLINE void transpose(Reg r[lanes]) {
    Reg t[8];
    for (int i = 0; i < 8; i += 2) {
      t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
      t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
      r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
      r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
      r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
      r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
    }
    for (int i = 0; i < 4; ++i) {
      t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
      t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    }
    for (int i = 0; i < 8; ++i) r[i] = t[i];
  }
};

}  // namespace convolith::avx2
