#include "algorithms/winograd_core.h"

#include <algorithm>
#include <atomic>
#include <numeric>

#include "base/thread_pool.h"

namespace convolith {

namespace {

constexpr Index kFloat = sizeof(float);

/** Transformed inputs of a block stay in the second-level cache … */
constexpr Index kInputBudget = Index{512} << 10;
/** … unless the weights do not: those pass every block, from the last-level cache or beyond, and this many
 * tiles take three times as long as their arrival (27 GB/s). 512 channels dilated by 2 went from 14.4 to 12.9
 * ms. */
constexpr Index kTilesOfStreamedWeights = 28;
/** Weights of this size are read from memory again anyway: written past the caches, 512 to 256 channels of
 * transposed 4x4 take 4.5 ms instead of 9.1. */
constexpr Index kFarPacking = Index{8} << 20;
/** Of a block's time, what each part of it does anew: transforming the inputs took 2% of 256 channels. */
constexpr double kTransformShare = 0.03;
/** Whole rows of tiles are cheaper to find and to stage, if no thread gets more than this of its share. Of so
 * many rows none gets much more, and scratch has no room for another one. */
constexpr double kUnevenRows = 1.04;
constexpr Index kManyRows = 64;

}  // namespace

/** One task's scratch. Offsets are floats from `base`, or negative: in the padding. */
struct WinogradCore::Work {
  float* staged;
  Index* y_list;
  Index* z_list;         // [depth]
  Index* z_offset;       // [rows][depth]
  Index* y_offset;       // [rows][reach of y]
  Index* x_offset;       // [columns][reach of x]
  bool* row_inner;       // [rows][parts of y]: no row in the padding, equal steps
  bool* column_inner;    // [columns][parts of x]
  Index* row_output;     // [rows][outputs of y], of the output map
  Index* column_output;  // [columns][outputs of x]
  Index* row_plane;      // the same in the planes
  Index* column_plane;
  float* inputs;       // [product][tile][slice][channel], tiles a pitch apart
  const float** rows;  // [product in order][tile]
  float* sums;         // [product][tile][width of a panel]
  Index* sum_offset;   // [product in order][tile]
  float* planes;       // [row][output of y][column][output of x][width of a panel]
  float* residual_planes;
  const float* base = nullptr;
  Index row_step = 0, column_step = 0;
};

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
      panels_(group_out_, depth_of_sums(),
              rows_in_all() * tiling.x.tiles() * tiling.products() / tiling.weights(), p.kernels.gemm),
      pitch_(round_up(depth_of_sums(), 16) + 16),
      zeros_(std::max<Index>(group_in_, Index{kMaxTileVectors} * 16)) {
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
  const Index most =
      std::max<Index>(kInputBudget / a_tile, streams_weights() ? kTilesOfStreamedWeights : panels_.tile_rows);
  const Index columns = tiling_.x.tiles();
  block_columns_ = ceil_div(columns, ceil_div(columns, most));
  const Index fitting = std::clamp<Index>(most / block_columns_, 1, rows_in_all());
  block_rows_ = ceil_div(rows_in_all(), ceil_div(rows_in_all(), fitting));
}

bool WinogradCore::streams_weights() const {
  return groups_ * panel_start(panels_.count()) * kFloat > kNearWeights;
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

/** The blocks are as many as the caches ask for, or as a multiple of the threads where that leaves them large
 * enough; otherwise each thread takes some panels of one, which reads the weights once. */
WinogradCore::Cut WinogradCore::cut(int threads) const {
  const Index rows = rows_in_all();
  const Index alike = together_ * groups_ * strips();
  Cut c;
  c.blocks = ceil_div(rows, block_rows_);
  if (threads == 1) return c;
  const Index even = round_up(c.blocks, threads / std::gcd(alike, Index{threads}));
  const Index least = streams_weights() ? kTilesOfStreamedWeights : panels_.tile_rows;
  const Index most = rows < kManyRows ? rows * block_columns_ / least : rows;
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
  return filter() + " " + std::to_string(panels_.tile_rows) + "x" +
         std::to_string(panels_.max_width() / panels_.lanes);
}

AlignedBuffer WinogradCore::pack(const Stage& stage) const {
  const ConvSpec& spec = stage.spec;
  const Index volume = spec.kernel.volume();
  const WeightStrides stride(spec);
  const std::vector<float> gy = weight_transform(tiling_.y);
  const std::vector<float> gx = weight_transform(tiling_.x);

  const Index size = groups_ * panel_start(panels_.count());
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
  w.planes = scratch.take<float>(planes);
  w.residual_planes = scratch.take<float>(planes);
  return w;
}

/** Where the block's outputs lie, and its inputs where channels come last. */
void WinogradCore::locate(const Block& block, const Buffers& buffers, Work& w) const {
  const WinogradAxis& y = tiling_.y;
  const WinogradAxis& x = tiling_.x;
  for (Index r = 0; r < block.rows; ++r) {
    const Row row = row_of(block.row + r);
    const Index map = row.image * out_.image + (lattice_.z.out_start + row.z * lattice_.z.out_step) * out_.z;
    for (int i = 0; i < y.outputs; ++i) {
      const Index at = y.point(row.tile, i);
      const bool inside = at < y.count;
      w.row_output[r * y.outputs + i] =
          inside ? map + (lattice_.y.out_start + at * lattice_.y.out_step) * out_.y : -1;
      w.row_plane[r * y.outputs + i] = inside ? (r * y.outputs + i) * block.columns * x.outputs : -1;
    }
  }
  for (Index c = 0; c < block.columns; ++c) {
    for (int i = 0; i < x.outputs; ++i) {
      const Index at = x.point(block.column + c, i);
      const bool inside = at < x.count;
      w.column_output[c * x.outputs + i] =
          inside ? (lattice_.x.out_start + at * lattice_.x.out_step) * out_.x : -1;
      w.column_plane[c * x.outputs + i] = inside ? c * x.outputs + i : -1;
    }
  }
  stage(block, buffers, w);
  // Tiles without a row or column in the padding are read by steps, the others by a pointer a pixel.
  const auto find_inner = [](const WinogradAxis& axis, Index tiles, const Index* offset, Index step,
                             bool* inner) {
    for (Index t = 0; t < tiles; ++t, offset += axis.reach()) {
      for (int part = 0; part < axis.parts; ++part, ++inner) {
        const Index first = offset[axis.member(part, 0)];
        *inner = first >= 0;
        for (int i = 1; i < axis.products; ++i) *inner &= offset[axis.member(part, i)] == first + i * step;
      }
    }
  };
  find_inner(y, block.rows, w.y_offset, w.row_step, w.row_inner);
  find_inner(x, block.columns, w.x_offset, w.column_step, w.column_inner);
}

/** Offsets of the block's input rows, columns and slices; copies them, channels last, where channels come
 * first. */
void WinogradCore::stage(const Block& block, const Buffers& buffers, Work& w) const {
  const WinogradAxis& y = tiling_.y;
  const WinogradAxis& x = tiling_.x;
  Index first = x.input(block.column, 0);
  Index last = first;
  for (Index c = 0; c < block.columns; ++c) {
    first = std::min(first, x.input(block.column + c, 0));
    last = std::max(last, x.input(block.column + c, x.reach() - 1));
  }
  const Index width = last - first + 1;
  for (Index c = 0; c < block.columns; ++c) {
    for (int i = 0; i < x.reach(); ++i) {
      const Index at = x.input(block.column + c, i);
      const Index source = lattice_.x.source(at);
      const Index offset = channels_last_ ? source * in_.x : (at - first) * group_in_;
      // A staged padding holds its zeros.
      w.x_offset[c * x.reach() + i] = source < 0 && channels_last_ ? -1 : offset;
    }
  }
  w.column_step = x.spacing * x.phases * (channels_last_ ? in_.x : group_in_);
  const Index staged_row = width * group_in_;
  w.row_step = y.phases * (channels_last_ ? y.spacing * in_.y : staged_row);
  w.base = channels_last_ ? buffers.input + block.group * group_in_ : w.staged;

  Index staged = 0;  // floats so far
  for (Index r = 0; r < block.rows;) {
    // The rows of tiles of one slice of one image.
    const Row head = row_of(block.row + r);
    const Index end = std::min(block.rows, r + y.tiles() - head.tile);
    Index rows = 0;
    for (Index t = r; t < end; ++t) {
      for (int i = 0; i < y.reach(); ++i) {
        const Index at = y.input(head.tile + t - r, i);
        const int back = i - y.overlap() + y.reach();
        // A tile's first rows are the last of the one before it, unless that is of another interleaved map.
        const bool shared = t > r && i < y.overlap() && at == y.input(head.tile + t - r - 1, back);
        const Index source = lattice_.y.source(at);
        Index& offset = w.y_offset[t * y.reach() + i];
        if (channels_last_) {
          offset = source < 0 ? -1 : source * in_.y;
        } else if (shared) {
          offset = w.y_offset[(t - 1) * y.reach() + back];
        } else {
          offset = rows * staged_row;
          w.y_list[rows++] = at;
        }
      }
    }
    for (Index z = 0; z < depth_; ++z) {
      const Index at = lattice_.z.coordinate(head.z, z);
      const Index source = lattice_.z.source(at);
      w.z_list[z] = at;
      const Index offset =
          channels_last_ ? head.image * in_.image + source * in_.z : staged + z * rows * staged_row;
      for (Index t = r; t < end; ++t) w.z_offset[t * depth_ + z] = source < 0 ? -1 : offset;
    }
    if (!channels_last_) {
      const Region region{w.z_list, w.y_list, depth_, rows, first, width};
      stage_region(lattice_, region, buffers.input + head.image * in_.image, in_,
                   {block.group * group_in_, group_in_, 1, group_in_}, kernels_, w.staged + staged);
      staged += depth_ * rows * staged_row;
    }
    r = end;
  }
}

void WinogradCore::transform_tile(const Block& block, Index row, Index column, Index slice, Work& w) const {
  const WinogradAxis& y = tiling_.y;
  const WinogradAxis& x = tiling_.x;
  const Slice part = slice_list_[static_cast<std::size_t>(slice)];
  const auto y_offset = [&](int i) { return w.y_offset[row * y.reach() + y.member(part.y, i)]; };
  const auto x_offset = [&](int j) { return w.x_offset[column * x.reach() + x.member(part.x, j)]; };
  const float* base = w.base + w.z_offset[row * depth_ + part.z];
  const float* pixels[kMaxWinogradProducts * kMaxWinogradProducts];
  WinogradInput t;
  t.product_stride = product_stride();
  t.channels = group_in_;
  t.out = w.inputs + block.tile(row, column) * pitch_ + slice * group_in_;
  if (w.row_inner[row * y.parts + part.y] && w.column_inner[column * x.parts + part.x]) {
    t.origin = base + y_offset(0) + x_offset(0);
    t.row_step = w.row_step;
    t.column_step = w.column_step;
  } else {
    for (int i = 0; i < y.products; ++i) {
      for (int j = 0; j < x.products; ++j) {
        const bool inside = (y_offset(i) | x_offset(j)) >= 0;
        pixels[i * x.products + j] = inside ? base + y_offset(i) + x_offset(j) : zeros_.data();
      }
    }
    t.pixels = pixels;
  }
  kernels_.winograd.input[static_cast<int>(y.points)][static_cast<int>(x.points)](t);
}

/** The inputs of a row of tiles and a depth tap in the padding. */
void WinogradCore::clear_row(const Block& block, Index row, Index slice, Work& w) const {
  for (int product = 0; product < tiling_.products(); ++product) {
    float* to = w.inputs + product * product_stride() + slice * group_in_;
    for (Index column = block.begin(row); column < block.end(row); ++column)
      std::fill_n(to + block.tile(row, column) * pitch_, group_in_, 0.0F);
  }
}

/** Slice by slice, since each one's last vector runs over into the next one. */
void WinogradCore::transform_inputs(const Block& block, Work& w) const {
  for (Index slice = 0; slice < slices_; ++slice) {
    for (Index row = 0; row < block.rows; ++row) {
      if (w.z_offset[row * depth_ + slice_list_[static_cast<std::size_t>(slice)].z] < 0) {
        clear_row(block, row, slice, w);
        continue;
      }
      for (Index column = block.begin(row); column < block.end(row); ++column)
        transform_tile(block, row, column, slice, w);
    }
  }
}

/** The row pointers of every product. */
void WinogradCore::point_rows(const Block& block, Work& w) const {
  const float** row = w.rows;
  for (const int product : order_) {
    const float* from = w.inputs + product * product_stride();
    for (Index tile = 0; tile < block.tiles; ++tile) *row++ = from + tile * pitch_;
  }
}

/** The sums of one panel. */
void WinogradCore::multiply(const Block& block, Index panel, Work& w) const {
  const Index tiles = block.tiles;
  const int width = panels_.width(panel);
  Index at = 0;
  for (const int product : order_) {
    const Index first = product * (tiles * width + 16);
    for (Index i = 0; i < tiles; ++i) w.sum_offset[at++] = first + i * width;
  }
  // Sums alone: bias and activation follow the transform back.
  Epilogue none;
  none.bias = zeros_.data();
  none.linear = true;
  const std::int32_t start = 0;
  GemmTile g;
  g.run_start = &start;
  g.runs = 1;
  g.k_end = depth_of_sums();
  g.columns = width;
  g.epilogue = &none;
  g.out = w.sums;
  const GemmKernel* kernels = kernels_.gemm.tile[panels_[panel].vectors - 1];
  g.panel = packed_->data() + block.group * panel_start(panels_.count()) + panel_start(panel);
  for (const WeightGroup& group : weights_) {
    const Index all = group.count * tiles;
    const Index cuts = ceil_div(all, panels_.tile_rows);
    const bool brings = brings_weights(groups_ * panel_start(panels_.count()) * kFloat, cuts);
    for (Index cut = 0; cut < cuts; ++cut) {
      const Index first = all * cut / cuts;
      g.rows = w.rows + group.first * tiles + first;
      g.out_offset = w.sum_offset + group.first * tiles + first;
      if (brings) g.bring(g.panel + weight_stride(panel), weight_stride(panel), cut, cuts);
      kernels[all * (cut + 1) / cuts - first - 1](g);
    }
    g.panel += weight_stride(panel);
  }
}

void WinogradCore::compute_panel(const Block& block, const Buffers& buffers, Index panel, Work& w) const {
  multiply(block, panel, w);
  const WinogradAxis& y = tiling_.y;
  const WinogradAxis& x = tiling_.x;
  const int width = panels_.width(panel);
  const Index channel = block.group * group_out_ + panels_[panel].column;
  const Epilogue epilogue = epilogue_.at(channel);
  WinogradOutput t;
  t.y = y.points;
  t.x = x.points;
  t.outputs_y = y.outputs;
  t.outputs_x = x.outputs;
  t.product_stride = block.tiles * width + 16;
  t.columns = panels_[panel].columns;
  t.epilogue = &epilogue;
  const Index* row_offset = w.row_output;
  const Index* column_offset = w.column_output;
  const Index map = channel * out_.channel;
  if (channels_last_) {
    t.out = buffers.output + map;
    t.residual = buffers.residual == nullptr ? nullptr : buffers.residual + map;
  } else {
    row_offset = w.row_plane;
    column_offset = w.column_plane;
    t.out = w.planes;
    if (buffers.residual != nullptr) {
      move_planes(block, buffers.residual + map, nullptr, panel, w);
      t.residual = w.residual_planes;
    }
  }
  Index scaled_row[kMaxWinogradOutputs];
  Index scaled_column[kMaxWinogradOutputs];
  const Index scale = channels_last_ ? 1 : width;
  for (Index row = 0; row < block.rows; ++row) {
    for (int i = 0; i < y.outputs; ++i) scaled_row[i] = row_offset[row * y.outputs + i] * scale;
    t.row_offset = scaled_row;
    for (Index column = block.begin(row); column < block.end(row); ++column) {
      for (int i = 0; i < x.outputs; ++i) scaled_column[i] = column_offset[column * x.outputs + i] * scale;
      t.column_offset = scaled_column;
      t.sums = w.sums + block.tile(row, column) * width;
      kernels_.winograd.output(t);
    }
  }
  if (!channels_last_) move_planes(block, nullptr, buffers.output + map, panel, w);
}

/** Between a channels-first map and the planes: into them from `from`, or out of them to `to`. */
void WinogradCore::move_planes(const Block& block, const float* from, float* to, Index panel, Work& w) const {
  const WinogradAxis& x = tiling_.x;
  const int width = panels_.width(panel);
  const Index channels = panels_[panel].columns;
  const bool dense = x.spacing == 1 && lattice_.x.out_step == 1;
  for (Index row = 0; row < block.rows * tiling_.y.outputs; ++row) {
    const Index at = w.row_output[row];
    if (at < 0) continue;
    const Index first = block.begin(row / tiling_.y.outputs) * x.outputs;
    const Index last = block.end(row / tiling_.y.outputs) * x.outputs;
    float* planes =
        (to == nullptr ? w.residual_planes : w.planes) + (row * block.columns * x.outputs + first) * width;
    if (dense) {
      const Index count = std::min(last, x.count - x.point(block.column, 0)) - first;
      const Index map = at + w.column_output[first];
      if (to != nullptr) {
        kernels_.transpose({planes, to + map, width, out_.channel, count, channels});
      } else {
        kernels_.transpose({from + map, planes, out_.channel, width, channels, count});
      }
      continue;
    }
    for (Index c = 0; c < channels; ++c) {
      for (Index i = first; i < last; ++i) {
        if (w.column_output[i] < 0) continue;
        const Index map = at + w.column_output[i] + c * out_.channel;
        float& value = planes[(i - first) * width + c];
        if (to != nullptr) {
          to[map] = value;
        } else {
          value = from[map];
        }
      }
    }
  }
}

void WinogradCore::run(const Buffers& buffers, Index task, int threads, float* scratch) const {
  const Cut c = cut(threads);
  const Block block = block_of(task / c.parts, c);
  if (block.tiles == 0) return;
  Scratch memory(scratch);
  Work work = take_work(memory);
  locate(block, buffers, work);
  transform_inputs(block, work);
  point_rows(block, work);
  const Index part = task % c.parts;
  const Index last = panels_.part_begin(c.parts, part + 1);
  for (Index i = panels_.part_begin(c.parts, part); i < last; ++i) {
    compute_panel(block, buffers, i, work);
  }
}

}  // namespace convolith
