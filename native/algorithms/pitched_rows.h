#pragma once

#include "algorithms/cut.h"
#include "kernels/gemm.h"

namespace convolith {

/** Of rows with one run. */
inline constexpr Index kOneRunOffset = 0;
inline constexpr std::int32_t kOneRunStart = 0;

/** `count` rows: full tiles by one call, and the rest by a few even ones. */
inline void run_pitched_rows(const GemmKernels& kernels, int vectors, const GemmRows& g, Index count) {
  const bool carries = g.carry != nullptr;
  const PitchedTile& tile =
      carries ? kernels.pitched[vectors - 1][0] : kernels.pitched_tile(vectors, g.runs * g.depth, count);
  const FullPieces pieces(count, tile.rows);
  if (pieces.full() > 0) (carries ? tile.carried : tile.run)(g, pieces.full());
  const Index begin = pieces.begin(pieces.full());
  const auto rest = static_cast<int>(count - begin);
  if (rest == 0) return;
  const float* row[2 * kMaxPitchedRows];
  Index offset[2 * kMaxPitchedRows];
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
