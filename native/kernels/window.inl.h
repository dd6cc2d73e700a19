#pragma once

#include <cmath>

#include "base/region.h"
#include "kernels/window.h"

namespace convolith {

template <class V>
CONVOLITH_INLINE typename V::Reg load_some(const float* p, int count) {
  return count == V::lanes ? V::load(p) : V::load_n(p, count);
}

template <class V>
CONVOLITH_INLINE void store_some(float* p, typename V::Reg v, int count) {
  if (count == V::lanes) {
    V::store(p, v);
  } else {
    V::store_n(p, v, count);
  }
}

template <class V, bool Max>
CONVOLITH_INLINE void pool_vector(const PoolRun& r, const float* x, float* out, int count) {
  auto sum = V::set(Max ? -INFINITY : 0.0F);
  for (Index t = 0; t < r.tap_count; ++t) {
    const auto value = load_some<V>(x + r.taps[t], count);
    sum = Max ? V::if_less(sum, value, value, sum) : V::add(sum, value);
  }
  store_some<V>(out, Max ? sum : V::div(sum, V::set(r.divisor)), count);
}

/** Contract: PoolRun. */
template <class V, bool Max>
void pool_run(const PoolRun& r) {
  for (Index p = 0; p < r.pixels; ++p) {
    const float* x = r.x + p * r.step;
    float* out = r.out + p * r.channels;
    Index c = 0;
    for (; c + V::lanes <= r.channels; c += V::lanes) pool_vector<V, Max>(r, x + c, out + c, V::lanes);
    if (c < r.channels) pool_vector<V, Max>(r, x + c, out + c, static_cast<int>(r.channels - c));
  }
}

template <class V, bool Max>
CONVOLITH_INLINE void pool_grad_vector(const PoolGradRun& r, Index offset, const float* dy, int count) {
  const auto zero = V::zero();
  auto gradient = load_some<V>(dy, count);
  if (!Max) gradient = V::mul(gradient, V::set(r.share));
  auto place = V::set(-1.0F);
  if (Max) {
    auto largest = V::set(-INFINITY);
    for (Index t = 0; t < r.tap_count; ++t) {
      const auto value = load_some<V>(r.x + r.taps[t] + offset, count);
      place = V::if_less(largest, value, V::set(static_cast<float>(t)), place);
      largest = V::if_less(largest, value, value, largest);
    }
  }
  for (Index t = 0; t < r.tap_count; ++t) {
    float* to = r.dx + r.taps[t] + offset;
    auto share = gradient;
    if (Max) {
      // The tap's own number, between its neighbours'.
      const auto above = V::if_less(V::set(static_cast<float>(t) - 0.5F), place, gradient, zero);
      share = V::if_less(place, V::set(static_cast<float>(t) + 0.5F), above, zero);
    }
    store_some<V>(to, V::add(load_some<V>(to, count), share), count);
  }
}

/** Contract: PoolGradRun. */
template <class V, bool Max>
void pool_grad_run(const PoolGradRun& r) {
  for (Index p = 0; p < r.pixels; ++p) {
    const float* dy = r.dy + p * r.channel_stride;
    const Index offset = p * r.step;
    Index c = 0;
    for (; c + V::lanes <= r.channels; c += V::lanes)
      pool_grad_vector<V, Max>(r, offset + c, dy + c, V::lanes);
    if (c < r.channels) pool_grad_vector<V, Max>(r, offset + c, dy + c, static_cast<int>(r.channels - c));
  }
}

template <class V>
void fill_window(WindowKernels& kernels) {
  kernels.max = pool_run<V, true>;
  kernels.avg = pool_run<V, false>;
  kernels.max_grad = pool_grad_run<V, true>;
  kernels.avg_grad = pool_grad_run<V, false>;
}

}  // namespace convolith
