#include "algorithms/winograd_core.h"

#include <algorithm>
#include <atomic>
#include <numeric>

#include "algorithms/pitched_rows.h"
#include "base/cpu.h"
#include "base/thread_pool.h"

namespace convolith {

namespace {

constexpr Index kFloat = sizeof(float);

/** Transformed inputs of a block stay in the second-level cache … */
constexpr Index kInputBudget = Index{512} << 10;
/** … with the sums of a panel, even of one MiB: first layers, whose sums are more than their inputs, take
 * 0.95 to 0.96 of the time (7x7 by 2 of 224x224 and 299x299), 64 channels of 224x224 0.98, others the same
 * (Zen 5). 768 KiB cost 64 channels of 56x56 1.02 … */
constexpr Index kBlockBudget = Index{896} << 10;
/** … unless the weights do not: those pass every block, from the last-level cache or beyond. So many tiles
 * take several times as long as their arrival (27 to 30 GB/s). 512 channels dilated by 2 went from 14.4
 * to 12.9 ms by 28; with a second-level cache of 2 MiB 56 take 0.94 of the time of 28 there, 0.85 in three
 * dimensions, and 84 within 2% of that; but 64 tiles of 32 channels in four parts, whose weights are 1.2 MB,
 * take 0.38 ms in one block and 0.34 in two. */
constexpr Index kTilesOfStreamedWeights = 56;
/** By a stride of 2 a tile meets some weights four times: 28 tiles of 128 channels are so many products of
 * each, and stay in the cache (1.04 ms) where 49 do not (1.13). */
constexpr Index kProductsOfStreamedWeights = 64;
/** Threads share a block's panels, and each transforms its inputs, rather than take fewer tiles than these
 * each: 128 channels of 28x28 on two threads took 0.26 ms so, and 0.22 by 25 tiles each, 192 of 35x35 1.05
 * and 0.69. Weights from memory pass twice as slowly then: VGG-16 took 1.05 of the time. */
constexpr Index kLeastStreamedTiles = 16;
/** Where the panels are no even shares: two threads that took one and two of three each had 192 channels of
 * 28x28 in 0.79 ms, and have them by 12 and 13 tiles in 0.63, of 14x14 by 8 in 0.17 for 0.20, 256 to 64 of
 * 14x14 in 0.088 for 0.125. Of four panels 256 of 28x28 take 0.84 ms by panels and 1.31 by tiles. */
constexpr Index kLeastUnevenTiles = 8;
constexpr double kUnevenShare = 1.2;
/** Weights of this size are read from memory again anyway: written past the caches, 512 to 256 channels of
 * transposed 4x4 take 4.5 ms instead of 9.1. */
constexpr Index kFarPacking = Index{8} << 20;
/**
 * Bytes of a panel that pass all tiles from the first-level cache, while the tiles bring the next piece
 * there: both fit in the smallest, 32 KiB. Of 8 KiB each tile would cost too much (1.15). Cores that compute
 * 512 bits at once have 48 KiB, if not old ones: on Zen 5 pieces of 32 KiB take 0.98 to 0.99 of the time of
 * 16, 0.96 of 160 channels of 28x28 (from memory 0.92); with AVX2 0.996.
 */
Index panel_budget(const KernelTable& kernels) {
  const bool large = kernels.lanes == kLineFloats && !cpu_halves_avx512();
  return Index{large ? 32 : 16} << 10;
}
/** Of a block's time, what each part of it does anew: transforming the inputs took 2% of 256 channels. */
constexpr double kTransformShare = 0.03;
/** Whole rows of tiles are cheaper to find and to stage, if no thread gets more than this of its share. Of so
 * many rows none gets much more, and scratch has no room for another one. */
constexpr double kUnevenRows = 1.04;
constexpr Index kManyRows = 64;

}  // namespace

WinogradCore::WinogradCore(const LatticeProblem& p, const WinogradTiling& tiling)
    : kernels_(p.kernels),
      lattice_(p.lattice),
      tiling_(tiling),
      epilogue_(p.weights.stage()),
      batch_(p.batch),
      groups_(p.weights.stage().spec.groups),
      group_in_(p.weights.stage().spec.group_in()),
      group_out_(p.weights.stage().spec.group_out()),
      depth_(lattice_.z.tap_count()),
      slices_(depth_ * tiling.parts()),
      together_(p.together),
      channels_last_(p.weights.stage().spec.channels_last),
      in_(channels_last_, p.weights.stage().spec.in_channels, p.input),
      out_(channels_last_, p.weights.stage().spec.out_channels, p.output),
      in_eights_(suits_eights()),
      panels_(choose_panels()),
      pitch_(round_up(depth_of_sums(), 16) + 16),
      zeros_(std::max<Index>(group_in_, Index{kMaxTileVectors} * 16)) {
  in_pieces_by_rows_ = suits_product_rows();
  pitched_ = suits_pitched_rows();
  choose_block();
  order_products();
  for (Index z = 0; z < depth_; ++z) {
    for (int y = 0; y < tiling_.y.parts; ++y) {
      for (int x = 0; x < tiling_.x.parts; ++x) slice_list_.push_back({z, y, x});
    }
  }
  const Stage& stage = p.weights.stage();
  packed_ = p.weights.packed("winograd " + p.key + filter() + panels_.key(), [&] { return pack(stage); });
}

void WinogradCore::choose_block() {
  const Index a_tile = tiling_.products() * pitch_ * kFloat;
  const Index sums = Index{tiling_.products()} * panels_.max_width() * kFloat;
  const Index fit = std::min(kInputBudget / a_tile, kBlockBudget / (a_tile + sums));
  const Index most =
      std::max(fit, streams_weights() ? tiles_of_streamed_weights() : Index{panels_.tile_rows});
  const Index columns = tiling_.x.tiles();
  block_columns_ = ceil_div(columns, ceil_div(columns, most));
  const Index fitting = std::clamp<Index>(most / block_columns_, 1, rows_in_all());
  block_rows_ = ceil_div(rows_in_all(), ceil_div(rows_in_all(), fitting));
}

bool WinogradCore::streams_weights() const { return packed_floats() * kFloat > kNearWeights; }

Index WinogradCore::tiles_of_streamed_weights() const {
  if (tiling_.weights() == tiling_.products()) return kTilesOfStreamedWeights;
  return kProductsOfStreamedWeights * tiling_.weights() / tiling_.products();
}

/** Of a block that one of several threads takes. */
Index WinogradCore::least_tiles(int threads) const {
  if (!streams_weights()) return panels_.tile_rows;
  const Index weights = tiling_.weights() * depth_of_sums() * group_out_ * groups_;
  if (weights > kLastCacheFloats) return tiles_of_streamed_weights();
  const auto shared = static_cast<double>(ceil_div(panels_.count(), Index{threads}) * threads);
  const bool uneven = shared > kUnevenShare * static_cast<double>(panels_.count());
  return uneven ? kLeastUnevenTiles : kLeastStreamedTiles;
}

void WinogradCore::order_products() {
  for (int wy = 0; wy < tiling_.y.weights; ++wy) {
    for (int wx = 0; wx < tiling_.x.weights; ++wx) {
      WeightGroup group{static_cast<int>(order_.size()), 0};
      for (int p = 0; p < tiling_.products(); ++p) {
        if (tiling_.y.weight(p / tiling_.x.products) != wy) continue;
        if (tiling_.x.weight(p % tiling_.x.products) != wx) continue;
        order_.push_back(p);
        ++group.count;
      }
      weights_.push_back(group);
    }
  }
}

/** Products of one weight, at the most. */
Index WinogradCore::largest_group() const {
  int most = 0;
  for (const WeightGroup& group : weights_) most = std::max(most, group.count);
  return most;
}

/** The blocks are as many as the caches ask for, or as a multiple of the threads where that leaves them large
 * enough; otherwise each thread takes some panels of one, which reads the weights once. */
WinogradCore::Cut WinogradCore::cut(int threads) const {
  const Index rows = rows_in_all();
  const Index alike = together_ * groups_ * strips();
  Cut c;
  c.blocks = ceil_div(rows, block_rows_);
  if (threads == 1) return c;
  const Index even = round_up(c.blocks, threads / std::gcd(alike, Index{threads}));
  const Index most = rows < kManyRows ? rows * block_columns_ / least_tiles(threads) : rows;
  if (even <= std::max(c.blocks, most)) c.blocks = even;
  c.parts = fitting_parts(alike * c.blocks, panels_.count(), threads, kTransformShare);
  const Index all = alike * rows;
  const auto longest = static_cast<double>(ceil_div(all, threads) * threads);
  c.whole_rows = rows >= kManyRows || (c.blocks <= rows && longest <= kUnevenRows * static_cast<double>(all));
  return c;
}

WinogradCore::Block WinogradCore::block_of(Index index, const Cut& cut) const {
  Block b;
  b.column = index % strips() * block_columns_;
  index /= strips();
  const Index i = index % cut.blocks;
  b.group = index / cut.blocks;
  b.columns = std::min(block_columns_, tiling_.x.tiles() - b.column);
  const Index rows = rows_in_all();
  const Index unit = cut.whole_rows ? b.columns : 1;
  const Index pieces = rows * b.columns / unit;
  const Index begin = piece_begin(pieces, cut.blocks, i) * unit;
  const Index end = piece_begin(pieces, cut.blocks, i + 1) * unit;
  b.tiles = end - begin;
  b.row = begin / b.columns;
  b.rows = ceil_div(end, b.columns) - b.row;
  b.skipped = begin - b.row * b.columns;
  if (b.rows == 1) {
    b.column += b.skipped;
    b.columns = b.tiles;
    b.skipped = 0;
  }
  return b;
}

std::string WinogradCore::filter() const {
  const auto pair = [](Index a, Index b) { return std::to_string(a) + "x" + std::to_string(b); };
  const std::string parts =
      tiling_.parts() == 1 ? "" : " in " + pair(tiling_.y.parts, tiling_.x.parts) + " parts";
  return "F(" + pair(tiling_.y.outputs, tiling_.x.outputs) + "," + pair(tiling_.y.taps, tiling_.x.taps) +
         ")" + parts;
}

std::string WinogradCore::tile() const {
  const int vectors = panels_.max_width() / panels_.lanes;
  int rows = panels_.tile_rows;
  if (pitched_) {
    rows = kernels_.gemm.pitched_tile(vectors, depth_of_sums(), block_rows_ * block_columns_).rows;
  } else if (in_eights_) {
    rows = kEightRows;
  } else if (in_pieces_by_rows_ && vectors == kernels_.product.vectors) {
    rows = kernels_.product.tile_rows;
  }
  return filter() + " " + std::to_string(rows) + "x" + std::to_string(vectors);
}

/**
 * Weights from beyond the second-level cache that 8 or 16 tiles meet, as those of 14x14 by F(4x4,3x3) and of
 * 7x7 by F(2x2,3x3). Tiles of 8 rows by 3 vectors pass weights so seldom that sums need not be carried from
 * one piece to the next: by a bare loop 256 channels reach 0.94 of the peak where tiles of 6x4 in pieces
 * reach 0.905, 512 0.95 and 0.91, from memory 0.93 and 0.90.
 */
bool WinogradCore::suits_eights() const {
  const Index tiles = rows_in_all() * tiling_.x.tiles(), depth = depth_of_sums();
  const Index weights = groups_ * tiling_.weights() * depth * group_out_;
  return kernels_.product.eights[0] != nullptr && tiling_.weights() == tiling_.products() &&
         tiles % kEightRows == 0 && tiles <= Index{2} * kEightRows &&
         group_out_ % (Index{8} * kernels_.lanes) == 0 && depth % 4 == 0 && depth <= kLongestSum &&
         brings_weights(weights * kFloat);
}

Panels WinogradCore::choose_panels() const {
  if (in_eights_) return Panels::of_eights(group_out_, kernels_.gemm);
  const Index rows = rows_in_all() * tiling_.x.tiles() * tiling_.products() / tiling_.weights();
  return Panels(group_out_, depth_of_sums(), rows, kernels_.gemm);
}

/** Weights from beyond the second-level cache, in sums of whole fours. */
bool WinogradCore::suits_product_rows() const {
  return brings_weights(packed_floats() * kFloat) && depth_of_sums() % 4 == 0;
}

/** Parts of K by which a panel passes. Each is a sum of its own: however many threads share the tiles, there
 * must be as many. */
Index WinogradCore::pieces_of_sums(Index panel) const {
  const bool one_tile = largest_group() * rows_in_all() * tiling_.x.tiles() <= panels_.tile_rows;
  if (!brings_weights(packed_floats() * kFloat) || one_tile || in_eights_) return 1;
  return ceil_div(depth_of_sums() * panels_.width(panel) * kFloat, panel_budget(kernels_));
}

/** By fours, of which ProductRows' loop is. */
Index WinogradCore::piece_begin_of(Index pieces, Index piece) const {
  return piece == pieces ? depth_of_sums() : depth_of_sums() * piece / pieces / 4 * 4;
}

/** Tiles of four vectors gain nothing by rows at one pitch: 64 channels 1.00, first layers by 2x2 pixels 1.04
 * of the time. Weights that tiles bring are a group's: 256 channels of 28x28 in 16 groups take 0.93 so. Of
 * what passes in pieces only sums that are no fours are left, and of short ones a call a tile costs more than
 * what it brings saves. */
bool WinogradCore::suits_pitched_rows() const {
  constexpr Index short_sums = 96;
  const bool brings = brings_weights(panel_start(panels_.count()) * kFloat);
  if (brings && (depth_of_sums() > short_sums || in_pieces_by_rows_)) return false;
  return std::all_of(panels_.list.begin(), panels_.list.end(), [&](const Panels::Panel& panel) {
    return panel.vectors < kMaxTileVectors &&
           kernels_.gemm.multiplies_pitched(panel.vectors, depth_of_sums());
  });
}

AlignedBuffer WinogradCore::pack(const Stage& stage) const {
  const ConvSpec& spec = stage.spec;
  const Index volume = spec.kernel.volume();
  const WeightStrides stride(spec);
  const std::vector<float> gy = weight_transform(tiling_.y);
  const std::vector<float> gx = weight_transform(tiling_.x);

  const Index size = packed_floats();
  const bool stream = size * kFloat >= kFarPacking;
  // Clearing brings the lines into the cache in order, where the stores of 36 streams would wait for each:
  // 256 to 256 channels 3x3 take 1.1 ms with it and 2.4 without.
  AlignedBuffer packed = stream ? AlignedBuffer::uncleared(size) : AlignedBuffer(size);
  // Some input channels' filters, channels and taps outermost: as many as one transposition takes together.
  const Index together = stride.in == volume ? std::clamp<Index>(256 / volume, 1, group_in_) : 1;
  // About a nanosecond a weight.
  parallel_for(
      groups_ * panels_.count(),
      [&](Index task) {
        const Index g = task / panels_.count();
        const Index i = task % panels_.count();
        std::vector<const float*> taps(static_cast<std::size_t>(tiling_.y.taps * tiling_.x.taps));
        WinogradWeights t;
        t.taps = taps.data();
        t.taps_y = tiling_.y.taps;
        t.taps_x = tiling_.x.taps;
        t.gy = gy.data();
        t.gx = gx.data();
        t.weights_y = tiling_.y.weights;
        t.weights_x = tiling_.x.weights;
        t.width = panels_.width(i);
        t.weight_stride = weight_stride(i);
        t.stream = stream;
        // The columns that a panel lacks stay zeros.
        AlignedBuffer filters(together * volume * t.width);
        const float* from = stage.weight.data() + g * stride.group + panels_[i].column * stride.out;
        float* panel = packed.data() + g * panel_start(panels_.count()) + panel_start(i);
        for (Index first = 0; first < group_in_; first += together) {
          const Index channels = std::min(together, group_in_ - first);
          kernels_.transpose({from + first * stride.in, filters.data(), stride.out, t.width,
                              panels_[i].columns, channels * volume});
          for (Index c = 0; c < channels; ++c) {
            for (Index j = 0; j < slices_; ++j) {
              point_taps(slice_list_[static_cast<std::size_t>(j)], spec.kernel,
                         filters.data() + c * volume * t.width, t.width, taps);
              t.out = panel + (j * group_in_ + first + c) * t.width;
              kernels_.winograd.weights(t);
            }
          }
        }
        if (stream) std::atomic_thread_fence(std::memory_order_seq_cst);
      },
      nullptr, size);
  return packed;
}

/** Where one channel's filters, `width` of each tap of the kernel, have the taps of a slice: at zeros beyond
 * the last. */
void WinogradCore::point_taps(const Slice& slice, const Size3& kernel, const float* filters, Index width,
                              std::vector<const float*>& taps) const {
  const Index z = lattice_.z.taps[static_cast<std::size_t>(slice.z)].kernel;
  for (int i = 0; i < tiling_.y.taps; ++i) {
    const Index y = tiling_.y.member(slice.y, i);
    for (int j = 0; j < tiling_.x.taps; ++j) {
      const Index x = tiling_.x.member(slice.x, j);
      const float*& tap = taps[static_cast<std::size_t>(i) * tiling_.x.taps + j];
      if (y >= lattice_.y.tap_count() || x >= lattice_.x.tap_count()) {
        tap = zeros_.data();
        continue;
      }
      const Index row = z * kernel.h + lattice_.y.taps[static_cast<std::size_t>(y)].kernel;
      tap = filters + (row * kernel.w + lattice_.x.taps[static_cast<std::size_t>(x)].kernel) * width;
    }
  }
}

Index WinogradCore::workspace_bytes() const {
  Scratch measure;
  take_work(measure);
  return measure.used();
}

WinogradCore::Work WinogradCore::take_work(Scratch& scratch) const {
  const WinogradAxis& x = tiling_.x;
  const Index tiles = block_rows_ * block_columns_;
  // So many tiles that begin within a row reach into one row more.
  const Index rows = rows_in_all() < kManyRows ? std::min(block_rows_ + 1, rows_in_all()) : block_rows_;
  const Index products = tiling_.products();
  const Index planes = channels_last_ ? 0 : rows * block_columns_ * tiling_.outputs() * panels_.max_width();
  // Staged columns of a block: all that lie between its first and last; interleaved maps span the whole row.
  const Index span = x.spacing > 1 ? x.input(x.tiles() - 1, x.reach() - 1) - x.input(0, 0) + x.spacing
                                   : (block_columns_ - 1) * x.outputs * x.in_step + x.reach();
  Work w{};
  const Index staged_rows = rows * tiling_.y.reach() * depth_;
  w.staged = scratch.take<float>(channels_last_ ? 0 : staged_rows * span * group_in_);
  w.y_list = scratch.take<Index>(rows * tiling_.y.reach());
  w.z_list = scratch.take<Index>(depth_);
  w.z_offset = scratch.take<Index>(rows * depth_);
  w.y_offset = scratch.take<Index>(rows * tiling_.y.reach());
  w.x_offset = scratch.take<Index>(block_columns_ * x.reach());
  w.row_inner = scratch.take<bool>(rows * tiling_.y.parts);
  w.column_inner = scratch.take<bool>(block_columns_ * x.parts);
  w.row_output = scratch.take<Index>(rows * tiling_.y.outputs);
  w.column_output = scratch.take<Index>(block_columns_ * x.outputs);
  w.row_plane = scratch.take<Index>(rows * tiling_.y.outputs);
  w.column_plane = scratch.take<Index>(block_columns_ * x.outputs);
  w.inputs = scratch.take<float>(products * product_stride());
  w.rows = scratch.take<const float*>(products * tiles);
  w.sums = scratch.take<float>(products * (tiles * panels_.max_width() + 16));
  w.sum_offset = scratch.take<Index>(products * tiles);
  const bool in_parts = !pitched_ && brings_weights(packed_floats() * kFloat);
  w.partial = scratch.take<float>(in_parts ? largest_group() * tiles * panels_.max_width() : 0);
  w.planes = scratch.take<float>(planes);
  w.residual_planes = scratch.take<float>(planes);
  return w;
}

void WinogradCore::run(const Buffers& buffers, Index task, int threads, float* scratch) const {
  const Cut c = cut(threads);
  const PartOfBlock at(task, groups_ * strips() * c.blocks, c.parts,
                       brings_weights(packed_floats() * kFloat));
  const Block block = block_of(at.block, c);
  if (block.tiles == 0) return;
  Scratch memory(scratch);
  Work work = take_work(memory);
  locate(block, buffers, work);
  transform_inputs(block, work);
  const Index first = panels_.part_begin(c.parts, at.part), last = panels_.part_begin(c.parts, at.part + 1);
  bool by_pointers = false;
  for (Index i = first; i < last; ++i) by_pointers |= !pitched_ && !passes_in_pieces(block, i);
  if (by_pointers) point_rows(block, work);
  for (Index i = first; i < last; ++i) {
    compute_panel(block, buffers, i, work);
  }
}

}  // namespace convolith
