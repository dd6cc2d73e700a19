#pragma once

#include "kernels/epilogue.inl.h"
#include "kernels/gemm.h"

namespace convolith {

/** Where a panel lacks columns, what is beyond them is neither read nor written. */
template <class V, int MR, int NR>
CONVOLITH_INLINE void add_residual_rows(const GemmTile& t, const Index* out_offset,
                                        typename V::Reg (&sum)[MR][NR]) {
  CONVOLITH_UNROLL
  for (int i = 0; i < MR; ++i) {
    const float* residual = t.residual + out_offset[i];
    CONVOLITH_UNROLL
    for (int j = 0; j < NR; ++j) {
      const int count = t.columns - j * V::lanes;
      if (count <= 0) break;
      const auto addend =
          count >= V::lanes ? V::load(residual + j * V::lanes) : V::load_n(residual + j * V::lanes, count);
      sum[i][j] = V::add(sum[i][j], addend);
    }
  }
}

template <class V, int MR, int NR>
CONVOLITH_INLINE void store_rows(const GemmTile& t, const Index* out_offset,
                                 const typename V::Reg (&sum)[MR][NR]) {
  const bool whole = t.columns == NR * V::lanes;
  float* to = t.out;
  CONVOLITH_UNROLL
  for (int i = 0; i < MR; ++i) {
    float* out = to + out_offset[i];
    if (whole) {
      CONVOLITH_UNROLL
      for (int j = 0; j < NR; ++j) V::store(out + j * V::lanes, sum[i][j]);
    } else {
      CONVOLITH_UNROLL
      for (int j = 0; j < NR; ++j) {
        const int count = t.columns - j * V::lanes;
        if (count <= 0) break;
        V::store_n(out + j * V::lanes, sum[i][j], count < V::lanes ? count : V::lanes);
      }
    }
  }
}

/** The epilogue on a tile of sums, and its store. */
template <class V, int MR, int NR>
CONVOLITH_INLINE void store_tile(const GemmTile& t, typename V::Reg (&sum)[MR][NR]) {
  const Epilogue& e = *t.epilogue;
  if (t.residual != nullptr) add_residual_rows<V, MR, NR>(t, t.out_offset, sum);
  if (e.linear) {
    // Nothing to do: a short K feels even two operations a sum.
  } else if (e.op == ActivationOp::clip) {
    CONVOLITH_UNROLL
    for (int i = 0; i < MR; ++i) {
      CONVOLITH_UNROLL
      for (int j = 0; j < NR; ++j) sum[i][j] = clip<V>(e, sum[i][j]);
    }
  } else {
    alignas(64) float tile[MR * NR * V::lanes];
    CONVOLITH_UNROLL
    for (int i = 0; i < MR; ++i) {
      CONVOLITH_UNROLL
      for (int j = 0; j < NR; ++j) V::store(tile + (i * NR + j) * V::lanes, sum[i][j]);
    }
    activate_tile<V>(e, tile, MR, NR, 0);
    CONVOLITH_UNROLL
    for (int i = 0; i < MR; ++i) {
      CONVOLITH_UNROLL
      for (int j = 0; j < NR; ++j) sum[i][j] = V::load(tile + (i * NR + j) * V::lanes);
    }
  }
  store_rows<V, MR, NR>(t, t.out_offset, sum);
}

/** Products [k, k_end) of a run whose panel's row k is at `panel`. */
template <class V, int MR, int NR>
CONVOLITH_INLINE void multiply_rows(const float* const (&row)[MR], const float* panel, Index k, Index k_end,
                                    typename V::Reg (&sum)[MR][NR]) {
  using Reg = typename V::Reg;
  // GCC keeps some row pointers in vector registers and moves them back for every use: four uses a move.
  // 14x1 went from 42 to 98 GFLOP/s of 118, wider tiles did not change.
  CONVOLITH_UNROLL_4
  for (; k < k_end; ++k, panel += NR * V::lanes) {
    Reg b[NR];
    CONVOLITH_UNROLL
    for (int j = 0; j < NR; ++j) b[j] = V::load(panel + j * V::lanes);
    CONVOLITH_UNROLL
    for (int i = 0; i < MR; ++i) {
      const Reg a = V::set(row[i][k]);
      CONVOLITH_UNROLL
      for (int j = 0; j < NR; ++j) V::accumulate(sum[i][j], a, b[j]);
    }
  }
}

/** Contract: GemmTile. The sums stay in registers from the first run to the store. */
template <class V, int MR, int NR, bool Brings>
void gemm_tile(const GemmTile& t) {
  using Reg = typename V::Reg;
  constexpr int width = NR * V::lanes;
  Reg sum[MR][NR];
  if (t.first && t.row_bias != nullptr) {
    CONVOLITH_UNROLL
    for (int i = 0; i < MR; ++i) {
      const Reg bias = V::set(t.row_bias[i]);
      CONVOLITH_UNROLL
      for (int j = 0; j < NR; ++j) sum[i][j] = bias;
    }
  } else if (t.first) {
    CONVOLITH_UNROLL
    for (int j = 0; j < NR; ++j) {
      const Reg bias = V::load(t.epilogue->bias + j * V::lanes);
      CONVOLITH_UNROLL
      for (int i = 0; i < MR; ++i) sum[i][j] = bias;
    }
  } else {
    CONVOLITH_UNROLL
    for (int i = 0; i < MR; ++i) {
      CONVOLITH_UNROLL
      for (int j = 0; j < NR; ++j) sum[i][j] = V::zero();
    }
  }

  if (t.fetch_out) {
    for (int i = 0; i < MR; ++i) {
      const float* out = t.out + t.out_offset[i];
      for (int j = 0; j < NR; ++j) CONVOLITH_PREFETCH_WRITE(out + j * V::lanes);
    }
  }
  // What a run needs of the tile is read again for each, and again after the last: GCC would read all of it
  // ahead and keep it in vector and mask registers, and a move out of those waits behind the multiplications
  // under way. 6x2 at K = 24 went from 0.91 to 0.98 of the peak, 14x1 from 0.81 to 0.90, 6x4 from 0.90 to
  // 0.93.
  const GemmTile* tile = &t;
  const float* ahead = Brings ? t.ahead : nullptr;
  for (Index r = 0; r < tile->runs; ++r) {
    CONVOLITH_RELOAD(tile);
    const bool shared = tile->run_offset != nullptr;
    const float* const* rows = tile->rows + (shared ? 0 : r * MR);
    const Index offset = shared ? tile->run_offset[r] : 0;
    const float* row[MR];
    CONVOLITH_UNROLL
    for (int i = 0; i < MR; ++i) row[i] = rows[i] + offset;
    Index k = tile->k_begin;
    const Index k_end = tile->k_end;
    const float* panel = tile->panel + (tile->run_start[r] + k) * width;
    if constexpr (!Brings) {
      multiply_rows<V, MR, NR>(row, panel, k, k_end, sum);
      continue;
    }
    // One loop, whether it brings or not: with one for each the x64 tables were 20 KB larger.
    while (k < k_end) {
      Index stop = k_end;
      if (ahead != nullptr) {
        const float* end = ahead + tile->ahead_floats;
        for (; ahead < end; ahead += kLineFloats) CONVOLITH_PREFETCH_NEAR(ahead);
        if (k + kAheadSteps < stop) stop = k + kAheadSteps;
      }
      multiply_rows<V, MR, NR>(row, panel, k, stop, sum);
      panel += (stop - k) * width;
      k = stop;
    }
  }
  CONVOLITH_RELOAD(tile);

  // The parts of K are sums of their own that meet at last: a single sum of 2304 products was 2.2e-6 of the
  // output's scale off.
  if (!tile->first) {
    CONVOLITH_UNROLL
    for (int i = 0; i < MR; ++i) {
      CONVOLITH_UNROLL
      for (int j = 0; j < NR; ++j)
        sum[i][j] = V::add(V::load(tile->partial + i * width + j * V::lanes), sum[i][j]);
    }
  }
  if (!tile->last) {
    CONVOLITH_UNROLL
    for (int i = 0; i < MR; ++i) {
      CONVOLITH_UNROLL
      for (int j = 0; j < NR; ++j) V::store(tile->partial + i * width + j * V::lanes, sum[i][j]);
    }
    return;
  }
  store_tile<V, MR, NR>(*tile, sum);
}

/** Contract: GemmStripKernel. */
template <class V, int MR, int NR>
void gemm_strip(const GemmTile& t, Index tiles) {
  using Reg = typename V::Reg;
  constexpr int width = NR * V::lanes;
  // What the loops go on with stays in memory while they multiply: GCC would keep some of it, or of the row
  // pointers, in vector registers and move them back at each use, 5% of 10x2 at K = 144.
  struct {
    const GemmTile* strip;
    const float* const* rows;
    const Index* out_offset;
    Index tiles, run;
  } at{&t, t.rows, t.out_offset, tiles, 0};
  for (; at.tiles > 0; --at.tiles, at.rows += at.strip->row_step, at.out_offset += MR) {
    CONVOLITH_IN_MEMORY(at);
    Reg sum[MR][NR];
    CONVOLITH_UNROLL
    for (int j = 0; j < NR; ++j) {
      const Reg bias = V::load(at.strip->epilogue->bias + j * V::lanes);
      CONVOLITH_UNROLL
      for (int i = 0; i < MR; ++i) sum[i][j] = bias;
    }
    if (at.strip->fetch_out) {
      for (int i = 0; i < MR; ++i) {
        const float* out = at.strip->out + at.out_offset[i];
        for (int j = 0; j < NR; ++j) CONVOLITH_PREFETCH_WRITE(out + j * V::lanes);
      }
    }
    at.run = 0;
    do {
      const GemmTile& g = *at.strip;
      const Index offset = g.run_offset == nullptr ? 0 : g.run_offset[at.run];
      const float* row[MR];
      CONVOLITH_UNROLL
      for (int i = 0; i < MR; ++i) row[i] = at.rows[i] + offset;
      const Index k = g.k_begin;
      const Index k_end = g.k_end;
      const float* panel = g.panel + (g.run_start[at.run] + k) * width;
      CONVOLITH_IN_MEMORY(at);
      multiply_rows<V, MR, NR>(row, panel, k, k_end, sum);
      CONVOLITH_IN_MEMORY(at);
    } while (++at.run < at.strip->runs);
    if (at.strip->residual != nullptr) add_residual_rows<V, MR, NR>(*at.strip, at.out_offset, sum);
    if (!at.strip->epilogue->linear) {
      CONVOLITH_UNROLL
      for (int i = 0; i < MR; ++i) {
        CONVOLITH_UNROLL
        for (int j = 0; j < NR; ++j) sum[i][j] = clip<V>(*at.strip->epilogue, sum[i][j]);
      }
    }
    store_rows<V, MR, NR>(*at.strip, at.out_offset, sum);
  }
}

}  // namespace convolith
