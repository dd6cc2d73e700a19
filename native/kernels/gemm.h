#pragma once

#include <algorithm>

#include "kernels/epilogue.h"

namespace convolith {

inline constexpr Index kAheadSteps = 8;
/**
 * One register tile of an implicit GEMM: MR output pixels (rows) × NR vectors of output channels (columns).
 *
 *   sum[i][j] = Σ_r Σ_k rows[r * MR + i][k] * panel[(run_start[r] + k) * NR * lanes + j],   k_begin <= k <
 * k_end out[out_offset[i] + j] = activation(sum + bias[j] + residual[…the same place])
 *
 * The left operand is read where it lies, one run of consecutive floats a kernel tap (or a kernel row); a run
 * that lies in the padding points at zeros. So stride, dilation, padding and image borders are addresses, not
 * code. MR pointers a run cost one load each for (k_end - k_begin) × NR multiplications.
 */
struct GemmTile {
  const float* const* rows = nullptr;
  /** Where all runs lie the same steps from a row's pointer: those steps, and `rows` are MR pointers for all
   * runs. */
  const Index* run_offset = nullptr;
  /** Of a strip: pointers from one tile's rows to the next one's. */
  Index row_step = 0;
  /** The panel's row at which each run starts. */
  const std::int32_t* run_start = nullptr;
  Index runs = 0, k_begin = 0, k_end = 0;
  /** [K][NR * lanes], aligned to a cache line. */
  const float* panel = nullptr;

  /** Of the weights that come next, what this tile, if it has many rows, brings into the first-level cache
   * meanwhile: so many floats from here on before every kAheadSteps products of a run. Null for none. */
  const float* ahead = nullptr;
  Index ahead_floats = 0;

  float* out = nullptr;
  const Index* out_offset = nullptr;
  const float* residual = nullptr;
  /** Asks for the lines of `out` before it multiplies. A store to a line outside of the caches waits for it,
   * and short sums are over before many have come. */
  bool fetch_out = false;
  /** How many of the panel's columns exist. */
  int columns = 0;
  /** Where rows are output channels and columns pixels: a bias a row, in place of the epilogue's. */
  const float* row_bias = nullptr;

  /** Sums [MR][NR * lanes] carried between two parts of K; read unless `first`, written unless `last`. */
  float* partial = nullptr;
  bool first = true, last = true;
  /** Its bias and slopes are those of the panel's first column. */
  const Epilogue* epilogue = nullptr;

