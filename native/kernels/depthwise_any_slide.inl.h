#pragma once

#include <algorithm>

#include "kernels/depthwise.inl.h"

namespace convolith {

/** Columns [first, first + taps) of a kernel. */
struct KernelColumns {
  Index first, taps;
};

/** One output column's sums with residual and activation, whichever it is: apart, since every slide has them.
 */
template <class V>
CONVOLITH_NOINLINE void finish_column(const DepthwiseSlide& t, Index o, Index c, int rows) {
  const float* sums = t.any.sums + o * rows * V::lanes;
  for (int r = 0; r < rows; ++r) {
    const Index at = o * t.out_step + r * t.out_row;
    typename V::Reg sum[1] = {V::load(sums + r * V::lanes)};
    finish_sums<V, false, 1>(*t.epilogue, c, t.residual == nullptr ? nullptr : t.residual + at, 0, sum);
    V::store(t.out + at + c, sum[0]);
  }
}

/**
 * One column's products, of all sums but the `Apart` oldest. Rows pass through R registers, so that each is
 * loaded once and each weight for R products: 6×6 takes 1.01 of the time of its multiplications from the
 * first-level cache, with R loads a row of the kernel 1.11, and on arrays that begin 16 bytes behind a line
 * 1.03 and 1.25.
 */
template <class V, int F, int R, int Apart>
CONVOLITH_INLINE void meet_column(const DepthwiseSlide& t, Index at, const float* corner,
                                  typename V::Reg (&sum)[F][R]) {
  const DepthwiseSlide::AnyKernel& any = t.any;
  const Index next_output = any.stride * t.weight_stride, next_row = any.next_row;
  for (const TapRun* run = any.runs; run != any.runs_end; ++run) {
    const float* const* row = run->rows;
    typename V::Reg x[R];
    CONVOLITH_UNROLL
    for (int r = 1; r < R; ++r) x[r] = V::load(row[r - 1] + at);
    row += R - 1;
    const float* weight = corner + run->weight;
    for (Index tap_row = run->taps; tap_row > 0; --tap_row) {
      CONVOLITH_UNROLL
      for (int r = 0; r + 1 < R; ++r) x[r] = x[r + 1];
      x[R - 1] = V::load(*row + at);
      const float* w = weight;
      CONVOLITH_UNROLL
      for (int a = F - 1; a >= Apart; --a, w += next_output) {
        const auto tap = V::load(w);
        CONVOLITH_UNROLL
        for (int r = 0; r < R; ++r) sum[a][r] = V::fma(x[r], tap, sum[a][r]);
      }
      ++row;
      weight += next_row;
    }
  }
}

/**
 * Contract: DepthwiseSlide of any kernel and stride, on one vector of channels at `c` and those columns of
 * the kernel, of which one of the input meets at most F outputs of a row. Sums wait in `any.sums` for the
 * columns that follow.
 */
template <class V, int F, int R>
CONVOLITH_INLINE void any_slide_columns(const DepthwiseSlide& t, Index c, const KernelColumns& kernel) {
  using Reg = typename V::Reg;
  const DepthwiseSlide::AnyKernel& any = t.any;
  const bool opens = kernel.first == 0;
  const bool clips = kernel.first + kernel.taps == any.row_taps && t.residual == nullptr &&
                     t.epilogue->op == ActivationOp::clip;
  const bool finishes = kernel.first + kernel.taps == any.row_taps && !clips;
  const float* const corner = t.weight + kernel.first * t.weight_stride + c;
  const Index begin = t.begin - kernel.first, end = t.end - kernel.first;
  // Where the stride does not divide the kernel, the oldest outputs are met by fewer columns.
  const Index meeting_oldest = kernel.taps - (F - 1) * any.stride;
  Reg sum[F][R];
  CONVOLITH_UNROLL
  for (int a = 0; a < F; ++a) {
    CONVOLITH_UNROLL
    for (int r = 0; r < R; ++r) sum[a][r] = V::zero();
  }
  Index column = 0;
  Index at = std::max<Index>(-begin, 0) * t.column_step + c;
  for (Index newest = 0; newest < t.outputs + F - 1; ++newest) {
    CONVOLITH_UNROLL
    for (int a = 0; a + 1 < F; ++a) {
      CONVOLITH_UNROLL
      for (int r = 0; r < R; ++r) sum[a][r] = sum[a + 1][r];
    }
    // Bias and bounds stay in memory: the registers are full.
    const Epilogue* epilogue = t.epilogue;
    CONVOLITH_RELOAD(epilogue);
    const bool waits = !opens && newest < t.outputs;
    CONVOLITH_UNROLL
    for (int r = 0; r < R; ++r) {
      sum[F - 1][r] = waits ? V::load(any.sums + (newest * R + r) * V::lanes) : V::load(epilogue->bias + c);
    }
    for (Index s = 0; s < any.stride; ++s, ++column) {
      if (column < begin || column >= end) continue;
      const float* weight = corner + s * t.weight_stride;
      if (s < meeting_oldest) {
        meet_column<V, F, R, 0>(t, at, weight, sum);
      } else {
        meet_column<V, F, R, 1>(t, at, weight, sum);
      }
      at += t.column_step;
    }
    const Index o = newest - (F - 1);
    if (o < 0) continue;
    if (clips) {
      float* out = t.out + o * t.out_step + c;
      CONVOLITH_UNROLL
      for (int r = 0; r < R; ++r) V::store(out + r * t.out_row, clip<V>(*epilogue, sum[0][r]));
    } else {
      CONVOLITH_UNROLL
      for (int r = 0; r < R; ++r) V::store(any.sums + (o * R + r) * V::lanes, sum[0][r]);
      if (finishes) finish_column<V>(t, o, c, R);
    }
  }
}

/**
 * The last vector of channels is moved back over its neighbour where it would stick out. Columns of the
 * kernel go in equal parts, of which the last one is never the smaller: all but the oldest output are met.
 */
template <class V, int F, int R>
void any_slide(const DepthwiseSlide& t) {
  const Index stride = t.any.stride, reach = ceil_div(t.any.row_taps, stride),
              parts = ceil_div(reach, Index{F});
  for (Index c = 0; c < t.channels; c = c == 0 && t.shift > 0 ? t.shift : c + V::lanes) {
    const Index at = c + V::lanes <= t.channels ? c : t.channels - V::lanes;
    for (Index part = 0; part < parts; ++part) {
      const Index first = reach * part / parts * stride;
      const Index next = std::min(reach * (part + 1) / parts * stride, t.any.row_taps);
      any_slide_columns<V, F, R>(t, at, {first, next - first});
    }
  }
}

}  // namespace convolith
