#pragma once

#include "algorithms/cut.h"
#include "kernels/gemm.h"

namespace convolith {

/** Of rows with one run. */
inline constexpr Index kOneRunOffset = 0;
inline constexpr std::int32_t kOneRunStart = 0;

/** Whether tiles of so many vectors gain by it, in sums of `depth` products. */
inline bool multiplies_pitched(const GemmKernels& kernels, int vectors, Index depth) {
  return depth > 0 && depth <= kernels.pitched_depth[vectors - 1];
}

/** `count` rows: full tiles by one call, and the rest by a few even ones. */
inline void run_pitched_rows(const GemmKernels& kernels, int vectors, const GemmRows& g, Index count) {
  const FullPieces pieces(count, kernels.pitched_rows[vectors - 1]);
  GemmRowsKernel rows = kernels.rows[vectors - 1];
  if (g.carry != nullptr) rows = kernels.carried_rows;
  if (pieces.full() > 0) rows(g, pieces.full());
  const Index begin = pieces.begin(pieces.full());
  const auto rest = static_cast<int>(count - begin);
  if (rest == 0) return;
  const float* row[2 * kMaxTileRows];
  Index offset[2 * kMaxTileRows];
  for (int i = 0; i < rest; ++i) {
    row[i] = g.rows + (begin + i) * g.pitch;
    offset[i] = (begin + i) * g.out_pitch;
  }
  GemmTile t;
  t.run_offset = g.run_offset;
  t.run_start = g.run_start;
  t.runs = g.runs;
  t.k_end = g.depth;
  t.panel = g.panel;
  t.out = g.out;
  t.residual = g.residual;
  t.fetch_out = g.fetch_out;
  t.columns = g.columns;
  t.epilogue = g.epilogue;
  const EvenPieces tiles(rest, ceil_div(rest, kernels.max_rows[vectors - 1]));
  for (int done = 0, i = 0; done < rest; done += tiles.size(i++)) {
    t.rows = row + done;
    t.out_offset = offset + done;
    kernels.tile[vectors - 1][tiles.size(i) - 1](t);
  }
}

}  // namespace convolith
