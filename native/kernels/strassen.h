#pragma once

#include "kernels/epilogue.h"

namespace convolith {

/**
 * Tiles of one of the seven products of a block: a number of rows at one pitch, of `depth` values each, by a
 * panel [depth][vectors][lane]. What the products add up to is handed on tile by tile, [row][vectors][lane]:
 *
 *   sum  = start + rows · panel
 *   out  = activation(sum + add + bias + residual)
 *   keep = sum + keep_with
 */
struct StrassenRows {
  const float* rows = nullptr;
  Index pitch = 0;
  /** A multiple of four. */
  Index depth = 0;
  const float* panel = nullptr;
  /** Each of these may be null: nothing is added, or written. */
  const float* start = nullptr;
  const float* add = nullptr;
  const float* keep_with = nullptr;
  float* keep = nullptr;
  float* out = nullptr;
  const float* residual = nullptr;
  /** Of outputs and residuals. */
  Index out_pitch = 0;
  /** Weights that come next, of which so many lines are brought for every four values of a tile. */
  const float* ahead = nullptr;
  const float* ahead_end = nullptr;
  Index ahead_lines = 0;
  /** Its bias is that of the panel's first column; its activation is `clip`. */
  const Epilogue* epilogue = nullptr;
};

using StrassenRowsKernel = void (*)(const StrassenRows& g, Index tiles);

/** Four sums of the halves of two neighbouring pixels. Rows of sums are whole vectors. */
struct StrassenSums {
  /** [pair][first and second half of a pixel, and of the one beside it], each `half` values. */
  const float* pixels = nullptr;
  Index pairs = 0, half = 0;
  /** Each [pair][pitch], of a pixel's halves a and b and the next one's c and d: c + d; c + d - a; a - c; and
   * b - (c + d - a). */
  float* sum[4] = {};
  Index pitch = 0;
};

/** The register tiles: of `tile_rows` rows, and of one row less, so that any number of rows but the fewest is
 * whole tiles. */
struct StrassenKernels {
  int tile_rows = 0;
  /** Vectors of a panel. */
  int vectors = 0;
  StrassenRowsKernel rows[2] = {};
  void (*sums)(const StrassenSums& s) = nullptr;
};

}  // namespace convolith