  /** The tile, one of `tiles` that share a panel, brings its share of the `floats` from `next` on. */
  void bring(const float* next, Index floats, Index tile, Index tiles) {
    const Index times = runs * ceil_div(k_end - k_begin, kAheadSteps);
    ahead_floats = round_up(ceil_div(floats, std::max<Index>(times * tiles, 1)), kLineFloats);
    const Index from = tile * times * ahead_floats;
    ahead = from < floats ? next + from : nullptr;
  }
};

using GemmKernel = void (*)(const GemmTile&);

/**
 * So many tiles of one panel after each other. Of `t` it reads what whole sums of at least one run need: the
 * activation is `clip`, and there is neither a bias a row nor a partial sum.
 *
 * A call a tile costs 65 cycles beside the products, 20 to 30 more than the stores alone: 32 to 64 channels
 * of 112x112 went from 0.366 to 0.350 ms, 64 to 64 of 56x56 from 0.156 to 0.151, with AVX2 24 to 144 to 0.90
 * of the time.
 */
using GemmStripKernel = void (*)(const GemmTile& t, Index tiles);

/**
 * Tiles of one panel after each other whose rows, and outputs, lie at one pitch: rows of points whose taps
 * all lie inside the map, and the products of a transform.
 *
 *   out[i * out_pitch + j] = clip(Σ_r Σ_k rows[i * pitch + run_offset[r] + k] *
 *       panel[(run_start[r] + k) * NR * lanes + j] + bias[j] + residual[…the same place])
 *
 * for k < depth.
 */
struct GemmRows {
  const float* rows = nullptr;
  Index pitch = 0;
  /** At least one run, and one product of each. */
  const Index* run_offset = nullptr;
  const std::int32_t* run_start = nullptr;
  Index runs = 1, depth = 0;
  const float* panel = nullptr;
  float* out = nullptr;
  /** Of outputs, and of residuals where there are any. */
  Index out_pitch = 0;
  const float* residual = nullptr;
  bool fetch_out = false;
  /**
   * Of outputs that begin kCarried floats after a line, as those of JavaScript's large arrays do, or null: a
   * vector a row, aligned, in which the last channels of one panel wait for the next one of the same rows. So
   * each line is stored once and whole, and asked for a tile before. By halves each was met by two panels,
   * long after each other: 64 to 256 channels of 56x56 with AVX2 took 1.3 to 1.5 times as long where the
   * last-level cache was slow to answer, and 1.02 otherwise.
   */
  float* carry = nullptr;
  /** With a carry: whether a panel before this one left something in it, and whether one comes behind. */
  bool carried = false, carries_on = false;
  /** Of the panel, those that exist: more than all vectors but the last one have, and all with a carry. */
  int columns = 0;
  /** Its bias is that of the panel's first column; its activation is `clip`. */
  const Epilogue* epilogue = nullptr;
};

/** From a line's begin to that of an array: what malloc keeps before large ones, of which those of JavaScript
 * are made. */
inline constexpr Index kCarried = 4;

using GemmRowsKernel = void (*)(const GemmRows& g, Index tiles);

inline constexpr int kMaxTileRows = 14;
inline constexpr int kMaxTileVectors = 4;
inline constexpr int kMaxPitchedRows = 20;
inline constexpr int kPitchedTiles = 3;

/** Of a register tile whose rows lie at one pitch: its rows, and the longest sums, in products, for which it
 * serves. One run without a residual is multiplied by a function of its own, but where it is seldom so. */
struct PitchedShape {
  int rows = 0;
  Index depth = 0;
  bool for_several_runs = false;
};

/** Such a tile; without rows where there is none. */
struct PitchedTile {
  int rows = 0;
  Index depth = 0;
  GemmRowsKernel run = nullptr;
  /** With a carry; null where there is none. */
  GemmRowsKernel carried = nullptr;
};

inline constexpr Index kShortSum = 192;

/** The register tiles of one instruction set: `tile[NR - 1][MR - 1]`, null past `max_rows[NR - 1]`. */
struct GemmKernels {
  int lanes = 0;
  int max_rows[kMaxTileVectors] = {};
  /** Of max_rows, those that suit sums of at most kShortSum products. */
  int short_rows[kMaxTileVectors] = {};
  /** Vectors of a panel, where there are enough output channels. */
  int preferred_vectors = 1;
  GemmKernel tile[kMaxTileVectors][kMaxTileRows] = {};
  /** Of tiles of short_rows[NR - 1]; null where there is none. */
  GemmStripKernel strip[kMaxTileVectors] = {};
  /** `pitched[NR - 1]`, the preferred one first: the one that may carry, of preferred_vectors. */
  PitchedTile pitched[kMaxTileVectors][kPitchedTiles] = {};
  /** Whether they serve for several runs of any length, such as those of 3x3 over 3 channels; otherwise only
   * for fours. */
  bool pitches_odd_runs = false;

  /** Of the tiles that rows are cut into, for sums of `depth` products. */
  int tile_rows(int vectors, Index depth) const {
    return (depth <= kShortSum ? short_rows : max_rows)[vectors - 1];
  }

  /**
   * Of so many vectors, what multiplies stretches of `count` rows at one pitch in sums of `depth` products:
   * the first that serves for such sums; of fewer than 32 tiles, of which the last ones weigh, the first that
   * divides `count`, if there is one; the last, where none serves.
   */
  const PitchedTile& pitched_tile(int vectors, Index depth, Index count) const {
    const PitchedTile* best = pitched[vectors - 1];
    for (const PitchedTile& tile : pitched[vectors - 1]) {
      if (tile.rows == 0) break;
      const bool few = count < 32 * Index{best->rows};
      const bool divides = few && tile.depth >= depth && count % tile.rows == 0 && count % best->rows != 0;
      if (best->depth < depth || divides) best = &tile;
    }
    return *best;
  }

  /** Whether such tiles gain by it. */
  bool multiplies_pitched(int vectors, Index depth) const {
    return depth > 0 && pitched_tile(vectors, depth, 0).depth >= depth;
  }

  /** What multiplies tiles of `rows` and `vectors` by one call, if `t` is such as it reads. */
  GemmStripKernel strip_for(const GemmTile& t, int rows, int vectors) const {
    const bool suits = rows == short_rows[vectors - 1] && t.runs > 0 && t.first && t.last &&
                       t.ahead == nullptr && t.row_bias == nullptr && t.epilogue->op == ActivationOp::clip;
    return suits ? strip[vectors - 1] : nullptr;
  }
};

}  // namespace convolith
