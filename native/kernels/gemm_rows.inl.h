#pragma once

#include "kernels/gemm.inl.h"

namespace convolith {

/** Addresses of MR rows at one pitch by a pointer for every three of them: base, base + pitch and base + 2 *
 * pitch are addressing modes, so that tiles of 14 rows leave registers for everything else. */
template <class T, int MR>
struct PitchedRows {
  static constexpr int bases = (MR + 2) / 3;
  T* base[bases];
  Index pitch;

  CONVOLITH_INLINE PitchedRows(T* first, Index pitch) : pitch(pitch) {
    const Index three = 3 * pitch;
    base[0] = first;
    CONVOLITH_UNROLL
    for (int i = 1; i < bases; ++i) base[i] = base[i - 1] + three;
  }
  CONVOLITH_INLINE T* operator[](int i) const { return base[i / 3] + i % 3 * pitch; }
  CONVOLITH_INLINE void advance(Index steps) {
    CONVOLITH_UNROLL
    for (int i = 0; i < bases; ++i) base[i] += steps;
  }
};

/** Product k of each sum of rows [First, End). */
template <class V, int First, int End, int MR, int NR>
CONVOLITH_INLINE void multiply_step(const PitchedRows<const float, MR>& row, Index k, const float* panel,
                                    typename V::Reg (&sum)[MR][NR]) {
  using Reg = typename V::Reg;
  Reg b[NR];
  CONVOLITH_UNROLL
  for (int j = 0; j < NR; ++j) b[j] = V::load(panel + (k * NR + j) * V::lanes);
  CONVOLITH_UNROLL
  for (int i = First; i < End; ++i) {
    const Reg a = V::set(row[i][k]);
    CONVOLITH_UNROLL
    for (int j = 0; j < NR; ++j) V::accumulate(sum[i][j], a, b[j]);
  }
}

/** `Steps` products of each sum. */
template <class V, int MR, int NR, int Steps>
CONVOLITH_INLINE void multiply_pitched(PitchedRows<const float, MR>& row, const float*& panel,
                                       typename V::Reg (&sum)[MR][NR]) {
  CONVOLITH_UNROLL
  for (int k = 0; k < Steps; ++k) multiply_step<V, 0, MR>(row, k, panel, sum);
  row.advance(Steps);
  panel += Steps * NR * V::lanes;
}

/** Rows [First, End), whose last vector has `last` columns. */
template <class V, int First, int End, int MR, int NR>
CONVOLITH_INLINE void store_pitched(const PitchedRows<float, MR>& to, int last,
                                    const typename V::Reg (&sum)[MR][NR]) {
  CONVOLITH_UNROLL
  for (int i = First; i < End; ++i) {
    CONVOLITH_UNROLL
    for (int j = 0; j < NR - 1; ++j) V::store(to[i] + j * V::lanes, sum[i][j]);
    if (last == V::lanes) {
      V::store(to[i] + (NR - 1) * V::lanes, sum[i][NR - 1]);
    } else {
      V::store_n(to[i] + (NR - 1) * V::lanes, sum[i][NR - 1], last);
    }
  }
}

/** Aligned vectors, which begin kCarried channels before those of the tile. Of the first panel's row and of
 * the last one's, a vector where it lies. */
template <class V, int First, int End, int MR, int NR>
CONVOLITH_INLINE void store_carried(const GemmRows& g, const PitchedRows<float, MR>& to, float* carry,
                                    const typename V::Reg (&sum)[MR][NR]) {
  constexpr int kept = V::lanes - kCarried;
  const bool carried = g.carried, carries_on = g.carries_on;
  CONVOLITH_UNROLL
  for (int i = First; i < End; ++i) {
    float* out = to[i];
    if (carried) {
      V::store(out - kCarried, V::template shift<kept>(V::load(carry + i * V::lanes), sum[i][0]));
    } else {
      V::store(out, sum[i][0]);
    }
    CONVOLITH_UNROLL
    for (int j = 1; j < NR; ++j) {
      V::store(out - kCarried + j * V::lanes, V::template shift<kept>(sum[i][j - 1], sum[i][j]));
    }
    V::store(carries_on ? carry + i * V::lanes : out + (NR - 1) * V::lanes, sum[i][NR - 1]);
  }
}

template <class V, int MR, int NR>
CONVOLITH_INLINE void begin_with_bias(const Epilogue& e, typename V::Reg (&sum)[MR][NR]) {
  CONVOLITH_UNROLL
  for (int j = 0; j < NR; ++j) {
    const auto bias = V::load(e.bias + j * V::lanes);
    CONVOLITH_UNROLL
    for (int i = 0; i < MR; ++i) sum[i][j] = bias;
  }
}

template <class V, int First, int End, int MR, int NR>
CONVOLITH_INLINE void clip_sums(const Epilogue& e, typename V::Reg (&sum)[MR][NR]) {
  CONVOLITH_UNROLL
  for (int i = First; i < End; ++i) {
    CONVOLITH_UNROLL
    for (int j = 0; j < NR; ++j) sum[i][j] = clip<V>(e, sum[i][j]);
  }
}

/** Asks for the lines of a tile that begins at `out`; with a carry they begin before it. */
template <class V, int MR, int NR>
CONVOLITH_INLINE void fetch_lines(const float* out, Index pitch) {
  for (int i = 0; i < MR; ++i) {
    for (int j = 0; j < NR * V::lanes; j += kLineFloats) CONVOLITH_PREFETCH_WRITE(out + i * pitch + j);
  }
}

/**
 * What gemm_rows does of one run without a residual. By itself, since what surrounds the products then has
 * all registers: beside them a tile of 6x4 takes 33 cycles more in place of 53, 10x2 22 to 29 in place of 58,
 * 9x3 55 in place of 110 (by GCC). AVX-512's last products come in two halves of the rows, each with its
 * stores, so that these stand among products: of 24 in a row each takes more than a cycle. On Zen 5 a tile of
 * 6x4 takes 20 to 32 cycles beside its products where it took 25 to 44, 10x2 10 to 30 in place of 20 to 33.
 */
template <class V, int MR, int NR, bool Carries>
CONVOLITH_NOINLINE void gemm_plain_rows(const GemmRows& g, Index tiles) {
  constexpr bool halves = V::lanes == kLineFloats && NR > 1;
  constexpr int half = halves ? (MR + 1) / 2 : MR;
  const Epilogue& e = *g.epilogue;
  const float* rows = g.rows + g.run_offset[0];
  const float* const first = g.panel + g.run_start[0] * (NR * V::lanes);
  const Index fours = (g.depth - (halves ? 1 : 0)) / 4, rest = g.depth - 4 * fours;
  const Index pitch = g.pitch, out_pitch = g.out_pitch;
  const bool clips = !e.linear, fetches = g.fetch_out;
  [[maybe_unused]] const int last = g.columns - (NR - 1) * V::lanes;
  float* out = g.out;
  [[maybe_unused]] float* carry = g.carry;
  for (; tiles > 0; --tiles, rows += MR * pitch, out += MR * out_pitch) {
    typename V::Reg sum[MR][NR];
    begin_with_bias<V, MR, NR>(e, sum);
    if constexpr (Carries) {
      fetch_lines<V, MR, NR>(out + MR * out_pitch - kCarried, out_pitch);
    } else if (fetches) {
      fetch_lines<V, MR, NR>(out, out_pitch);
    }
    PitchedRows<const float, MR> row(rows, pitch);
    const float* panel = first;
    for (Index k = fours; k > 0; --k) multiply_pitched<V, MR, NR, 4>(row, panel, sum);
    const PitchedRows<float, MR> to(out, out_pitch);
    const auto finish = [&]<int First, int End>() CONVOLITH_INLINE_LAMBDA {
      for (Index k = 0; k < rest; ++k) multiply_step<V, First, End>(row, k, panel, sum);
      if (clips) clip_sums<V, First, End>(e, sum);
      if constexpr (Carries) {
        store_carried<V, First, End>(g, to, carry, sum);
      } else {
        store_pitched<V, First, End>(to, last, sum);
      }
    };
    finish.template operator()<0, half>();
    if constexpr (half < MR) finish.template operator()<half, MR>();
    if constexpr (Carries) carry += MR * V::lanes;
  }
}

/** Contract: GemmRowsKernel, and PitchedShape. */
template <class V, int MR, int NR, bool Carries, bool Several>
void gemm_rows(const GemmRows& g, Index tiles) {
  using Reg = typename V::Reg;
  if constexpr (!Several) {
    const bool plain = g.runs == 1 && g.residual == nullptr;
    if (plain) return gemm_plain_rows<V, MR, NR, Carries>(g, tiles);
  }
  const Epilogue& e = *g.epilogue;
  const float* rows = g.rows;
  float* out = g.out;
  const float* residual = g.residual;
  [[maybe_unused]] float* carry = g.carry;
  const Index fours = g.depth / 4, rest = g.depth % 4;
  for (; tiles > 0; --tiles, rows += MR * g.pitch, out += MR * g.out_pitch) {
    Reg sum[MR][NR];
    begin_with_bias<V, MR, NR>(e, sum);
    if constexpr (Carries) {
      // The next tile's lines: 64 to 256 channels of 56x56 take 0.97 of the time of asking for this one's.
      fetch_lines<V, MR, NR>(out + MR * g.out_pitch - kCarried, g.out_pitch);
    } else if (g.fetch_out) {
      fetch_lines<V, MR, NR>(out, g.out_pitch);
    }
    Index run = 0;
    do {
      const float* first = rows + g.run_offset[run];
      const float* panel = g.panel + g.run_start[run] * (NR * V::lanes);
      PitchedRows<const float, MR> row(first, g.pitch);
      for (Index k = fours; k > 0; --k) multiply_pitched<V, MR, NR, 4>(row, panel, sum);
      if (rest > 0) {
        // By addresses of its own: GCC would compute the first loop's last ones for every tile.
        PitchedRows<const float, MR> last_row(first + 4 * fours, g.pitch);
        const float* last_panel = g.panel + (g.run_start[run] + 4 * fours) * (NR * V::lanes);
        for (Index k = rest; k > 0; --k) multiply_pitched<V, MR, NR, 1>(last_row, last_panel, sum);
      }
    } while (++run < g.runs);
    const PitchedRows<float, MR> to(out, g.out_pitch);

    const int last = g.columns - (NR - 1) * V::lanes;
    if (residual != nullptr) {
      PitchedRows<const float, MR> from(residual, g.out_pitch);
      CONVOLITH_UNROLL
      for (int i = 0; i < MR; ++i) {
        CONVOLITH_UNROLL
        for (int j = 0; j < NR - 1; ++j) sum[i][j] = V::add(sum[i][j], V::load(from[i] + j * V::lanes));
        sum[i][NR - 1] = V::add(sum[i][NR - 1], V::load_n(from[i] + (NR - 1) * V::lanes, last));
      }
      residual += MR * g.out_pitch;
    }
    if (!e.linear) clip_sums<V, 0, MR>(e, sum);
    if constexpr (Carries) {
      store_carried<V, 0, MR>(g, to, carry, sum);
      carry += MR * V::lanes;
    } else {
      store_pitched<V, 0, MR>(to, last, sum);
    }
  }
}

}  // namespace convolith
