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
  const float** rows;  // [tile][run][row of the tile], or [tile][row of the tile] where it is inner
  std::int32_t* run_start;
  RunRange* ranges;  // [tile][chunk]
  // What the tiles share whose taps all lie inside the map.
  Index* inner_offset;  // [run]
  std::int32_t* inner_start;
  RunRange* inner_ranges;  // [chunk]
  Index* point_offset;     // [points], of the output map, where no table has them
  // Of rows of points at one pitch: each row's runs, from `base` on.
  Index* pitched_offset;        // [block height][run]
  std::int32_t* pitched_start;  // [block height][run]
  Index* pitched_runs;          // [block height]
  float* carry;                 // [points][lane]: GemmRows
  Index* plane_offset;          // [points], of the planes
  float* partial;
  float* planes;
  float* residual_planes;
  const float* base = nullptr;
  const Index* map_offset = nullptr;  // [points], from map_start of the output map on
  Index map_start = 0;
  Index corner = 0;  // of the block's first point, in the output map
  Index tile_count = 0;
  Index first_panel = 0, end_panel = 0;  // of the task
};

}  // namespace convolith
