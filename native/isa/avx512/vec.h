#pragma once

#include <immintrin.h>

#include "base/region.h"

namespace convolith::avx512 {

/** Sixteen lanes of float. Inside the avx512 region only. */
struct Vec {
  using Reg = __m512;
  using Lanes = __m512i;
  /** Lanes from one to another, exclusive. */
  using Range = __mmask16;
  static constexpr int lanes = 16;
  /** A vector is a cache line: one that is not aligned costs two accesses. */
  static constexpr bool wants_alignment = true;
  /** Whether Winograd's transforms of eight products and more along an axis are unrolled. */
  static constexpr bool unrolls_large_tiles = true;
  /** Whether a store of some lanes takes no longer than that of all. */
  static constexpr bool masks_stores = true;

  static CONVOLITH_INLINE __mmask16 first(int count) { return static_cast<__mmask16>((1U << count) - 1U); }

  static CONVOLITH_INLINE Reg zero() { return _mm512_setzero_ps(); }
  static CONVOLITH_INLINE Reg set(float value) { return _mm512_set1_ps(value); }
  static CONVOLITH_INLINE Reg load(const float* p) { return _mm512_loadu_ps(p); }
  /** A loaded vector stays in a register for all its uses. */
  static CONVOLITH_INLINE void keep(Reg& v) { CONVOLITH_IN_REGISTER("v", v); }
  /** What computes `v` stays where the source has it. */
  static CONVOLITH_INLINE void order(Reg& v) { CONVOLITH_IN_ORDER("v", v); }
  static CONVOLITH_INLINE void store(float* p, Reg v) { _mm512_storeu_ps(p, v); }
  /** The first `count` lanes, 0 to 16; the others are 0 and their memory is not touched. */
  static CONVOLITH_INLINE Reg load_n(const float* p, int count) {
    return _mm512_maskz_loadu_ps(first(count), p);
  }
  static CONVOLITH_INLINE Range between(int begin, int end) {
    return static_cast<__mmask16>(first(end) & ~first(begin));
  }
  /** The lanes of `range`; the others are 0 and their memory is not touched. */
  static CONVOLITH_INLINE Reg load_range(const float* p, Range range) {
    return _mm512_maskz_loadu_ps(range, p);
  }
  static CONVOLITH_INLINE void store_n(float* p, Reg v, int count) {
    _mm512_mask_storeu_ps(p, first(count), v);
  }
  static CONVOLITH_INLINE void store_range(float* p, Reg v, Range range) {
    _mm512_mask_storeu_ps(p, range, v);
  }
  /** The first `count` lanes from `low`, the others from their places after `high`. */
  static CONVOLITH_INLINE Reg load_wrap(const float* low, const float* high, int count) {
    const __mmask16 lows = first(count);
    return _mm512_mask_loadu_ps(_mm512_maskz_loadu_ps(static_cast<__mmask16>(~lows), high), lows, low);
  }
  static CONVOLITH_INLINE void store_wrap(float* low, float* high, Reg v, int count) {
    const __mmask16 lows = first(count);
    _mm512_mask_storeu_ps(low, lows, v);
    _mm512_mask_storeu_ps(high, static_cast<__mmask16>(~lows), v);
  }

