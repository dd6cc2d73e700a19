#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "algorithms/algorithm.h"

namespace convolith {

/**
 * Bytes of weights that stay in the second-level cache. More of them pass from the last-level cache or
 * beyond, and the tiles of a panel bring the next one's: hardware's prefetchers start anew on every page, and
 * the first tile of a panel waited while the others had nothing to fetch. 512 channels dilated by 2 went
 * from 10.6 to 8.9 ms, 128 of 28x28 from 0.53 to 0.46, 256 of 14x14 from 0.73 to 0.65; a panel of one tile
 * alone is better left to the prefetchers (1.10 and 1.23 ms).
 */
constexpr Index kNearWeights = Index{1} << 20;

/** Weights of which panels are brought: half of what would stay near, since layers before this one have left
 * their own there. In ResNet-50 1024 to 256 channels of 14x14 went from 0.70 to 0.66 ms, the whole from 45.7
 * to 44.7, and the layer alone stayed at 0.60. */
constexpr bool brings_weights(Index bytes) { return bytes >= kNearWeights / 2; }

/** Whether so many tiles of a panel bring the next one: more of them hide the wait anyway. */
constexpr bool brings_weights(Index bytes, Index tiles) {
  return brings_weights(bytes) && tiles > 1 && tiles <= 64;
}

/** Products that one sum takes: rounding grows with them. */
constexpr Index kLongestSum = 1024;

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

  /** `depth`: products a sum. `rows`: of the left operand in all. */
  Panels(Index channels, Index depth, Index rows, const GemmKernels& gemm) : lanes(gemm.lanes) {
    const int preferred = fitting_vectors(rows, gemm);
    const bool joins = preferred < kMaxTileVectors &&
                       (rows > gemm.max_rows[preferred - 1] || rows <= gemm.max_rows[preferred]);
    Index vectors = ceil_div(channels, lanes);
    Index column = 0;
    int widest = 1;
    while (vectors > 0) {
      int take = static_cast<int>(std::min<Index>(preferred, vectors));
      // One vector alone is the slowest tile: the last panel takes it along, or the last two share evenly.
      if (vectors == preferred + 1) take = joins ? preferred + 1 : (preferred + 1) / 2;
      list.push_back(
          {take, column, static_cast<int>(std::min<Index>(channels - column, Index{take} * lanes))});
      column += Index{take} * lanes;
      vectors -= take;
      widest = std::max(widest, take);
    }
    tile_rows = gemm.tile_rows(widest, depth);
  }

  /** Of channels that are whole eights of vectors: panels of 3, 3 and 2, even shares for two threads. */
  static Panels of_eights(Index channels, const GemmKernels& gemm) {
    Panels panels(0, 0, 0, gemm);
    constexpr int widths[] = {3, 3, 2};
    for (Index column = 0, i = 0; column < channels; ++i) {
      const int vectors = widths[i % 3];
      panels.list.push_back({vectors, column, vectors * gemm.lanes});
      column += Index{vectors} * gemm.lanes;
    }
    panels.tile_rows = gemm.max_rows[2];
    return panels;
  }

  /**
   * The widest panel that few rows pass in one tile, so that weights from beyond the caches arrive at an even
   * pace: 9 rows of 512 channels took 8% longer as two tiles of 4 vectors than as one of 3. The preferred one
   * where rows are many.
   */
  static int fitting_vectors(Index rows, const GemmKernels& gemm) {
    for (int vectors = gemm.preferred_vectors; vectors > 1; --vectors) {
      if (rows <= gemm.max_rows[vectors - 1]) return vectors;
    }
    return gemm.preferred_vectors;
  }

  /** What tells packings of the same weights apart: the panels follow the number of rows. */
  std::string key() const {
    std::string widths = " lanes " + std::to_string(lanes) + " vectors";
    for (const Panel& panel : list) widths += " " + std::to_string(panel.vectors);
    return widths;
  }

  /** The first panel of a part, of so many that are about equally wide. */
  Index part_begin(Index parts, Index part) const {
    const Index vectors = list.empty() ? 0 : list.back().column / lanes + list.back().vectors;
    const Index share = vectors * part / parts;
    Index i = 0;
    for (Index passed = 0; i < count() && passed + (*this)[i].vectors / 2 < share; ++i)
      passed += (*this)[i].vectors;
    return i;
  }
  /** Whether each is so many vectors wide. */
  bool alike(int vectors) const {
    return std::all_of(list.begin(), list.end(),
                       [&](const Panel& panel) { return panel.vectors == vectors; });
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
