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
 * Contract: DepthwiseBlock. Row by row of the window: its vectors are loaded once and meet every output row
 * that reaches them. 2 × 7 outputs of 3×3 take 54 loads for 126 multiplications, where one load each would
 * take 126.
 */
template <class V, int KH, int KW, int SH, int SW, int R, int Q>
CONVOLITH_INLINE void block_vector(const DepthwiseTile& t, Index c, int count) {
  constexpr int height = (R - 1) * SH + KH;
  constexpr int width = (Q - 1) * SW + KW;
  const bool whole = count == V::lanes;
  typename V::Reg sum[R * Q];
  const auto bias = V::load(t.epilogue->bias + c);
  CONVOLITH_UNROLL
  for (int p = 0; p < R * Q; ++p) sum[p] = bias;
  const float* weight = t.weight + c;
  CONVOLITH_UNROLL
  for (int y = 0; y < height; ++y) {
    typename V::Reg x[width];
    CONVOLITH_UNROLL
    for (int i = 0; i < width; ++i) {
      const float* from = t.inputs[y * width + i] + c;
      x[i] = whole ? V::load(from) : V::load_n(from, count);
    }
    CONVOLITH_UNROLL
    for (int r = 0; r < R; ++r) {
      const int ky = y - r * SH;
      if (ky < 0 || ky >= KH) continue;
      CONVOLITH_UNROLL
      for (int kx = 0; kx < KW; ++kx) {
        const auto w = V::load(weight + (ky * KW + kx) * t.weight_stride);
        CONVOLITH_UNROLL
        for (int q = 0; q < Q; ++q) sum[r * Q + q] = V::fma(x[q * SW + kx], w, sum[r * Q + q]);
      }
    }
  }
  store_pixels<V, R * Q>(t, sum, c, count);
}

template <class V, int KH, int KW, int SH, int SW, int R, int Q>
void depthwise_block(const DepthwiseTile& t) {
  Index c = 0;
  for (; c + V::lanes <= t.channels; c += V::lanes) block_vector<V, KH, KW, SH, SW, R, Q>(t, c, V::lanes);
  if (c < t.channels) block_vector<V, KH, KW, SH, SW, R, Q>(t, c, static_cast<int>(t.channels - c));
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
