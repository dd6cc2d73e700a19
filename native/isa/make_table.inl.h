#pragma once

#include "kernels/depthwise.inl.h"
#include "kernels/gemm.inl.h"
#include "kernels/probe.inl.h"
#include "kernels/table.h"
#include "kernels/transpose.inl.h"

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

/** Every kernel body over the lane type V, with the blocking B. */
template <class V, class B>
KernelTable make_table(const char* name) {
  // An aggregate, so that no constructor is emitted in this region.
  KernelTable table{};
  table.name = name;
  table.lanes = V::lanes;
  table.gemm.lanes = V::lanes;
  table.gemm.preferred_vectors = B::preferred_vectors;
  for (int i = 0; i < kMaxTileVectors; ++i) table.gemm.max_rows[i] = B::max_rows[i];
  fill_gemm<V, 1, B::max_rows[0]>(table.gemm);
  fill_gemm<V, 2, B::max_rows[1]>(table.gemm);
  fill_gemm<V, 3, B::max_rows[2]>(table.gemm);
  fill_gemm<V, 4, B::max_rows[3]>(table.gemm);
  fill_depthwise<V, kMaxDepthwisePixels>(table.depthwise);
  table.transpose = transpose<V>;
  table.fma_probe = fma_probe<V>;
  table.fma_probe_flops = fma_probe_flops<V>;
  return table;
}

}  // namespace convolith
