// Where a block of a lattice GEMM finds its inputs: offsets of its points and taps, its tiles, and their row
// pointers.

#include <algorithm>

#include "algorithms/cut.h"
#include "algorithms/lattice_gemm.h"
#include "algorithms/lattice_gemm_work.h"

namespace convolith {

/** Where a block's first point lies in the output map. */
Index LatticeGemm::corner_of(const Block& block) const {
  return (lattice_.z.out_start + block.z * lattice_.z.out_step) * out_.z +
         (lattice_.y.out_start + block.y0 * lattice_.y.out_step) * out_.y +
         (lattice_.x.out_start + block.x0 * lattice_.x.out_step) * out_.x;
}

/** What locate, arrange and point do, for a flattened pointwise layer: the points are evenly apart. */
void LatticeGemm::line_up(const Block& block, const Buffers& buffers, Work& w) const {
  const LatticeAxis& x = lattice_.x;
  w.z_list[0] = lattice_.z.coordinate(0, 0);
  w.y_list[0] = lattice_.y.coordinate(0, 0);
  w.base = buffers.input + block.image * in_.image + w.z_list[0] * in_.z + w.y_list[0] * in_.y +
           x.coordinate(block.x0, 0) * in_.x + block.group * group_in_ * in_.channel;
  w.corner = corner_of(block);
  Index step = x.in_step * in_.x;
  if (staged_) {
    const Region region{
        w.z_list, w.y_list, 1, 1, x.coordinate(block.x0, 0), (block.width - 1) * x.in_step + 1};
    stage_region(lattice_, region, buffers.input + block.image * in_.image, in_,
                 {block.group * group_in_, group_in_, 1, pitch_}, kernels_, w.staged);
    w.base = w.staged;
    step = x.in_step * pitch_;
  }
  w.inner_offset[0] = 0;
  w.inner_start[0] = 0;
  std::fill_n(w.inner_ranges, chunks_.size(), RunRange{0, 1});
  if (pitched_) return list_pitched_runs(block, 0, w);
  const Index width = block.width;
  // The compiler cannot know that these stores leave the block and the scratch's own pointers as they are.
  const float** rows = w.rows;
  const float* from = w.base;
  w.map_start = w.corner;
  for (Index p = 0; p < width; ++p, from += step) rows[p] = from;
  w.map_offset = full_.to.data();
  const FullPieces pieces(width, panels_.tile_rows);
  const Index count = pieces.count();
  Tile* tiles = w.tiles;
  for (Index t = 0; t < count; ++t) tiles[t] = {pieces.begin(t), pieces.size(t), true};
  w.tile_count = count;
}

/** Lists the runs of slices that lie in the map, chunk by chunk, each as far from a point's first one as
 * `step` says; their number. */
Index LatticeGemm::list_runs(Work& w, FunctionRef<Index(const RunTap&)> step) const {
  Index n = 0;
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    const Chunk& chunk = chunks_[c];
    // Pieces of one run share its pointers.
    if (chunk.k_begin > 0) {
      w.inner_ranges[c] = w.inner_ranges[c - 1];
      continue;
    }
    w.inner_ranges[c].begin = n;
    for (Index r = chunk.first_run; r < chunk.first_run + chunk.runs; ++r) {
      const RunTap& tap = run_taps_[static_cast<std::size_t>(r)];
      if (w.z_offset[tap.z] < 0) continue;
      w.inner_offset[n] = step(tap);
      w.inner_start[n++] = static_cast<std::int32_t>(r * run_length_);
    }
    w.inner_ranges[c].end = n;
  }
  return n;
}

/** What locate, arrange and point do, from tables, for a block whose points all have the same taps. */
void LatticeGemm::place(const Block& block, const Buffers& buffers, Work& w) const {
  const LatticeAxis& z = lattice_.z;
  const LatticeAxis& y = lattice_.y;
  const LatticeAxis& x = lattice_.x;
  const Index height = (block.height - 1) * y.in_step + y.span();
  const Index y_begin = y.coordinate(block.y0, 0);
  for (Index i = 0; i < height; ++i) w.y_list[i] = y_begin + i;
  for (Index t = 0; t < z.tap_count(); ++t) w.z_list[t] = z.coordinate(block.z, t);
  const Region region{w.z_list,
                      w.y_list,
                      z.tap_count(),
                      height,
                      x.coordinate(block.x0, 0),
                      (block.width - 1) * x.in_step + x.span()};
  stage_region(lattice_, region, buffers.input + block.image * in_.image, in_,
               {block.group * group_in_, group_in_, 1, pitch_}, kernels_, w.staged);

  const Index row = region.width * pitch_;
  for (Index t = 0; t < z.tap_count(); ++t) {
    w.z_offset[t] = z.source(w.z_list[t]) == LatticeAxis::kOutside ? LatticeAxis::kOutside : t * height * row;
  }
  list_runs(w, [&](const RunTap& tap) {
    return w.z_offset[tap.z] + tap.y * row + (x.coordinate(0, tap.x) - x.coordinate(0, 0)) * pitch_;
  });

  w.base = w.staged;
  w.corner = corner_of(block);
  if (pitched_) return list_pitched_runs(block, y.in_step * row, w);
  w.map_start = w.corner;
  const PointTable& table = block.width == block_width_ ? full_ : narrow_;
  const Index points = block.points();
  w.map_offset = table.to.data();
  const FullPieces tiles(points, panels_.tile_rows);
  w.tile_count = tiles.count();
  for (Index t = 0; t < w.tile_count; ++t) {
    const Tile tile{tiles.begin(t), tiles.size(t), true};
    w.tiles[t] = tile;
    const float** to = w.rows + tile.first * runs_;
    for (int i = 0; i < tile.rows; ++i)
      to[i] = w.staged + table.from[static_cast<std::size_t>(tile.first + i)];
  }
}

