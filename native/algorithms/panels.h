#pragma once

#include <algorithm>
#include <vector>

#include "algorithms/algorithm.h"

namespace convolith {

/** How a GEMM's output channels are cut into panels of whole vectors. */
struct Panels {
  struct Panel {
    int vectors = 1;
    /** First output channel, and how many of the panel's channels exist. */
    Index column = 0;
    int columns = 0;
  };

  std::vector<Panel> list;
  int lanes = 1;
  /** Rows of the register tile: what the widest panel allows, so that all panels read the same row pointers.
   */
  int tile_rows = 1;

  /** `depth`: products a sum. */
  Panels(Index channels, Index depth, const GemmKernels& gemm) : lanes(gemm.lanes) {
    const int preferred = gemm.preferred_vectors;
    Index vectors = ceil_div(channels, lanes);
    Index column = 0;
    int widest = 1;
    while (vectors > 0) {
      int take = static_cast<int>(std::min<Index>(preferred, vectors));
      // One vector alone is the slowest tile: the last panel takes it along, or the last two share evenly.
      if (vectors == preferred + 1)
        take = preferred + 1 <= kMaxTileVectors ? preferred + 1 : (preferred + 1) / 2;
      list.push_back(
          {take, column, static_cast<int>(std::min<Index>(channels - column, Index{take} * lanes))});
      column += Index{take} * lanes;
      vectors -= take;
      widest = std::max(widest, take);
    }
    tile_rows = (depth <= kShortSum ? gemm.short_rows : gemm.max_rows)[widest - 1];
  }

  Index count() const { return static_cast<Index>(list.size()); }
  const Panel& operator[](Index i) const { return list[static_cast<std::size_t>(i)]; }
  int width(Index i) const { return (*this)[i].vectors * lanes; }
  int max_width() const {
    int widest = 1;
    for (const Panel& panel : list) widest = std::max(widest, panel.vectors);
    return widest * lanes;
  }
};

}  // namespace convolith
