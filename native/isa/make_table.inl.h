#pragma once

#include <algorithm>

#include "kernels/depthwise.inl.h"
#include "kernels/depthwise_any_slide.inl.h"
#include "kernels/depthwise_line.inl.h"
#include "kernels/depthwise_plane.inl.h"
#include "kernels/depthwise_slide.inl.h"
#include "kernels/dot.inl.h"
#include "kernels/elementwise.inl.h"
#include "kernels/gemm_rows.inl.h"
#include "kernels/gemv.inl.h"
#include "kernels/grouped.inl.h"
#include "kernels/probe.inl.h"
#include "kernels/product_rows.inl.h"
#include "kernels/reduce.inl.h"
#include "kernels/resample.inl.h"
#include "kernels/strassen.inl.h"
#include "kernels/table.h"
#include "kernels/transpose.inl.h"
#include "kernels/weight_grad.inl.h"
#include "kernels/window.inl.h"
#include "kernels/winograd.inl.h"

namespace convolith {

/** Vectors of the widest panel: one more than preferred where that spares a panel of one (Panels). */
template <class B>
inline constexpr int kWidestPanel =
    B::preferred_vectors < kMaxTileVectors ? B::preferred_vectors + 1 : kMaxTileVectors;

/** Fills tile[NR - 1] with the tiles of MR to 1 rows. Those that many rows are cut into bring weights. */
template <class V, class B, int NR, int MR = B::max_rows[NR - 1]>
void fill_gemm(GemmKernels& kernels) {
  constexpr bool brings =
      !B::compact && NR > 1 && NR + 1 >= B::preferred_vectors && 2 * MR > B::max_rows[NR - 1];
  kernels.tile[NR - 1][MR - 1] = gemm_tile<V, MR, NR, brings>;
  if constexpr (MR > 1) {
    fill_gemm<V, B, NR, MR - 1>(kernels);
  } else if constexpr (NR > 1) {
    fill_gemm<V, B, NR - 1>(kernels);
  }
}

template <class V, class B, int NR, int I = 0>
void fill_pitched(GemmKernels& kernels) {
  constexpr PitchedShape shape = B::pitched[NR - 1][I];
  static_assert(shape.rows <= kMaxPitchedRows);
  if constexpr (shape.rows > 0) {
    PitchedTile& tile = kernels.pitched[NR - 1][I];
    tile = {shape.rows, shape.depth, gemm_rows<V, shape.rows, NR, false, shape.for_several_runs>};
    if constexpr (B::carries_channels && NR == B::preferred_vectors && I == 0) {
      tile.carried = gemm_rows<V, shape.rows, NR, true, shape.for_several_runs>;
    }
  }
  if constexpr (I + 1 < kPitchedTiles) fill_pitched<V, B, NR, I + 1>(kernels);
}

template <class V, class B, int NR = kWidestPanel<B>>
void fill_gemm_strips(GemmKernels& kernels) {
  kernels.strip[NR - 1] = gemm_strip<V, B::short_rows[NR - 1], NR>;
  fill_pitched<V, B, NR>(kernels);
  if constexpr (NR > 1) fill_gemm_strips<V, B, NR - 1>(kernels);
}

template <class V, class B>
void fill_products(ProductKernels& kernels) {
  constexpr int vectors = B::preferred_vectors, rows = B::product_rows;
  kernels.tile_rows = rows;
  kernels.vectors = vectors;
  kernels.rows[0] = product_rows<V, rows, vectors, true>;
  kernels.rows[1] = product_rows<V, rows - 1, vectors, true>;
  if constexpr (B::multiplies_eights) {
    kernels.eights[0] = product_rows<V, kEightRows, 2, false>;
    kernels.eights[1] = product_rows<V, kEightRows, 3, false>;
  }
}

template <class V, class B, int NR, int MR = B::max_rows[NR - 1]>
void fill_weight_grad(WeightGradKernels& kernels) {
  kernels.tile[NR - 1][MR - 1] = weight_grad_tile<V, MR, NR>;
  if constexpr (MR > 1) {
    fill_weight_grad<V, B, NR, MR - 1>(kernels);
  } else if constexpr (NR > 1) {
    fill_weight_grad<V, B, NR - 1>(kernels);
  }
}

template <class V, int T>
void fill_depthwise_grad(WeightGradKernels& kernels) {
  kernels.taps[T - 1] = depthwise_grad_taps<V, T>;
  if constexpr (T > 1) fill_depthwise_grad<V, T - 1>(kernels);
}

template <class V, int T>
void fill_depthwise(DepthwiseKernels& kernels) {
  kernels.tile[T - 1] = depthwise_tile<V, 1 << (T - 1)>;
  if constexpr (T > 1) fill_depthwise<V, T - 1>(kernels);
}

template <class V, int K, int S, int R, bool Tall = false>
void set_slider(DepthwiseSlider& slider) {
  static_assert((R - 1) * S + K <= kMaxSliderWindow);
  slider = {K, S, R, kSlideShifts<V, K>, nullptr, nullptr, nullptr, slide_together<V, K, S, R>()};
  if constexpr (Tall) {
    slider.slide = depthwise_tall_slide<V, K, S, R>;
  } else {
    slider.slide = depthwise_slide<V, K, S, R>;
  }
  // Of 5×5 pairs take 1.2 times as long.
  if constexpr (S == 1 && K <= 3 && V::masks_stores) slider.pairs = depthwise_pair_slide<V, K, R>;
}

template <class V, int K, int S, int NV>
void set_plane(DepthwisePlaneWalk& plane) {
  static_assert(NV <= kPlaneVectors);
  plane = {K, S, NV, kPlaneDilates<K, S>, depthwise_plane<V, K, S, NV>};
}

template <class V, int K, int S, int R>
void set_grouped_slider(DepthwiseSlider& slider) {
  static_assert((R - 1) * S + K <= kMaxSliderWindow);
  slider = {K, S, R, false, nullptr, nullptr, grouped_slide<V, K, S, R>};
}

/** Of as many rows as there are registers for, and of two for what those leave over. */
template <class V, class B, int S>
void set_grouped_sliders(DepthwiseSlider& few, DepthwiseSlider& many) {
  set_grouped_slider<V, 3, S, std::min(2, B::grouped_rows)>(few);
  set_grouped_slider<V, 3, S, B::grouped_rows>(many);
}

template <class V, int K, int R>
void set_flat(DepthwiseBlock& block) {
  static_assert(R <= kMaxBlockPixels && (R - 1 + K) * K <= kMaxBlockWindow);
  block = {K, R, depthwise_block<V, K, R>};
}

template <class V, class B, int NO = kMaxDotOutputs>
void fill_dot(DotKernels& kernels) {
  constexpr int points = B::dot_points[NO - 1];
  static_assert((NO * points + V::lanes - 1) / V::lanes * V::lanes <= kMaxDotSums);
  kernels.points[NO - 1] = points;
  kernels.tile[NO - 1] = dot_tile<V, NO, points>;
  if constexpr (NO > 1) fill_dot<V, B, NO - 1>(kernels);
}

/** A kind on both axes, and on either one. */
template <class V, class Axis>
void set_winograd_input(WinogradKernels& kernels, WinogradPoints points) {
  const int kind = static_cast<int>(points);
  kernels.input[kind][kind] = winograd_input<V, Axis, Axis>;
  kernels.input[kind][0] = winograd_input<V, Axis, WinogradDirect<V>>;
  kernels.input[0][kind] = winograd_input<V, WinogradDirect<V>, Axis>;
}

template <class V, class B, int F>
void fill_any_sliders(DepthwiseKernels& kernels) {
  kernels.any_slider[F - 1] = {0, 0, B::any_rows, true, nullptr, any_slide<V, F, B::any_rows>};
  if constexpr (F > 1) fill_any_sliders<V, B, F - 1>(kernels);
}

/** What only saves time: sliders of rarer kernels, lines that share columns, and the walks of planes. */
template <class V, class B>
void fill_depthwise_rows(DepthwiseKernels& kernels) {
  set_slider<V, 2, 1, 2>(kernels.slider[7]);
  set_slider<V, 2, 2, 2>(kernels.slider[8]);
  set_grouped_sliders<V, B, 2>(kernels.slider[6], kernels.slider[15]);
  kernels.line[1] = depthwise_line<V, 1>;
  kernels.line[2] = depthwise_line<V, 2>;
  set_plane<V, 3, 1, B::plane_vectors>(kernels.plane[0]);
  set_plane<V, 3, 2, B::strided_plane_vectors>(kernels.plane[1]);
  set_plane<V, 5, 1, 2>(kernels.plane[2]);
  set_plane<V, 5, 2, 2>(kernels.plane[3]);
  set_plane<V, 7, 1, 2>(kernels.plane[4]);
  kernels.plane_columns = B::plane_columns;
  if constexpr (B::any_rows > 0) fill_any_sliders<V, B, kMaxReach>(kernels);
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
  fill_gemm<V, B, kWidestPanel<B>>(table.gemm);
  if constexpr (!B::compact) {
    fill_gemm_strips<V, B>(table.gemm);
    table.gemm.pitches_odd_runs = B::pitches_odd_runs;
  }
  fill_products<V, B>(table.product);
  table.strassen_sums = strassen_sums<V>;
  fill_depthwise<V, kDepthwiseTiles>(table.depthwise);
  set_slider<V, 3, 1, 2>(table.depthwise.slider[0]);
  set_slider<V, 3, 2, 2>(table.depthwise.slider[1]);
  set_slider<V, 5, 1, B::slider_rows>(table.depthwise.slider[2]);
  set_slider<V, 5, 2, B::slider_rows>(table.depthwise.slider[3]);
  set_slider<V, 7, 1, B::slider_rows>(table.depthwise.slider[4]);
  table.depthwise.line[0] = table.depthwise.line[1] = table.depthwise.line[2] = depthwise_line<V, 0>;
  if constexpr (!B::compact) fill_depthwise_rows<V, B>(table.depthwise);
  set_flat<V, 3, B::flat_rows>(table.depthwise.flat[0]);
  set_flat<V, 5, B::flat_rows>(table.depthwise.flat[1]);
  set_flat<V, 7, B::flat_rows>(table.depthwise.flat[2]);
  fill_dot<V, B>(table.dot);
  set_grouped_sliders<V, B, 1>(table.depthwise.slider[5], table.depthwise.slider[14]);
  if constexpr (B::tall_slider_rows > 0) {
    set_slider<V, 3, 1, B::tall_slider_rows, true>(table.depthwise.slider[9]);
    set_slider<V, 5, 1, B::tall_slider_rows, true>(table.depthwise.slider[10]);
    set_slider<V, 5, 2, B::tall_slider_rows, true>(table.depthwise.slider[11]);
    set_slider<V, 2, 1, B::tall_slider_rows, true>(table.depthwise.slider[12]);
    set_slider<V, 3, 2, B::tall_slider_rows, true>(table.depthwise.slider[13]);
  }
  table.depthwise.grouped_line = grouped_line<V>;
  set_winograd_input<V, WinogradFour<V>>(table.winograd, WinogradPoints::four);
  set_winograd_input<V, WinogradFive<V>>(table.winograd, WinogradPoints::five);
  set_winograd_input<V, WinogradSix<V>>(table.winograd, WinogradPoints::six);
  set_winograd_input<V, WinogradEight<V>>(table.winograd, WinogradPoints::eight);
  set_winograd_input<V, WinogradStrided<V>>(table.winograd, WinogradPoints::strided);
  table.winograd.output = winograd_output<V>;
  table.winograd.weights = winograd_weights<V>;
  fill_weight_grad<V, B, kWidestPanel<B>>(table.weight_grad);
  fill_depthwise_grad<V, kMaxGradTaps>(table.weight_grad);
  fill_elementwise<V>(table.elementwise);
  fill_window<V>(table.window);
  fill_reduce<V>(table.reduce);
  table.resample.blend = blend<V>;
  table.resample.blend_pixels = blend_pixels<V>;
  table.gemv.plain = gemv<V>;
  table.gemv.transposed = gemv_transposed<V>;
  table.transpose = transpose<V>;
  table.fma_probe = fma_probe<V>;
  table.fma_probe_flops = fma_probe_flops<V>;
  return table;
}

}  // namespace convolith
