#pragma once

#include "base/check.h"
#include "base/region.h"

namespace convolith {

/**
 * `rounds` times 4 multiply-adds on each of 12 independent chains in registers: what the FMA units do when
 * nothing else is asked of them. Returns a value that depends on all of them.
 */
template <class V>
float fma_probe(Index rounds) {
  constexpr int chains = 12;
  typename V::Reg sum[chains];
  for (int i = 0; i < chains; ++i) sum[i] = V::set(static_cast<float>(i));
  const auto factor = V::set(0.5F);
  const auto addend = V::set(0.25F);
  for (Index r = 0; r < rounds; ++r) {
    for (int repeat = 0; repeat < 4; ++repeat) {
      for (int i = 0; i < chains; ++i) sum[i] = V::fma(sum[i], factor, addend);
    }
  }
  for (int i = 1; i < chains; ++i) sum[0] = V::add(sum[0], sum[i]);
  float lane[V::lanes];
  V::store(lane, sum[0]);
  return lane[0];
}

/** Floating-point operations of one round of `fma_probe`. A constant, so that no function of this region is
 * called for it. */
template <class V>
inline constexpr Index fma_probe_flops = Index{2} * 12 * 4 * V::lanes;

}  // namespace convolith
