#pragma once

#include "kernels/epilogue.h"

namespace convolith {

/** What is handed from one product to another, tile by tile, [row][vectors][lane]. Each may be null: nothing
 * is added, or written. `keep` may be `keep_with`. */
struct HandedSums {
  const float* start = nullptr;
  const float* add = nullptr;
  const float* keep_with = nullptr;
  float* keep = nullptr;
};

/**
 * Tiles of a number of rows at one pitch, of `depth` values each, by a panel [depth][vectors][lane], whose
 * sums are handed on: from one of Strassen's products to another, on two levels, or from one part of
 * Winograd's sums to the next.
 *
 *   sum        = inner.start + rows · panel
 *   inner.keep = sum + inner.keep_with
 *   whole      = sum + inner.add + outer.start
 *   outer.keep = whole + outer.keep_with
 *   out        = activation(whole + outer.add + bias + residual)
 *
 * What comes next is brought meanwhile, evenly: 256 channels of 14x14 by Winograd take 0.96 of the time that
 * tiles with a pointer a row take, and 0.86 where their weights come from memory.
 */
struct ProductRows {
  const float* rows = nullptr;
  Index pitch = 0;
  /** A multiple of four. */
  Index depth = 0;
  const float* panel = nullptr;
  HandedSums inner, outer;
  /** May be null, and so may the residual. */
  float* out = nullptr;
  const float* residual = nullptr;
  /** Of outputs and residuals. */
  Index out_pitch = 0;
  /** Weights that come next, of which so many lines are brought for every four values of a tile, the last
   * ones perhaps from beyond their end. */
  const float* ahead = nullptr;
  const float* ahead_end = nullptr;
  Index ahead_lines = 0;
  /** Of `out`: its bias is that of the panel's first column; its activation is `clip`. */
  const Epilogue* epilogue = nullptr;
};

inline constexpr int kEightRows = 8;

using ProductRowsKernel = void (*)(const ProductRows& g, Index tiles);

/** Of `tile_rows` rows, and of one row less, so that any number of rows but the fewest is whole tiles. */
struct ProductKernels {
  int tile_rows = 0;
  /** Of a panel. */
  int vectors = 0;
  ProductRowsKernel rows[2] = {};
  /** Of kEightRows rows by panels of 2 and of 3 vectors, without an outer level; null where there is none. */
  ProductRowsKernel eights[2] = {};

  ProductRowsKernel eight(int vectors_of_panel) const { return eights[vectors_of_panel - 2]; }
  ProductRowsKernel of(int rows_of_tile) const { return rows[tile_rows - rows_of_tile]; }
};

}  // namespace convolith
