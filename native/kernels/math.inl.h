#pragma once

// Functions of one vector, written over the lane type V. Every function here is a template on V, so that the
// code of two instruction sets never shares a symbol.

#include "base/region.h"

namespace convolith {

template <class V>
struct Math {
  using Reg = typename V::Reg;

  /** What e^x and e^x - 1 share: x = n ln 2 + r, |r| <= ln 2 / 2, and e^r - 1. */
  struct Reduced {
    Reg scale;        // 2^n
    Reg exp_r_less1;  // e^r - 1
  };

  /** x - n ln 2: ln 2 in two parts, the first short enough for an exact product with n (Cody and Waite). */
  static CONVOLITH_INLINE Reg reduced(Reg n, Reg x) {
    const Reg r = V::fma(n, V::set(-0.693359375F), x);
    return V::fma(n, V::set(2.12194440054690583e-4F), r);
  }

  /** e^r - 1 = r + r² P(r), a Chebyshev fit of degree 5 on |r| <= 0.35, error under 2e-9. */
  static CONVOLITH_INLINE Reg exp_less1(Reg r) {
    Reg p = V::set(1.9900443834576886e-4F);
    p = V::fma(p, r, V::set(1.3934544521574943e-3F));
    p = V::fma(p, r, V::set(8.333297063808212e-3F));
    p = V::fma(p, r, V::set(4.166645677789786e-2F));
    p = V::fma(p, r, V::set(0.16666666722230108F));
    p = V::fma(p, r, V::set(0.5000000014291093F));
    return V::fma(V::mul(r, r), p, r);
  }

  static CONVOLITH_INLINE Reduced reduce(Reg x) {
    // Below -87.3 and above 88.3 the result leaves the normal floats; the bounds keep 2^n one of them.
    x = V::at_most(V::set(88.3762626647949F), V::at_least(V::set(-87.3365447504019F), x));
    Reg n = V::round(V::mul(x, V::set(1.44269504088896341F)));
    n = V::at_most(V::set(127.0F), V::at_least(V::set(-126.0F), n));
    return {V::exp2_integral(n), exp_less1(reduced(n, x))};
  }

  static CONVOLITH_INLINE Reg exp(Reg x) {
    const Reduced e = reduce(x);
    return V::fma(e.scale, e.exp_r_less1, e.scale);
  }

  /** e^x over its whole range: infinity above 88.7, denormal numbers and 0 below -87.3. */
  static CONVOLITH_INLINE Reg exp_full(Reg x) {
    x = V::at_most(V::set(89.0F), V::at_least(V::set(-104.0F), x));
    const Reg n = V::round(V::mul(x, V::set(1.44269504088896341F)));
    // 2^n in two factors, each a normal number.
    const Reg half = V::round(V::mul(n, V::set(0.5F)));
    const Reg r = reduced(n, x);
    const Reg e = V::add(V::set(1.0F), exp_less1(r));
    return V::mul(V::mul(e, V::exp2_integral(half)), V::exp2_integral(V::sub(n, half)));
  }

  /** e^x - 1, of full relative precision near 0 too. */
  static CONVOLITH_INLINE Reg expm1(Reg x) {
    const Reduced e = reduce(x);
    return V::fma(e.scale, e.exp_r_less1, V::sub(e.scale, V::set(1.0F)));
  }

  /** 1 / (1 + e^-x). */
  static CONVOLITH_INLINE Reg sigmoid(Reg x) {
    const Reg one = V::set(1.0F);
    return V::div(one, V::add(one, exp(V::sub(V::zero(), x))));
  }

  /** With m = e^(2|x|) - 1: tanh |x| = m / (m + 2). */
  static CONVOLITH_INLINE Reg tanh(Reg x) {
    // Past 9.1 the quotient rounds to 1, and m would grow for nothing.
    const Reg magnitude = V::at_most(V::set(9.1F), V::abs(x));
    const Reg m = expm1(V::add(magnitude, magnitude));
    const Reg t = V::div(m, V::add(m, V::set(2.0F)));
    return V::if_negative(x, V::sub(V::zero(), t), t);
  }

  /** erfc(z) for z >= 0: e^(-z²) times a polynomial in t = 1 / (1 + 0.4 z), a Chebyshev fit, relative error
   * 2e-8. */
  static CONVOLITH_INLINE Reg erfc_positive(Reg z) {
    const Reg one = V::set(1.0F);
    const Reg t = V::div(one, V::fma(z, V::set(0.4F), one));
    Reg q = V::set(-0.03258447468172231F);
    q = V::fma(q, t, V::set(0.2138393055241619F));
    q = V::fma(q, t, V::set(-0.5349723893429552F));
    q = V::fma(q, t, V::set(0.594138448609337F));
    q = V::fma(q, t, V::set(-0.32184822216209363F));
    q = V::fma(q, t, V::set(0.29140341026579913F));
    q = V::fma(q, t, V::set(0.12328095128719199F));
    q = V::fma(q, t, V::set(0.21622612039518502F));
    q = V::fma(q, t, V::set(0.22480267371263188F));
    q = V::fma(q, t, V::set(0.2257141786594691F));
    return V::mul(V::mul(q, t), exp(V::sub(V::zero(), V::mul(z, z))));
  }

  /** x Φ(x), Φ the normal distribution function: 0.5 erfc(|x|/√2) is its tail, exact in relative terms for x
   * < 0. */
  static CONVOLITH_INLINE Reg gelu(Reg x) {
    const Reg tail = V::mul(V::set(0.5F), erfc_positive(V::mul(V::abs(x), V::set(0.70710678118654752F))));
    return V::mul(x, V::if_negative(x, tail, V::sub(V::set(1.0F), tail)));
  }

  /** min(max(x + 3, 0), 6) / 6. */
  static CONVOLITH_INLINE Reg hard_sigmoid(Reg x) {
    const Reg shifted = V::at_most(V::set(6.0F), V::at_least(V::zero(), V::add(x, V::set(3.0F))));
    return V::mul(shifted, V::set(1.0F / 6.0F));
  }
};

}  // namespace convolith
