#pragma once

#include "kernels/depthwise.inl.h"
#include "kernels/elementwise.inl.h"
#include "kernels/gemm.inl.h"
#include "kernels/gemv.inl.h"
#include "kernels/probe.inl.h"
#include "kernels/reduce.inl.h"
#include "kernels/resample.inl.h"
#include "kernels/table.h"
#include "kernels/transpose.inl.h"
#include "kernels/window.inl.h"
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

template <class V, int K, int S, int R, int Q>
void set_block(DepthwiseBlock& block) {
  static_assert(R * Q <= kMaxBlockPixels && ((R - 1) * S + K) * ((Q - 1) * S + K) <= kMaxBlockWindow);
  block.kernel_h = block.kernel_w = K;
  block.stride_h = block.stride_w = S;
  block.rows = R;
  block.columns = Q;
  block.kernel = depthwise_block<V, K, K, S, S, R, Q>;
}

/** Blocks of 2 × Q outputs. */
template <class V, int Q>
void fill_blocks(DepthwiseBlock* block) {
  set_block<V, 3, 1, 2, Q>(block[0]);
  set_block<V, 3, 2, 2, Q>(block[1]);
  set_block<V, 5, 1, 2, Q>(block[2]);
  set_block<V, 5, 2, 2, Q>(block[3]);
  set_block<V, 7, 1, 2, Q>(block[4]);
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
  fill_blocks<V, B::depthwise_columns[0]>(table.depthwise.block);
  fill_blocks<V, B::depthwise_columns[1]>(table.depthwise.block + 5);
  set_block<V, 3, 1, B::flat_rows, 1>(table.depthwise.flat[0]);
  set_block<V, 5, 1, B::flat_rows, 1>(table.depthwise.flat[1]);
  set_block<V, 7, 1, B::flat_rows, 1>(table.depthwise.flat[2]);
  table.winograd.input = winograd_input<V>;
  table.winograd.output = winograd_output<V>;
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