/** Fills the offset tables of the block's points and taps, and the staged region where there is one. */
void LatticeGemm::locate(const Block& block, const Buffers& buffers, Work& w) const {
  const LatticeAxis& z = lattice_.z;
  const LatticeAxis& y = lattice_.y;
  const LatticeAxis& x = lattice_.x;
  const float* image = buffers.input + block.image * in_.image;
  Index z_stride = in_.z;
  Index y_stride = in_.y;
  Index x_stride = in_.x;
  Index height = 0;
  bool row_major = true;  // staged rows are a range; otherwise one list of rows a tap
  const Index y_begin = y.taps.empty() ? 0 : y.coordinate(block.y0, 0);
  const Index x_begin = x.taps.empty() ? 0 : x.coordinate(block.x0, 0);
  w.base = image + block.group * group_in_ * in_.channel;
  if (staged_) {
    const Index range = (block.height - 1) * y.in_step + y.span();
    height = std::min(range, block.height * y.tap_count());
    row_major = height == range;
    if (row_major) {
      for (Index i = 0; i < height; ++i) w.y_list[i] = y_begin + i;
    } else {
      for (Index t = 0; t < y.tap_count(); ++t) {
        for (Index i = 0; i < block.height; ++i)
          w.y_list[t * block.height + i] = y.coordinate(block.y0 + i, t);
      }
    }
    for (Index t = 0; t < z.tap_count(); ++t) w.z_list[t] = z.coordinate(block.z, t);
    const Region region{w.z_list, w.y_list, z.tap_count(),
                        height,   x_begin,  (block.width - 1) * x.in_step + x.span()};
    const StagedChannels channels{block.group * group_in_, group_in_, 1, pitch_};
    stage_region(lattice_, region, image, in_, channels, kernels_, w.staged);
    w.base = w.staged;
    x_stride = pitch_;
    y_stride = region.width * pitch_;
    z_stride = height * y_stride;
  }
  for (Index t = 0; t < z.tap_count(); ++t) {
    const Index source = z.source(z.coordinate(block.z, t));
    w.z_offset[t] = source == LatticeAxis::kOutside ? source : (staged_ ? t : source) * z_stride;
  }
  const auto inner = [](const LatticeAxis& axis, Index i) {
    return axis.coordinate(i, 0) >= 0 && axis.coordinate(i, axis.tap_count() - 1) < axis.in_size;
  };
  for (Index i = 0; i < block.height; ++i) {
    w.y_inner[i] = !y.taps.empty() && inner(y, block.y0 + i);
    for (Index t = 0; t < y.tap_count(); ++t) {
      const Index at = y.coordinate(block.y0 + i, t);
      const Index source = y.source(at);
      const Index staged = row_major ? at - y_begin : t * block.height + i;
      w.y_offset[i * y.tap_count() + t] =
          source == LatticeAxis::kOutside ? source : (staged_ ? staged : source) * y_stride;
    }
  }
  for (Index i = 0; i < block.width; ++i) {
    // A merged run's columns are staged, padding and all.
    w.x_inner[i] = merged_ || (!x.taps.empty() && inner(x, block.x0 + i));
    if (merged_) {
      w.x_offset[i] = (staged_ ? i * x.in_step : x.coordinate(block.x0 + i, 0)) * x_stride;
      continue;
    }
    for (Index t = 0; t < x.tap_count(); ++t) {
      const Index at = x.coordinate(block.x0 + i, t);
      const Index source = x.source(at);
      w.x_offset[i * x.tap_count() + t] =
          source == LatticeAxis::kOutside ? source : (staged_ ? at - x_begin : source) * x_stride;
    }
  }
}

/**
 * Puts the block's points in order and cuts them into tiles. Where much of the kernel lies in the padding,
 * points that meet the same taps are brought together, so that a tile leaves out the taps that none of its
 * points meets.
 */
