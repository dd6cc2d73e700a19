#pragma once

#include <arm_neon.h>

#include "base/region.h"

namespace convolith::neon {

/** Four lanes of float, AArch64's baseline. */
struct Vec {
  using Reg = float32x4_t;
  using Lanes = uint8x16_t;
  /** Lanes from one to another, exclusive. */
  struct Range {
    int begin, end;
  };
  static constexpr int lanes = 4;
  static constexpr bool wants_alignment = false;
  /** Whether Winograd's transforms of eight products and more along an axis are unrolled. */
  static constexpr bool unrolls_large_tiles = false;
  /** Whether a store of some lanes takes no longer than that of all. */
  static constexpr bool masks_stores = false;

  static CONVOLITH_INLINE Reg zero() { return vdupq_n_f32(0.0F); }
  static CONVOLITH_INLINE Reg set(float value) { return vdupq_n_f32(value); }
  static CONVOLITH_INLINE Reg load(const float* p) { return vld1q_f32(p); }
  /** A loaded vector stays in a register for all its uses. */
  static CONVOLITH_INLINE void keep(Reg& v) { CONVOLITH_IN_REGISTER("w", v); }
  /** What computes `v` stays where the source has it. */
  static CONVOLITH_INLINE void order(Reg& v) { CONVOLITH_IN_ORDER("w", v); }
  static CONVOLITH_INLINE void store(float* p, Reg v) { vst1q_f32(p, v); }
  /** The first `count` lanes, 0 to 4; the others are 0 and their memory is not touched. */
  static CONVOLITH_INLINE Reg load_n(const float* p, int count) {
    float lane[lanes] = {0.0F, 0.0F, 0.0F, 0.0F};
    for (int i = 0; i < count; ++i) lane[i] = p[i];
    return vld1q_f32(lane);
  }
  static CONVOLITH_INLINE Range between(int begin, int end) { return {begin, end}; }
  /** The lanes of `range`; the others are 0 and their memory is not touched. */
  static CONVOLITH_INLINE Reg load_range(const float* p, Range range) {
    if (range.begin == 0 && range.end == lanes) return load(p);
    float lane[lanes] = {0.0F, 0.0F, 0.0F, 0.0F};
    for (int i = range.begin; i < range.end; ++i) lane[i] = p[i];
    return vld1q_f32(lane);
  }
  static CONVOLITH_INLINE void store_n(float* p, Reg v, int count) {
    float lane[lanes];
    vst1q_f32(lane, v);
    for (int i = 0; i < count; ++i) p[i] = lane[i];
  }

  static CONVOLITH_INLINE Reg add(Reg a, Reg b) { return vaddq_f32(a, b); }
  static CONVOLITH_INLINE Reg sub(Reg a, Reg b) { return vsubq_f32(a, b); }
  static CONVOLITH_INLINE Reg mul(Reg a, Reg b) { return vmulq_f32(a, b); }
  static CONVOLITH_INLINE Reg div(Reg a, Reg b) { return vdivq_f32(a, b); }
  /** a * b + c, rounded once. */
  static CONVOLITH_INLINE Reg fma(Reg a, Reg b, Reg c) { return vfmaq_f32(c, a, b); }
  /** sum += a * b, rounded once. */
  static CONVOLITH_INLINE void accumulate(Reg& sum, Reg a, Reg b) { sum = fma(a, b, sum); }
  /** FMAX and FMIN return NaN where either is, so NaN passes. */
  static CONVOLITH_INLINE Reg at_least(Reg bound, Reg value) { return vmaxq_f32(bound, value); }
  static CONVOLITH_INLINE Reg at_most(Reg bound, Reg value) { return vminq_f32(bound, value); }
  static CONVOLITH_INLINE Reg abs(Reg v) { return vabsq_f32(v); }
  static CONVOLITH_INLINE Reg sqrt(Reg v) { return vsqrtq_f32(v); }
  /** Of both the larger, NaN where either is, +0 above -0: FMAX as it stands. */
  static CONVOLITH_INLINE Reg maximum(Reg a, Reg b) { return vmaxq_f32(a, b); }
  static CONVOLITH_INLINE Reg minimum(Reg a, Reg b) { return vminq_f32(a, b); }
  /** To the nearest integer, ties to even. */
  static CONVOLITH_INLINE Reg round(Reg v) { return vrndnq_f32(v); }
  /** 2^n of integral lanes in [-126, 127]. */
  static CONVOLITH_INLINE Reg exp2_integral(Reg n) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23));
  }
  /** a < 0 ? yes : no, lane by lane; NaN counts as not below. */
  static CONVOLITH_INLINE Reg if_negative(Reg a, Reg yes, Reg no) {
    return vbslq_f32(vcltzq_f32(a), yes, no);
  }
  /** a < b ? yes : no, lane by lane; false where either is NaN. */
  static CONVOLITH_INLINE Reg if_less(Reg a, Reg b, Reg yes, Reg no) {
    return vbslq_f32(vcltq_f32(a, b), yes, no);
  }
  /** Plain stores: these cores find streams by themselves. */
  static CONVOLITH_INLINE void stream(float* p, Reg v) { store(p, v); }
  static CONVOLITH_INLINE void fence() {}

  /** Which lane each lane takes, as the bytes of each: `lanes` numbers. */
  static CONVOLITH_INLINE Lanes load_lanes(const std::int32_t* p) {
    const uint32x4_t lane = vreinterpretq_u32_s32(vld1q_s32(p));
    return vreinterpretq_u8_u32(vmlaq_n_u32(vdupq_n_u32(0x03020100U), lane, 0x04040404U));
  }
  static CONVOLITH_INLINE Reg permute(Reg v, Lanes from) {
    return vreinterpretq_f32_u8(vqtbl1q_u8(vreinterpretq_u8_f32(v), from));
  }

  /** The lanes of `a` from the N-th on, then the first N of `b`. */
  template <int N>
  static CONVOLITH_INLINE Reg shift(Reg a, Reg b) {
    return vextq_f32(a, b, N);
  }
  /** The even lanes of `a`, then those of `b`; and the odd ones. */
  static CONVOLITH_INLINE Reg evens(Reg a, Reg b) { return vuzp1q_f32(a, b); }
  static CONVOLITH_INLINE Reg odds(Reg a, Reg b) { return vuzp2q_f32(a, b); }

  /** Lane i of row j becomes lane j of row i. */
  static CONVOLITH_INLINE void transpose(Reg r[lanes]) {
    const float32x4x2_t even = vtrnq_f32(r[0], r[1]);
    const float32x4x2_t odd = vtrnq_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(even.val[0]), vget_low_f32(odd.val[0]));
    r[1] = vcombine_f32(vget_low_f32(even.val[1]), vget_low_f32(odd.val[1]));
    r[2] = vcombine_f32(vget_high_f32(even.val[0]), vget_high_f32(odd.val[0]));
    r[3] = vcombine_f32(vget_high_f32(even.val[1]), vget_high_f32(odd.val[1]));
  }
};

}  // namespace convolith::neon
