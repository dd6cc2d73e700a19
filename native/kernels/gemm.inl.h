#pragma once

#include "kernels/epilogue.inl.h"
#include "kernels/gemm.h"

namespace convolith {

/** The epilogue on a tile of sums, and its store; a panel's missing columns are masked. */
template <class V, int MR, int NR>
CONVOLITH_INLINE void store_tile(const GemmTile& t, typename V::Reg (&sum)[MR][NR]) {
  const Epilogue& e = *t.epilogue;
  const bool whole = t.columns == NR * V::lanes;
  if (t.residual != nullptr) {
    for (int i = 0; i < MR; ++i) {
      const float* residual = t.residual + t.out_offset[i];
      for (int j = 0; j < NR; ++j) {
        const int count = t.columns - j * V::lanes;
        if (count <= 0) break;
        const auto addend =
            count >= V::lanes ? V::load(residual + j * V::lanes) : V::load_n(residual + j * V::lanes, count);
        sum[i][j] = V::add(sum[i][j], addend);
      }
    }
  }
  if (e.linear) {
    // Nothing to do: a short K feels even two operations a sum.
  } else if (e.op == ActivationOp::clip) {
    for (int i = 0; i < MR; ++i) {
      for (int j = 0; j < NR; ++j) sum[i][j] = clip<V>(e, sum[i][j]);
    }
  } else {
    alignas(64) float tile[MR * NR * V::lanes];
    for (int i = 0; i < MR; ++i) {
      for (int j = 0; j < NR; ++j) V::store(tile + (i * NR + j) * V::lanes, sum[i][j]);
    }
    activate_tile<V>(e, tile, MR, NR, 0);
    for (int i = 0; i < MR; ++i) {
      for (int j = 0; j < NR; ++j) sum[i][j] = V::load(tile + (i * NR + j) * V::lanes);
    }
  }
  for (int i = 0; i < MR; ++i) {
    float* out = t.out + t.out_offset[i];
    if (whole) {
      for (int j = 0; j < NR; ++j) V::store(out + j * V::lanes, sum[i][j]);
    } else {
      for (int j = 0; j < NR; ++j) {
        const int count = t.columns - j * V::lanes;
        if (count <= 0) break;
        V::store_n(out + j * V::lanes, sum[i][j], count < V::lanes ? count : V::lanes);
      }
    }
  }
}

/** Contract: GemmTile. The sums stay in registers from the first run to the store. */
template <class V, int MR, int NR>
void gemm_tile(const GemmTile& t) {
  using Reg = typename V::Reg;
  constexpr int width = NR * V::lanes;
  Reg sum[MR][NR];
  if (t.first && t.row_bias != nullptr) {
    for (int i = 0; i < MR; ++i) {
      const Reg bias = V::set(t.row_bias[i]);
      for (int j = 0; j < NR; ++j) sum[i][j] = bias;
    }
  } else if (t.first) {
    for (int j = 0; j < NR; ++j) {
      const Reg bias = V::load(t.epilogue->bias + j * V::lanes);
      for (int i = 0; i < MR; ++i) sum[i][j] = bias;
    }
  } else {
    for (int i = 0; i < MR; ++i) {
      for (int j = 0; j < NR; ++j) sum[i][j] = V::load(t.partial + i * width + j * V::lanes);
    }
  }

  if (t.last) {
    // A store to a line outside of the caches waits for it, and short sums are over before many have come:
    // 256² pixels of 16 channels to 64 took 2.7 ms, now 2.3, of 32 4.3 and 4.0.
    for (int i = 0; i < MR; ++i) {
      const float* out = t.out + t.out_offset[i];
      for (int j = 0; j < NR; ++j) CONVOLITH_PREFETCH_WRITE(out + j * V::lanes);
    }
  }
  for (Index r = 0; r < t.runs; ++r) {
    const float* row[MR];
    for (int i = 0; i < MR; ++i) row[i] = t.rows[r * MR + i];
    const float* panel = t.panel + (t.run_start[r] + t.k_begin) * width;
    // GCC keeps some row pointers in vector registers and moves them back for every use: four uses a move.
    // 14x1 went from 42 to 98 GFLOP/s of 118, wider tiles did not change.
    CONVOLITH_UNROLL_4
    for (Index k = t.k_begin; k < t.k_end; ++k, panel += width) {
      Reg b[NR];
      for (int j = 0; j < NR; ++j) b[j] = V::load(panel + j * V::lanes);
      for (int i = 0; i < MR; ++i) {
        const Reg a = V::set(row[i][k]);
        for (int j = 0; j < NR; ++j) sum[i][j] = V::fma(a, b[j], sum[i][j]);
      }
    }
  }

  if (!t.last) {
    for (int i = 0; i < MR; ++i) {
      for (int j = 0; j < NR; ++j) V::store(t.partial + i * width + j * V::lanes, sum[i][j]);
    }
    return;
  }
  store_tile<V, MR, NR>(t, sum);
}

}  // namespace convolith