  static CONVOLITH_INLINE Reg add(Reg a, Reg b) { return _mm512_add_ps(a, b); }
  static CONVOLITH_INLINE Reg sub(Reg a, Reg b) { return _mm512_sub_ps(a, b); }
  static CONVOLITH_INLINE Reg mul(Reg a, Reg b) { return _mm512_mul_ps(a, b); }
  static CONVOLITH_INLINE Reg div(Reg a, Reg b) { return _mm512_div_ps(a, b); }
  /** a * b + c, rounded once. */
  static CONVOLITH_INLINE Reg fma(Reg a, Reg b, Reg c) { return _mm512_fmadd_ps(a, b, c); }
  /** sum += a * b, rounded once. */
  static CONVOLITH_INLINE void accumulate(Reg& sum, Reg a, Reg b) { sum = fma(a, b, sum); }
  /** The bound first: where the value is NaN the instruction returns its second operand, so NaN passes. */
  static CONVOLITH_INLINE Reg at_least(Reg bound, Reg value) { return _mm512_max_ps(bound, value); }
  static CONVOLITH_INLINE Reg at_most(Reg bound, Reg value) { return _mm512_min_ps(bound, value); }
  static CONVOLITH_INLINE Reg abs(Reg v) { return _mm512_abs_ps(v); }
  static CONVOLITH_INLINE Reg sqrt(Reg v) { return _mm512_sqrt_ps(v); }
  /** Of both the larger, NaN where either is, +0 above -0. The instruction returns its second operand for NaN
   * and for equal ones: both orders agree but for the sign of zeros, which `and` settles. */
  static CONVOLITH_INLINE Reg maximum(Reg a, Reg b) {
    const Reg larger = _mm512_and_ps(_mm512_max_ps(a, b), _mm512_max_ps(b, a));
    return _mm512_mask_add_ps(larger, _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q), a, b);
  }
  static CONVOLITH_INLINE Reg minimum(Reg a, Reg b) {
    const Reg smaller = _mm512_or_ps(_mm512_min_ps(a, b), _mm512_min_ps(b, a));
    return _mm512_mask_add_ps(smaller, _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q), a, b);
  }
  /** To the nearest integer, ties to even. */
  static CONVOLITH_INLINE Reg round(Reg v) {
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  /** 2^n of integral lanes in [-126, 127]. */
  static CONVOLITH_INLINE Reg exp2_integral(Reg n) {
    const __m512i biased = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(biased, 23));
  }
  /** a < 0 ? yes : no, lane by lane; NaN counts as not below. */
  static CONVOLITH_INLINE Reg if_negative(Reg a, Reg yes, Reg no) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_LT_OQ), no, yes);
  }
  /** a < b ? yes : no, lane by lane; false where either is NaN. */
  static CONVOLITH_INLINE Reg if_less(Reg a, Reg b, Reg yes, Reg no) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
  }
  /** To a vector's own alignment and past the caches; `fence` comes after the last. */
  static CONVOLITH_INLINE void stream(float* p, Reg v) { _mm512_stream_ps(p, v); }
  static CONVOLITH_INLINE void fence() { _mm_sfence(); }

  /** Which lane each lane takes: `lanes` numbers. */
  static CONVOLITH_INLINE Lanes load_lanes(const std::int32_t* p) { return _mm512_loadu_si512(p); }
  static CONVOLITH_INLINE Reg permute(Reg v, Lanes from) { return _mm512_permutexvar_ps(from, v); }

  /** The lanes of `a` from the N-th on, then the first N of `b`. */
  template <int N>
  static CONVOLITH_INLINE Reg shift(Reg a, Reg b) {
    return _mm512_castsi512_ps(_mm512_alignr_epi32(_mm512_castps_si512(b), _mm512_castps_si512(a), N));
  }
  /** The even lanes of `a`, then those of `b`; and the odd ones. */
  static CONVOLITH_INLINE Reg evens(Reg a, Reg b) {
    const Lanes from = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(a, from, b);
  }
  static CONVOLITH_INLINE Reg odds(Reg a, Reg b) {
    const Lanes from = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return _mm512_permutex2var_ps(a, from, b);
  }

  /**
   * Lane i of row j becomes lane j of row i. Four rows at a time, in place, and in this order: clang
   * otherwise begins all sixteen, for which there are not enough registers, and keeps half of them on the
   * stack.
   */
  static CONVOLITH_INLINE void transpose(Reg r[lanes]) {
    for (int i = 0; i < 16; i += 4) {
      const Reg a = _mm512_unpacklo_ps(r[i], r[i + 1]);
      const Reg b = _mm512_unpackhi_ps(r[i], r[i + 1]);
      const Reg c = _mm512_unpacklo_ps(r[i + 2], r[i + 3]);
      const Reg d = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);
      r[i] = _mm512_shuffle_ps(a, c, 0x44);
      r[i + 1] = _mm512_shuffle_ps(a, c, 0xEE);
      r[i + 2] = _mm512_shuffle_ps(b, d, 0x44);
      r[i + 3] = _mm512_shuffle_ps(b, d, 0xEE);
      for (int j = i; j < i + 4; ++j) order(r[j]);
    }
    for (int i = 0; i < 4; ++i) {
      const Reg a = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
      const Reg b = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xDD);
      const Reg c = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
      const Reg d = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xDD);
      r[i] = _mm512_shuffle_f32x4(a, c, 0x88);
      r[i + 8] = _mm512_shuffle_f32x4(a, c, 0xDD);
      r[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
      r[i + 12] = _mm512_shuffle_f32x4(b, d, 0xDD);
      for (int j = i; j < 16; j += 4) order(r[j]);
    }
  }
};

}  // namespace convolith::avx512
