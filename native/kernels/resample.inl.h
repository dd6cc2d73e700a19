#pragma once

#include "kernels/resample.h"
#include "kernels/window.inl.h"

namespace convolith {

template <class V>
CONVOLITH_INLINE void blend_vector(const float* from, const float* to, typename V::Reg fraction, float* out,
                                   int count) {
  const auto low = load_some<V>(from, count);
  const auto difference = V::sub(load_some<V>(to, count), low);
  store_some<V>(out, V::fma(difference, fraction, low), count);
}

/** Contract: Blend. */
template <class V>
void blend(const Blend& b) {
  const auto fraction = V::set(b.fraction);
  Index i = 0;
  for (; i + V::lanes <= b.count; i += V::lanes)
    blend_vector<V>(b.from + i, b.to + i, fraction, b.out + i, V::lanes);
  if (i < b.count) blend_vector<V>(b.from + i, b.to + i, fraction, b.out + i, static_cast<int>(b.count - i));
}

/** Contract: BlendPixels. Few channels are handled one by one: a masked vector costs as much as four of them.
 */
template <class V>
void blend_pixels(const BlendPixels& b) {
  for (Index p = 0; p < b.pixels; ++p) {
    const float* low = b.x + b.low[p] * b.channels;
    const float* high = b.x + b.high[p] * b.channels;
    float* out = b.out + p * b.channels;
    if (b.channels <= 4) {
      for (Index c = 0; c < b.channels; ++c) out[c] = low[c] + (high[c] - low[c]) * b.fraction[p];
      continue;
    }
    const auto fraction = V::set(b.fraction[p]);
    Index c = 0;
    for (; c + V::lanes <= b.channels; c += V::lanes)
      blend_vector<V>(low + c, high + c, fraction, out + c, V::lanes);
    if (c < b.channels)
      blend_vector<V>(low + c, high + c, fraction, out + c, static_cast<int>(b.channels - c));
  }
}

}  // namespace convolith
