#pragma once

#include "kernels/depthwise.inl.h"
#include "kernels/dot.inl.h"
#include "kernels/elementwise.inl.h"
#include "kernels/gemm.inl.h"
#include "kernels/grouped.inl.h"
#include "kernels/probe.inl.h"
#include "kernels/table.h"
#include "kernels/transpose.inl.h"
#include "kernels/winograd.inl.h"

namespace convolith {

/** Fills tile[NR - 1] with the tiles of MR to 1 rows. */
template <class V, int NR, int MR>
void fill_gemm(GemmKernels& kernels) {
  kernels.tile[NR - 1][MR - 1] = gemm_tile<V, MR, NR>;
  if constexpr (MR > 1) fill_gemm<V, NR, MR - 1>(kernels);
}

template <class V, int P>
void fill_depthwise(DepthwiseKernels& kernels) {
  kernels.tile[P - 1] = depthwise_tile<V, P>;
  if constexpr (P > 1) fill_depthwise<V, P - 1>(kernels);
}

template <class V, int K, int S, int R>
void set_slider(DepthwiseSlider& slider) {
  static_assert((R - 1) * S + K <= kMaxSliderWindow);
  slider = {K, S, R, kSlideShifts<V, K>, depthwise_slide<V, K, S, R>, nullptr};
}

template <class V, int K, int R>
void set_flat(DepthwiseBlock& block) {
  static_assert(R <= kMaxBlockPixels && (R - 1 + K) * K <= kMaxBlockWindow);
  block = {K, K, 1, 1, R, 1, depthwise_block<V, K, K, 1, 1, R, 1>};
}

template <class V, int G, int NO>
void fill_dot(DotKernels& kernels) {
  kernels.points[NO - 1] = G * V::lanes / NO;
  static_assert(G * V::lanes / NO <= kMaxDotPoints);
  kernels.tile[NO - 1] = dot_tile<V, NO, G>;
  if constexpr (NO > 1) fill_dot<V, G, NO - 1>(kernels);
}

/** Every kernel body over the lane type V, with the blocking B. */
template <class V, class B>
KernelTable make_table(const char* name) {
  // An aggregate, so that no constructor is emitted in this region.
  KernelTable table{};
  table.name = name;
  table.lanes = V::lanes;
  table.gemm.lanes = V::lanes;
  table.gemm.preferred_vectors = B::preferred_vectors;
  for (int i = 0; i < kMaxTileVectors; ++i) {
    table.gemm.max_rows[i] = B::max_rows[i];
    table.gemm.short_rows[i] = B::short_rows[i];
  }
  fill_gemm<V, 1, B::max_rows[0]>(table.gemm);
  fill_gemm<V, 2, B::max_rows[1]>(table.gemm);
  fill_gemm<V, 3, B::max_rows[2]>(table.gemm);
  fill_gemm<V, 4, B::max_rows[3]>(table.gemm);
  fill_depthwise<V, kMaxDepthwisePixels>(table.depthwise);
  set_slider<V, 3, 1, 2>(table.depthwise.slider[0]);
  set_slider<V, 3, 2, 2>(table.depthwise.slider[1]);
  set_slider<V, 5, 1, B::slider_rows>(table.depthwise.slider[2]);
  set_slider<V, 5, 2, B::slider_rows>(table.depthwise.slider[3]);
  set_slider<V, 7, 1, B::slider_rows>(table.depthwise.slider[4]);
  table.depthwise.line = depthwise_line<V>;
  set_flat<V, 3, B::flat_rows>(table.depthwise.flat[0]);
  set_flat<V, 5, B::flat_rows>(table.depthwise.flat[1]);
  set_flat<V, 7, B::flat_rows>(table.depthwise.flat[2]);
  fill_dot<V, B::dot_vectors, kMaxDotOutputs>(table.dot);
  table.depthwise.slider[0].grouped = grouped_slide<V, 3, 1, 2>;
  table.depthwise.slider[1].grouped = grouped_slide<V, 3, 2, 2>;
  table.depthwise.grouped_line = grouped_line<V>;
  table.winograd.input = winograd_input<V>;
  table.winograd.output = winograd_output<V>;
  fill_elementwise<V>(table.elementwise);
  table.transpose = transpose<V>;
  table.fma_probe = fma_probe<V>;
  table.fma_probe_flops = fma_probe_flops<V>;
  return table;
}

}  // namespace convolith
