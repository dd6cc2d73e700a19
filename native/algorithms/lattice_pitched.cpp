// Lattice GEMMs of short sums whose points lie at one pitch, row by row: neither pointers nor a table of
// points, but for those that meet a border.

#include <algorithm>
#include <cstdint>

#include "algorithms/cut.h"
#include "algorithms/lattice_gemm.h"
#include "algorithms/lattice_gemm_work.h"
#include "algorithms/pitched_rows.h"
#include "base/cpu.h"

namespace convolith {

namespace {

/** With fewer channels kernel rows are better merged into one run, which is staged; and those of one row with
 * up to 31: of 12 channels and 15 taps it took 1.35 times as long, of 24 and 10 taps 1.07. */
constexpr Index kLeastRun = 16, kLeastRunOfOneRow = 32;

/** Rows of so many points end with a tile that is not full without much loss. */
constexpr Index kLongRow = 28;

constexpr Index kCarriedMap = Index{2} << 20;

/** Whether each point of an axis meets some of the input. */
bool meets_input_everywhere(const LatticeAxis& axis) {
  for (Index i = 0; i < axis.count; ++i) {
    if (axis.taps_inside(i) == 0) return false;
  }
  return true;
}

}  // namespace

/** Of the widest panel. */
const PitchedTile& LatticeGemm::pitched_tile(Index row) const {
  const int vectors = panels_.max_width() / panels_.lanes;
  return kernels_.gemm.pitched_tile(vectors, lattice_.tap_count() * group_in_, row);
}

/**
 * Whether tiles that end with a row of points fill so well: of 17 points in tiles of 6, not of 14. 10 at a
 * time 16 to 32 channels of 20x20, 1x1 by a stride of 2, took 0.67 of the time of finding each point, 64 to
 * 128 of 28x28 1.04. Of two vectors 7 rows are a full tile's worth of sums; of one vector 12 points are two
 * tiles of 6, whose sums wait for each other: 1.33 of the time.
 */
bool LatticeGemm::fills_tiles(Index row) const {
  const int vectors = panels_.max_width() / panels_.lanes;
  if (vectors == 2) return row >= 7;
  return 8 * round_up(row, pitched_tile(row).rows) <= 9 * row;
}

/**
 * Whether several runs that are no fours gain by it: where three quarters of a row are full tiles. Of the
 * time of pointers 3x3 of 3 channels takes, on Zen 5, 0.84 to 16, 0.91 to 32 and 0.93 to 64 (64x64, 224x224,
 * 8 of 32x32), but 1.04 to 1.27 where they are fewer.
 */
bool LatticeGemm::suits_odd_runs(Index row) const {
  const int rows = pitched_tile(row).rows;
  return kernels_.gemm.pitches_odd_runs && Index{4} * rows * FullPieces(row, rows).full() >= 3 * row;
}

/** What any such sums need. */
bool LatticeGemm::multiplies_rows(Index bytes) const {
  const Index depth = lattice_.tap_count() * group_in_;
  if (!channels_last_ || lattice_.points() == 0 || depth > kLongestSum) return false;
  if (epilogue_.at(0).op != ActivationOp::clip || brings_weights(bytes)) return false;
  return std::all_of(panels_.list.begin(), panels_.list.end(), [&](const Panels::Panel& panel) {
    return kernels_.gemm.multiplies_pitched(panel.vectors, depth);
  });
}

bool LatticeGemm::suits_pitched_rows() const {
  const bool whole = regular_ || row_only_ || (!staged_ && meets_no_padding(lattice_));
  if (!whole || !multiplies_rows(weight_bytes())) return false;
  if (!meets_input_everywhere(lattice_.z)) return false;
  if (regular_ && runs_ > 1 && run_length_ % 4 != 0 && !suits_odd_runs(lattice_.x.count)) return false;
  return lattice_.points() == lattice_.x.count || fills_tiles(lattice_.x.count);
}

/** Lines of smaller maps are still in the second-level cache when the next panel meets them: 24 to 144
 * channels of 56x56 took 1.03 times as long beside other work. On Zen 5 whole lines gain nothing by it: 64 to
 * 256 channels of 56x56 take as long without, 16 to 96 of 112x112 0.98, 10 taps by 5 from 1 to 512 0.93. */
bool LatticeGemm::suits_carry() const {
  if (kernels_.lanes == kLineFloats && cpu_family() == CpuFamily::amd) return false;
  if (batch_ * out_.image * static_cast<Index>(sizeof(float)) < kCarriedMap) return false;
  const GemmKernels& gemm = kernels_.gemm;
  const PitchedTile& tile = gemm.pitched[gemm.preferred_vectors - 1][0];
  const bool carries = tile.carried != nullptr && runs_ * run_length_ <= tile.depth;
  return carries && panels_.count() > 1 && panels_.alike(gemm.preferred_vectors) &&
         group_out_ % panels_.max_width() == 0 && out_.x % kLineFloats == 0;
}

/** Sets which points of a row have no columns in the padding, and says whether they are most. */
bool LatticeGemm::suits_bordered_rows() {
  const LatticeAxis& x = lattice_.x;
  inner_end_ = x.count;
  const bool one_row = lattice_.tap_count() == x.tap_count();
  if (x.contiguous_taps() && group_in_ < (one_row ? kLeastRunOfOneRow : kLeastRun)) return false;
  if (lattice_.tap_count() < 2 || meets_no_padding(lattice_)) return false;
  Index width = 0;
  for (Index i = 0; i < panels_.count(); ++i) width += panels_.width(i);
  const Index bytes = groups_ * lattice_.tap_count() * group_in_ * width * static_cast<Index>(sizeof(float));
  if (!multiplies_rows(bytes) || x.taps.empty()) return false;
  const Index begin = std::max<Index>(0, ceil_div(-x.taps.front().offset, x.in_step));
  const Index end =
      std::min(x.count, ceil_div(std::max<Index>(x.in_size - x.taps.back().offset, 0), x.in_step));
  const bool long_row = lattice_.points() == x.count || end - begin >= kLongRow;
  if (4 * (end - begin) < 3 * x.count || !(long_row || fills_tiles(end - begin))) return false;
  if (!meets_input_everywhere(lattice_.z) || !meets_input_everywhere(lattice_.y)) return false;
  inner_begin_ = begin;
  inner_end_ = end;
  return true;
}

/** The same runs for every row, `in_row` floats further each, but for those that meet only rows of the
 * padding: 13 groups of 16 channels, 3×3 on 14x14, take 0.97 of the time. */
void LatticeGemm::list_pitched_runs(const Block& block, Index in_row, Work& w) const {
  const LatticeAxis& y = lattice_.y;
  const Index runs = w.inner_ranges[0].end;
  for (Index i = 0; i < block.height; ++i) {
    Index* offset = w.pitched_offset + i * runs_;
    std::int32_t* start = w.pitched_start + i * runs_;
    Index n = 0;
    for (Index r = 0; r < runs; ++r) {
      const RunTap& tap = run_taps_[static_cast<std::size_t>(w.inner_start[r] / run_length_)];
      if (y.source(y.coordinate(block.y0 + i, tap.y)) == LatticeAxis::kOutside && (n > 0 || r + 1 < runs))
        continue;
      offset[n] = w.inner_offset[r] + i * in_row;
      start[n++] = w.inner_start[r];
    }
    w.pitched_runs[i] = n;
  }
  w.tile_count = 0;
}

/** What locate, arrange and point do, where rows are read in place: each without the runs in the padding. */
void LatticeGemm::line_up_rows(const Block& block, const Buffers& buffers, Work& w) const {
  const LatticeAxis& z = lattice_.z;
  const LatticeAxis& y = lattice_.y;
  const LatticeAxis& x = lattice_.x;
  const bool borders = block.x0 < inner_begin_ || block.x0 + block.width > inner_end_;
  w.tile_count = 0;
  if (borders) {
    locate(block, buffers, w);
    arrange_borders(block, w);
  }
  w.base = buffers.input + block.image * in_.image + block.group * group_in_ * in_.channel;
  w.corner = corner_of(block);
  const Index first = std::max(block.x0, inner_begin_);
  for (Index i = 0; i < block.height; ++i) {
    Index* offset = w.pitched_offset + i * runs_;
    std::int32_t* start = w.pitched_start + i * runs_;
    const Index at = block.y0 + i;
    const bool whole = y.coordinate(at, 0) >= y.in_step && y.coordinate(at, y.tap_count() - 1) < y.in_size;
    if (whole && i > 0 && w.pitched_runs[i - 1] == runs_) {
      for (Index r = 0; r < runs_; ++r) offset[r] = offset[r - runs_] + y.in_step * in_.y;
      std::copy_n(start - runs_, runs_, start);
      w.pitched_runs[i] = runs_;
      continue;
    }
    Index n = 0;
    for (Index r = 0; r < runs_; ++r) {
      const RunTap& tap = run_taps_[static_cast<std::size_t>(r)];
      const Index from_z = z.source(z.coordinate(block.z, tap.z));
      const Index from_y = y.source(y.coordinate(at, tap.y));
      if ((from_z | from_y) < 0) continue;
      offset[n] = from_z * in_.z + from_y * in_.y + x.coordinate(first, tap.x) * in_.x;
      start[n++] = static_cast<std::int32_t>(r * run_length_);
    }
    w.pitched_runs[i] = n;
  }
}

/** The points whose columns lie in the padding, in tiles with pointers. */
void LatticeGemm::arrange_borders(const Block& block, Work& w) const {
  const Index begin = std::clamp<Index>(inner_begin_ - block.x0, 0, block.width);
  const Index end = std::clamp<Index>(inner_end_ - block.x0, begin, block.width);
  const Index corner = corner_of(block);
  Index points = 0;
  for (Index y = 0; y < block.height; ++y) {
    for (Index x = begin > 0 ? 0 : end; x < block.width; x = x + 1 == begin ? end : x + 1) {
      w.point_y[points] = y;
      w.point_x[points] = x;
      w.point_offset[points++] = corner + y * lattice_.y.out_step * out_.y + x * lattice_.x.out_step * out_.x;
    }
  }
  const FullPieces tiles(points, panels_.tile_rows);
  for (Index t = 0; t < tiles.count(); ++t) w.tiles[t] = {tiles.begin(t), tiles.size(t), false};
  w.tile_count = tiles.count();
  w.map_offset = w.point_offset;
  point(block, w);
}

/** What compute_panel does with the points that lie at one pitch. */
void LatticeGemm::compute_pitched(const Block& block, const GemmTile& t, Index panel, const Work& w) const {
  const LatticeAxis& x = lattice_.x;
  const Index begin = std::max(inner_begin_ - block.x0, Index{0});
  const Index count = std::min(inner_end_ - block.x0, block.width) - begin;
  if (count <= 0) return;
  GemmRows g;
  g.rows = w.base;
  g.pitch = x.in_step * (staged_ ? pitch_ : in_.x);
  g.depth = run_length_;
  g.panel = t.panel;
  g.out_pitch = x.out_step * out_.x;
  const Index first = w.corner + begin * g.out_pitch;
  g.out = t.out + first;
  g.residual = t.residual == nullptr ? nullptr : t.residual + first;
  g.fetch_out = t.fetch_out;
  g.columns = t.columns;
  g.epilogue = t.epilogue;
  const Index out_row = lattice_.y.out_step * out_.y;
  const auto place = reinterpret_cast<std::uintptr_t>(g.out) / sizeof(float);
  if (carries_ && w.end_panel - w.first_panel > 1 && place % kLineFloats == kCarried) {
    g.carry = w.carry;
    g.carried = panel > w.first_panel;
    g.carries_on = panel + 1 < w.end_panel;
  }
  const PitchedStretch stretch(kernels_.gemm, panels_[panel].vectors, runs_ * run_length_, count,
                               g.carry != nullptr);
  for (Index i = 0; i < block.height; ++i) {
    g.run_offset = w.pitched_offset + i * runs_;
    g.run_start = w.pitched_start + i * runs_;
    g.runs = w.pitched_runs[i];
    stretch.run(g);
    g.out += out_row;
    if (g.carry != nullptr) g.carry += count * panels_.lanes;
    if (g.residual != nullptr) g.residual += out_row;
  }
}

}  // namespace convolith
