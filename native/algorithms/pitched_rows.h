#pragma once

#include "algorithms/cut.h"
#include "kernels/gemm.h"

namespace convolith {

/** Of rows with one run. */
inline constexpr Index kOneRunOffset = 0;
inline constexpr std::int32_t kOneRunStart = 0;

/** How stretches of `count` rows are multiplied: full tiles by one call, and the rest by a few even ones. */
class PitchedStretch {
 public:
  /** Of panels of `vectors`, in sums of `depth` products. */
  PitchedStretch(const GemmKernels& kernels, int vectors, Index depth, Index count, bool carries = false)
      : tiles_(kernels.tile[vectors - 1]) {
    const PitchedTile& tile =
        carries ? kernels.pitched[vectors - 1][0] : kernels.pitched_tile(vectors, depth, count);
    const FullPieces pieces(count, tile.rows);
    run_ = carries ? tile.carried : tile.run;
    full_ = pieces.full();
    begin_ = pieces.begin(full_);
    rest_ = static_cast<int>(count - begin_);
    calls_ = ceil_div(rest_, kernels.max_rows[vectors - 1]);
  }

  void run(const GemmRows& g) const {
    if (full_ > 0) run_(g, full_);
    if (rest_ > 0) run_rest(g);
  }

 private:
  void run_rest(const GemmRows& g) const {
    const float* row[2 * kMaxPitchedRows];
    Index offset[2 * kMaxPitchedRows];
    for (int i = 0; i < rest_; ++i) {
      row[i] = g.rows + (begin_ + i) * g.pitch;
      offset[i] = (begin_ + i) * g.out_pitch;
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
    const EvenPieces tiles(rest_, calls_);
    for (int done = 0, i = 0; done < rest_; done += tiles.size(i++)) {
      t.rows = row + done;
      t.out_offset = offset + done;
      tiles_[tiles.size(i) - 1](t);
    }
  }

  const GemmKernel* tiles_;
  GemmRowsKernel run_;
  Index full_, begin_, calls_;
  int rest_;
};

}  // namespace convolith
