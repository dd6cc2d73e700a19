#pragma once

#include "kernels/depthwise.inl.h"
#include "kernels/depthwise_line.h"

namespace convolith {

/** The epilogue on P sums of a vector of channels, whichever activation it is, and their stores. */
template <class V, int P>
CONVOLITH_INLINE void finish_line(const DepthwiseLine& t, Index o, Index c, typename V::Reg (&sum)[P]) {
  const float* residual = t.residual == nullptr ? nullptr : t.residual + o * t.out_step;
  if (t.epilogue->op == ActivationOp::clip) {
    finish_sums<V, true, P>(*t.epilogue, c, residual, t.out_step, sum);
  } else {
    finish_sums<V, false, P>(*t.epilogue, c, residual, t.out_step, sum);
  }
  CONVOLITH_UNROLL
  for (int p = 0; p < P; ++p) V::store(t.out + (o + p) * t.out_step + c, sum[p]);
}

/**
 * T taps of one row of the kernel on kLinePixels outputs: a column is loaded once for all the outputs that it
 * reaches, 15 loads for 32 multiplications by stride 1 where one load each would take 36. `x` is at `column`.
 */
template <class V, int S, int T>
CONVOLITH_INLINE void line_taps(const DepthwiseLine& t, Index column, const float* x, const float* weight,
                                typename V::Reg (&sum)[kLinePixels]) {
  constexpr int P = kLinePixels;
  typename V::Reg w[T];
  CONVOLITH_UNROLL
  for (int k = 0; k < T; ++k) w[k] = V::load(weight + k * t.weight_stride);
  const Index step = t.column_step, begin = t.begin, end = t.end;
  CONVOLITH_UNROLL
  for (int i = 0; i < (P - 1) * S + T; ++i, ++column, x += step) {
    if (i % S >= T || column < begin || column >= end) continue;
    auto v = V::load(x);
    V::keep(v);
    CONVOLITH_UNROLL
    for (int k = 0; k < T; ++k) {
      if (i < k || (i - k) % S != 0 || (i - k) / S >= P) continue;
      sum[(i - k) / S] = V::fma(v, w[k], sum[(i - k) / S]);
    }
  }
}

/** Any stride and spacing: a load a tap and output. */
template <class V>
CONVOLITH_INLINE void line_tap(const DepthwiseLine& t, Index column, const float* x, const float* weight,
                               typename V::Reg (&sum)[kLinePixels]) {
  const auto w = V::load(weight);
  const Index pixel = t.stride * t.column_step;
  CONVOLITH_UNROLL
  for (int p = 0; p < kLinePixels; ++p, column += t.stride, x += pixel) {
    if (column >= t.begin && column < t.end) sum[p] = V::fma(V::load(x), w, sum[p]);
  }
}

/** Contract: DepthwiseLine, on kLinePixels outputs from `o`, of which `count` exist, of one vector of
 * channels. */
template <class V, int S>
CONVOLITH_INLINE void line_vector(const DepthwiseLine& t, Index o, int count, Index c) {
  static_assert(kLineTaps == 4);
  typename V::Reg sum[kLinePixels];
  const auto bias = V::load(t.epilogue->bias + c);
  CONVOLITH_UNROLL
  for (int p = 0; p < kLinePixels; ++p) sum[p] = bias;
  for (Index r = 0; r < t.row_count; ++r) {
    Index column = o * t.stride;
    const float* x = t.rows[r] + (column - t.begin) * t.column_step + c;
    const float* weight = t.weight + t.row_tap[r] * t.weight_stride + c;
    Index taps = t.row_taps;
    if constexpr (S == 0) {
      for (; taps > 0;
           --taps, column += t.spacing, x += t.spacing * t.column_step, weight += t.weight_stride) {
        line_tap<V>(t, column, x, weight, sum);
      }
    } else {
      for (; taps >= 4; taps -= 4, column += 4, x += 4 * t.column_step, weight += 4 * t.weight_stride) {
        line_taps<V, S, 4>(t, column, x, weight, sum);
      }
      if (taps == 3) line_taps<V, S, 3>(t, column, x, weight, sum);
      if (taps == 2) line_taps<V, S, 2>(t, column, x, weight, sum);
      if (taps == 1) line_taps<V, S, 1>(t, column, x, weight, sum);
    }
  }
  if (count == kLinePixels) return finish_line<V, kLinePixels>(t, o, c, sum);
  CONVOLITH_UNROLL
  for (int p = 0; p < kLinePixels; ++p) {
    if (p == count) return;
    typename V::Reg one[1] = {sum[p]};
    finish_line<V, 1>(t, o + p, c, one);
  }
}

/** The last outputs, and the last vector of channels, are moved back over their neighbours where they stick
 * out. */
template <class V, int S>
void depthwise_line(const DepthwiseLine& t) {
  const int count = t.outputs < kLinePixels ? static_cast<int>(t.outputs) : kLinePixels;
  for (Index o = 0; o < t.outputs; o += count) {
    const Index first = o + count <= t.outputs ? o : t.outputs - count;
    for (Index c = 0; c < t.channels; c = c == 0 && t.shift > 0 ? t.shift : c + V::lanes) {
      line_vector<V, S>(t, first, count, c + V::lanes <= t.channels ? c : t.channels - V::lanes);
    }
  }
}

}  // namespace convolith
