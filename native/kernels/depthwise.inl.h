#pragma once

#include "kernels/depthwise.h"
#include "kernels/epilogue.inl.h"

namespace convolith {

/** The epilogue on P sums of one vector of channels at `c`, of which `count` lanes exist, and their store. */
template <class V, int P>
CONVOLITH_INLINE void store_pixels(const DepthwiseTile& t, typename V::Reg (&sum)[P], Index c, int count) {
  const bool whole = count == V::lanes;
  if (t.residual != nullptr) {
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) {
      const float* residual = t.residual + t.out_offset[p] + c;
      sum[p] = V::add(sum[p], whole ? V::load(residual) : V::load_n(residual, count));
    }
  }
  if (t.epilogue->op == ActivationOp::clip) {
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) sum[p] = clip<V>(*t.epilogue, sum[p]);
  } else {
    alignas(64) float tile[P * V::lanes];
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) V::store(tile + p * V::lanes, sum[p]);
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) activate_tile<V>(*t.epilogue, tile + p * V::lanes, 1, 1, c);
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) sum[p] = V::load(tile + p * V::lanes);
  }
  CONVOLITH_UNROLL
  for (int p = 0; p < P; ++p) {
    float* out = t.out + t.out_offset[p] + c;
    if (whole) {
      V::store(out, sum[p]);
    } else {
      V::store_n(out, sum[p], count);
    }
  }
}

/** Contract: DepthwiseTile, on P pixels and the first `count` lanes of one vector of channels at `c`. */
template <class V, int P>
CONVOLITH_INLINE void depthwise_vector(const DepthwiseTile& t, Index c, int count) {
  const bool whole = count == V::lanes;
  typename V::Reg sum[P];
  const auto bias = V::load(t.epilogue->bias + c);
  CONVOLITH_UNROLL
  for (int p = 0; p < P; ++p) sum[p] = bias;
  const float* weight = t.weight + c;
  for (int k = 0; k < t.taps; ++k, weight += t.weight_stride) {
    const auto w = V::load(weight);
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) {
      const float* x = t.inputs[p * t.taps + k] + c;
      sum[p] = V::fma(whole ? V::load(x) : V::load_n(x, count), w, sum[p]);
    }
  }
  store_pixels<V, P>(t, sum, c, count);
}

template <class V, int P>
void depthwise_tile(const DepthwiseTile& t) {
  Index c = 0;
  for (; c + V::lanes <= t.channels; c += V::lanes) depthwise_vector<V, P>(t, c, V::lanes);
  if (c < t.channels) depthwise_vector<V, P>(t, c, static_cast<int>(t.channels - c));
}

/**
 * Contract: DepthwiseBlock. Row by row of the window: a vector of it is loaded once and meets every output
 * row that reaches it. 7 rows of 3×3 take 27 loads of inputs for 63 multiplications. A row's taps are a loop:
 * one by one they were 62 KB of three instruction sets' code.
 */
template <class V, int K, int R>
CONVOLITH_INLINE void block_vector(const DepthwiseTile& t, Index c, int count) {
  const bool whole = count == V::lanes;
  typename V::Reg sum[R];
  const auto bias = V::load(t.epilogue->bias + c);
  CONVOLITH_UNROLL
  for (int r = 0; r < R; ++r) sum[r] = bias;
  const Index kernel_row = K * t.weight_stride;
  const float* const* inputs = t.inputs;
  CONVOLITH_UNROLL
  for (int y = 0; y < R - 1 + K; ++y) {
    // Of the first output row that this row of the window reaches; the next one's are a kernel row before.
    const int first_row = y < K ? 0 : y - K + 1;
    const float* weight = t.weight + c + (y - first_row) * kernel_row;
    CONVOLITH_NO_UNROLL
    for (int kx = 0; kx < K; ++kx, weight += t.weight_stride) {
      const float* from = *inputs++ + c;
      const auto x = whole ? V::load(from) : V::load_n(from, count);
      CONVOLITH_UNROLL
      for (int r = 0; r < R; ++r) {
        if (r < first_row || r > y) continue;
        sum[r] = V::fma(x, V::load(weight - (r - first_row) * kernel_row), sum[r]);
      }
    }
  }
  store_pixels<V, R>(t, sum, c, count);
}

template <class V, int K, int R>
void depthwise_block(const DepthwiseTile& t) {
  Index c = 0;
  for (; c + V::lanes <= t.channels; c += V::lanes) block_vector<V, K, R>(t, c, V::lanes);
  if (c < t.channels) block_vector<V, K, R>(t, c, static_cast<int>(t.channels - c));
}

/**
 * Bias apart, the epilogue on P sums of the vector of channels at `c`; their residuals are `step` floats
 * apart. Clips says that the activation is `clip`: in a loop over columns the call that another one needs
 * costs registers even where it is not made, since clang keeps what lives across it in memory (depthwise 3×3
 * took 1.1 to 1.35 times as long).
 */
template <class V, bool Clips, int P>
CONVOLITH_INLINE void finish_sums(const Epilogue& epilogue, Index c, const float* residual, Index step,
                                  typename V::Reg (&sum)[P]) {
  if (residual != nullptr) {
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) sum[p] = V::add(sum[p], V::load(residual + p * step + c));
  }
  if constexpr (Clips) {
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) sum[p] = clip<V>(epilogue, sum[p]);
  } else {
    alignas(64) float tile[P * V::lanes];
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) V::store(tile + p * V::lanes, sum[p]);
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) activate_tile<V>(epilogue, tile + p * V::lanes, 1, 1, c);
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) sum[p] = V::load(tile + p * V::lanes);
  }
}

}  // namespace convolith
