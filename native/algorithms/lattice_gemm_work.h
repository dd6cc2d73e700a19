#pragma once

#include "algorithms/lattice_gemm.h"

namespace convolith {

/** One task's scratch. Offsets are floats from the image's (or the staged region's) first value. */
struct LatticeGemm::Work {
  float* staged;
  Index* z_list;
  Index* y_list;
  Index* z_offset;  // [taps]
  Index* y_offset;  // [block height][taps]
  Index* x_offset;  // [block width][taps, or 1 where merged]
  bool* y_inner;    // [block height]: all taps inside the map
  bool* x_inner;
  Index* point_y;  // [points], within the block
  Index* point_x;
  Tile* tiles;
  const float** rows;  // [tile][run][row of the tile]
  std::int32_t* run_start;
  RunRange* ranges;  // [tile][chunk]
  // What the tiles share whose taps all lie inside the map.
  Index* inner_offset;  // [run]
  std::int32_t* inner_start;
  RunRange* inner_ranges;  // [chunk]
  Index* map_offset;       // [points], of the output map
  Index* plane_offset;     // [points], of the planes
  float* partial;
  float* planes;
  float* residual_planes;
  const float* base = nullptr;
  Index tile_count = 0;
};

}  // namespace convolith
