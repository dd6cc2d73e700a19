#pragma once

#include "kernels/depthwise.h"
#include "kernels/epilogue.inl.h"

namespace convolith {

/** Contract: DepthwiseTile, on P pixels and the first `count` lanes of one vector of channels at `c`. */
template <class V, int P>
CONVOLITH_INLINE void depthwise_vector(const DepthwiseTile& t, Index c, int count) {
  const bool whole = count == V::lanes;
  typename V::Reg sum[P];
  const auto bias = V::load(t.epilogue->bias + c);
  for (int p = 0; p < P; ++p) sum[p] = bias;
  const float* weight = t.weight + c;
  for (int k = 0; k < t.taps; ++k, weight += t.weight_stride) {
    const auto w = V::load(weight);
    for (int p = 0; p < P; ++p) {
      const float* x = t.inputs[p * t.taps + k] + c;
      sum[p] = V::fma(whole ? V::load(x) : V::load_n(x, count), w, sum[p]);
    }
  }
  for (int p = 0; p < P; ++p) {
    const Index at = t.out_offset[p] + c;
    if (t.residual != nullptr) {
      sum[p] = V::add(sum[p], whole ? V::load(t.residual + at) : V::load_n(t.residual + at, count));
    }
  }
  if (t.epilogue->op == ActivationOp::clip) {
    for (int p = 0; p < P; ++p) sum[p] = clip<V>(*t.epilogue, sum[p]);
  } else {
    alignas(64) float tile[P * V::lanes];
    for (int p = 0; p < P; ++p) V::store(tile + p * V::lanes, sum[p]);
    for (int p = 0; p < P; ++p) activate_tile<V>(*t.epilogue, tile + p * V::lanes, 1, 1, c);
    for (int p = 0; p < P; ++p) sum[p] = V::load(tile + p * V::lanes);
  }
  for (int p = 0; p < P; ++p) {
    float* out = t.out + t.out_offset[p] + c;
    if (whole) {
      V::store(out, sum[p]);
    } else {
      V::store_n(out, sum[p], count);
    }
  }
}

template <class V, int P>
void depthwise_tile(const DepthwiseTile& t) {
  Index c = 0;
  for (; c + V::lanes <= t.channels; c += V::lanes) depthwise_vector<V, P>(t, c, V::lanes);
  if (c < t.channels) depthwise_vector<V, P>(t, c, static_cast<int>(t.channels - c));
}

}  // namespace convolith