void LatticeGemm::arrange(const Block& block, Work& w) const {
  const auto same_taps = [](const Index* offsets, Index taps, Index i, Index j) {
    for (Index t = 0; t < taps; ++t) {
      if ((offsets[i * taps + t] < 0) != (offsets[j * taps + t] < 0)) return false;
    }
    return true;
  };
  const auto segment_end = [&](bool segmented, const Index* offsets, Index taps, Index begin, Index count) {
    if (!segmented) return count;
    Index end = begin + 1;
    while (end < count && same_taps(offsets, taps, begin, end)) ++end;
    return end;
  };
  const Index taps_x = merged_ ? 1 : lattice_.x.tap_count();
  const Index z_at = lattice_.z.out_start + block.z * lattice_.z.out_step;
  Index points = 0;
  w.tile_count = 0;
  w.map_offset = w.point_offset;
  for (Index y0 = 0; y0 < block.height;) {
    const Index y1 = segment_end(segmented_y_, w.y_offset, lattice_.y.tap_count(), y0, block.height);
    for (Index x0 = 0; x0 < block.width;) {
      const Index x1 = segment_end(segmented_x_, w.x_offset, taps_x, x0, block.width);
      const Index first = points;
      for (Index y = y0; y < y1; ++y) {
        const Index y_at = lattice_.y.out_start + (block.y0 + y) * lattice_.y.out_step;
        const Index row = z_at * out_.z + y_at * out_.y + lattice_.x.out_start * out_.x;
        const Index step = lattice_.x.out_step * out_.x;
        for (Index x = x0; x < x1; ++x, ++points) {
          w.point_y[points] = y;
          w.point_x[points] = x;
          w.point_offset[points] = row + (block.x0 + x) * step;
        }
      }
      const Index count = points - first;
      const FullPieces tiles(count, panels_.tile_rows);
      for (Index t = 0; t < tiles.count(); ++t)
        w.tiles[w.tile_count++] = {first + tiles.begin(t), tiles.size(t), false};
      x0 = x1;
    }
    y0 = y1;
  }
}

/** Writes how far each run lies from a point's first one where all taps are inside the map, and returns their
 * number: 0 where no point has such. */
Index LatticeGemm::step_taps(const Block& block, Work& w) const {
  const Index taps_y = lattice_.y.tap_count();
  const Index taps_x = merged_ ? 1 : lattice_.x.tap_count();
  const auto first = [](const bool* inner, Index count) {
    return std::find(inner, inner + count, true) - inner;
  };
  const Index y = first(w.y_inner, block.height);
  const Index x = first(w.x_inner, block.width);
  if (runs_ < 2 || y == block.height || x == block.width) return 0;
  const Index* y_offset = w.y_offset + y * taps_y;
  const Index* x_offset = w.x_offset + x * taps_x;
  return list_runs(w, [&](const RunTap& tap) {
    return w.z_offset[tap.z] + y_offset[tap.y] - y_offset[0] + x_offset[tap.x] - x_offset[0];
  });
}

/** Writes each tile's row pointers, without the runs that meet only zeros. */
void LatticeGemm::point(const Block& block, Work& w) const {
  const Index taps_y = lattice_.y.tap_count();
  const Index taps_x = merged_ ? 1 : lattice_.x.tap_count();
  const auto chunk_count = static_cast<Index>(chunks_.size());
  const Index steps = step_taps(block, w);
  for (Index t = 0; t < w.tile_count; ++t) {
    Tile& tile = w.tiles[t];
    const float** rows = w.rows + tile.first * runs_;
    const Index* ys = w.point_y + tile.first;
    const Index* xs = w.point_x + tile.first;
    tile.inner = steps > 0;
    for (int i = 0; i < tile.rows && tile.inner; ++i) {
      tile.inner = w.y_inner[ys[i]] && w.x_inner[xs[i]];
      if (!tile.inner) break;
      rows[i] = w.base + w.y_offset[ys[i] * taps_y] + w.x_offset[xs[i] * taps_x];
    }
    if (tile.inner) continue;
    std::int32_t* run_start = w.run_start + tile.first * runs_;
    RunRange* ranges = w.ranges + t * chunk_count;
    Index n = 0;
    for (Index c = 0; c < chunk_count; ++c) {
      const Chunk& chunk = chunks_[static_cast<std::size_t>(c)];
      if (chunk.k_begin > 0) {
        ranges[c] = ranges[c - 1];
        continue;
      }
      ranges[c].begin = n;
      for (Index r = chunk.first_run; r < chunk.first_run + chunk.runs; ++r) {
        const RunTap tap = run_taps_[static_cast<std::size_t>(r)];
        const Index z_offset = w.z_offset[tap.z];
        if (z_offset < 0) continue;
        const float** row = rows + n * tile.rows;
        bool any = false;
        for (int i = 0; i < tile.rows; ++i) {
          const Index y = w.y_offset[ys[i] * taps_y + tap.y];
          const Index x = w.x_offset[xs[i] * taps_x + tap.x];
          const bool inside = (y | x) >= 0;
          row[i] = inside ? w.base + z_offset + y + x : zeros_.data();
          any |= inside;
        }
        if (any) run_start[n++] = static_cast<std::int32_t>(r * run_length_);
      }
      ranges[c].end = n;
    }
  }
}

}  // namespace convolith
