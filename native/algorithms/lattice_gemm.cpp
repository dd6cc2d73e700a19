#include "algorithms/lattice_gemm.h"

#include <algorithm>

#include "algorithms/cut.h"
#include "algorithms/lattice_gemm_work.h"

namespace convolith {

namespace {

/** Input and panel of a block share the second-level cache (1 MiB on the narrowest of today's server cores).
 */
constexpr Index kInputBudget = Index{256} << 10;
constexpr Index kPanelBudget = Index{256} << 10;
/** Of panels that tiles bring, which are as large again on the way: 512 channels of 14x14 by a stride of 2
 * take 0.91 of the time where they come from memory, transposed 4x4 ones of 8x8 0.93, and by themselves as
 * long. */
constexpr Index kBroughtBudget = Index{64} << 10;
constexpr Index kPointerBudget = Index{128} << 10;
/** By 64 KiB first layers take 1.0 to 1.08 of the time. */
constexpr Index kOutputBudget = Index{128} << 10;
constexpr Index kFloat = sizeof(float);

/** Of a block's time, what each part of it does anew: finding its points and taps. */
constexpr double kLocateShare = 0.02;

/** Tables of up to 16,384 points, two a phase: 4096 phases would have 60 MB of them. */
constexpr Index kFewTables = 64;

/** Output maps of this many bytes and more are asked for ahead (`fetch_out`): 8 images of 96 channels at
 * 112x112 took 7.1 ms, now 5.0; 128 channels at 128x128 6.5 and 5.8. Smaller ones lose up to 2% by it. */
inline constexpr Index kFarMap = Index{8} << 20;
/** Sums of so few products are over before a line has come even from the last-level cache: 16 to 96 channels
 * at 112x112 took 0.41 ms, now 0.37, 8 to 64 channels 0.18 and 0.15; 24 and more lose 3%. */
inline constexpr Index kFewProducts = 16;
inline constexpr Index kNearMap = Index{2} << 20;

/** Fewer channels than this make runs too short for the kernel's inner loop: kernel rows are merged into one
 * run. */
constexpr Index kShortRun = 32;

/** Rows that lie a multiple of 4 KiB apart share the sets of a first-level cache: 14 of them in 8 ways ran at
 * half speed. 7 of them and a line of the panel fit: there a copy of the input cost 5%. */
bool rows_collide(Index pitch, int rows) { return rows > 7 && pitch * kFloat % 4096 == 0; }

/** Points of a thread's share that are worth a block of their own. */
constexpr Index kLeastShare = 128;

/** A panel from beyond the caches arrives once a block: this many points take several times as long. */
constexpr Index kLeastPoints = 56;

/** Input rows or columns that `points` output points of an axis meet. */
Index lines_met(const LatticeAxis& axis, Index points) {
  return std::min((points - 1) * axis.in_step + axis.span(), points * axis.tap_count());
}

/** Taps that a point of an axis meets, at the most. */
Index most_inside(const LatticeAxis& axis) {
  Index most = 0;
  for (Index i = 0; i < axis.count; ++i) most = std::max(most, axis.taps_inside(i));
  return most;
}

}  // namespace

LatticeGemm::LatticeGemm(const LatticeProblem& p)
    : kernels_(p.kernels),
      lattice_(p.lattice),
      epilogue_(p.weights.stage()),
      batch_(p.batch),
      groups_(p.weights.stage().spec.groups),
      group_in_(p.weights.stage().spec.group_in()),
      group_out_(p.weights.stage().spec.group_out()),
      together_(p.together),
      channels_last_(p.weights.stage().spec.channels_last),
      in_(channels_last_, p.weights.stage().spec.in_channels, p.input),
      out_(channels_last_, p.weights.stage().spec.out_channels, p.output),
      panels_(group_out_, group_in_ * lattice_.tap_count(), lattice_.points() * batch_, p.kernels.gemm) {
  bordered_ = suits_bordered_rows();
  choose_staging();
  Index start = 0;
  for (Index i = 0; i < panels_.count(); ++i) {
    panel_start_.push_back(start);
    start += runs_ * run_length_ * panels_.width(i);
  }
  group_packing_ = start;
  const Stage& stage = p.weights.stage();
  packed_ = p.weights.packed("gemm " + p.key + panels_.key(), [&] { return pack(stage); });
  zeros_ = AlignedBuffer(run_length_);
  if (!merged_ && !bordered_) {
    const Segments segments = segments_of(lattice_);
    segmented_y_ = segments.y;
    segmented_x_ = segments.x;
  }
  row_only_ =
      lattice_.points() == lattice_.x.count && lattice_.tap_count() == 1 && meets_no_padding(lattice_);
  cut_k();
  regular_ = is_regular();
  pitched_ = bordered_ || suits_pitched_rows();
  carries_ = pitched_ && suits_carry();
  choose_block();
  tabulate();
}

void LatticeGemm::choose_staging() {
  const bool short_runs = group_in_ < kShortRun && lattice_.x.tap_count() > 1 && !bordered_;
  merged_ = short_runs && lattice_.x.contiguous_taps();
  // A merged run is staged for the padding in it: patches of 4x4 pixels, side by side, lie where they are
  // read.
  const bool in_place = groups_ == 1 && meets_no_padding(lattice_);
  staged_ = !channels_last_ || (merged_ && !in_place) ||
            (!bordered_ && rows_collide(in_.x * lattice_.x.in_step, panels_.tile_rows));
  pitch_ = group_in_;
  if (staged_ && !merged_ && rows_collide(pitch_ * lattice_.x.in_step, panels_.tile_rows)) pitch_ += 16;
  run_length_ = merged_ ? lattice_.x.tap_count() * group_in_ : group_in_;
  for (Index z = 0; z < lattice_.z.tap_count(); ++z) {
    for (Index y = 0; y < lattice_.y.tap_count(); ++y) {
      for (Index x = 0; x < (merged_ ? 1 : lattice_.x.tap_count()); ++x) run_taps_.push_back({z, y, x});
    }
  }
  runs_ = static_cast<Index>(run_taps_.size());
}

/** Products whose part of a panel is of so many bytes at the most, and whose sum does not round too often. */
Index LatticeGemm::longest_run(Index bytes) const {
  return std::clamp<Index>(bytes / kFloat / panels_.max_width(), 64, kLongestSum);
}

/** By the weights alone, but for kernels whose rows are dilated: a band of a stack has the same sums as the
 * whole map, although it may be cut into segments where that is not, and bands leave those kernels out. */
void LatticeGemm::cut_k() {
  const bool apart = segmented() && lattice_.y.spacing() > 1;
  if (apart) {
    const Index met = most_inside(lattice_.y) * most_inside(lattice_.x) * lattice_.z.tap_count();
    if (met * run_length_ <= kLongestSum) {
      chunks_.push_back({0, runs_, 0, run_length_});
      return;
    }
  }
  const bool brings = !apart && brings_weights(weight_bytes());
  const Index longest = longest_run(brings ? kBroughtBudget : kPanelBudget);
  if (run_length_ <= longest) {
    const Index count = std::max<Index>(ceil_div(runs_, longest / std::max<Index>(run_length_, 1)), 1);
    const Index each = std::max<Index>(ceil_div(runs_, count), 1);
    for (Index r = 0; r < runs_ || chunks_.empty(); r += each) {
      chunks_.push_back({r, std::min(each, runs_ - r), 0, run_length_});
    }
    return;
  }
  const Index pieces = ceil_div(run_length_, longest);
  for (Index r = 0; r < runs_ || chunks_.empty(); ++r) {
    for (Index i = 0; i < pieces; ++i) {
      chunks_.push_back(
          {r, std::min<Index>(1, runs_ - r), run_length_ * i / pieces, run_length_ * (i + 1) / pieces});
    }
  }
}

/** What an axis of `units` is cut into, `most` each: even shares for so many threads where each has `least`,
 * beside the blocks of other maps and panels and `apart` of other columns. Weights from beyond the
 * second-level cache pass once a block, which are as few as can be. */
Index LatticeGemm::even_blocks(Index apart, Index units, Index most, Index least, int threads) const {
  if (brings_weights(weight_bytes())) return ceil_div(units, most);
  const Index maps = together_ * batch_ * groups_ * lattice_.z.count * panels_.count() * apart;
  return fitting_strips(std::max<Index>(maps, 1), units, 1, most, least, threads);
}

/** Of lattices of one row of points, flattened pointwise layers and 1-D ones: blocks of whole tiles. 32 to 64
 * channels of 112x112 spent a tenth of their time on tiles of five rows and on finding points, 196 at once.
 * On Zen 5 1152 in place of 384 take 0.95 of the time of 16 to 16 channels, 0.96 of 32 to 16, 0.98 of 16 to
 * 96, and as long from 96 inputs on. */
void LatticeGemm::choose_row_block() {
  constexpr Index most = 1152;
  // Narrow panels come back to the lines of a row often: with AVX2 10 taps by 5 from 1 to 512 channels would
  // take 1.1 of the time in twice the rows, with AVX-512 it takes 0.95.
  Index output_budget = (panels_.max_width() < 4 * kLineFloats ? Index{256} : Index{512}) << 10;
  Index input_budget = kInputBudget;
  // Weights from beyond the second-level cache pass once a block: 256 to 1024 channels of 14x14 in one block
  // in place of four take 0.90 of the time with 512 KiB of that cache, 1024 to 256 in two 0.95.
  if (brings_weights(weight_bytes())) {
    output_budget = Index{1} << 20;
    input_budget *= 2;
  }
  const LatticeAxis& x = lattice_.x;
  const Index rows = tile_rows();
  const Index tiles = ceil_div(x.count, rows);
  const auto fits = [&](Index points) {
    const Index columns = staged_ ? (points - 1) * x.in_step + x.span() : lines_met(x, points);
    return lattice_.z.tap_count() * lattice_.y.tap_count() * columns * pitch_ * kFloat <= input_budget &&
           points * group_out_ * kFloat <= output_budget && points * runs_ * 8 <= kPointerBudget;
  };
  Index each = most / rows;
  while (each * rows > kLeastPoints && !fits(each * rows)) --each;
  blocks_x_ = even_blocks(1, tiles, each, ceil_div(kLeastShare, rows), 4);
  block_width_ = ceil_div(tiles, blocks_x_) * rows;
  blocks_x_ = ceil_div(x.count, block_width_);
}

void LatticeGemm::choose_block() {
  const LatticeAxis& y = lattice_.y;
  const LatticeAxis& x = lattice_.x;
  // What is staged of points that leap over columns is less the fewer they are.
  const bool leaps = staged_ && x.in_step > x.span();
  if (lattice_.points() == x.count && x.count > 0 && !leaps) return choose_row_block();
  // The block that reads least input a point, among those whose input and pointers fit their budgets.
  const Index slices = std::max<Index>(lattice_.z.tap_count(), 1);
  double least = 0.0;
  for (Index cuts = 1; cuts <= x.count; cuts *= 2) {
    const Index width = ceil_div(x.count, cuts);
    // What is staged is whole rows; what is read in place, only the columns that the points meet.
    const Index range = (width - 1) * x.in_step + std::max<Index>(x.span(), 1);
    const Index columns =
        staged_ ? range : std::clamp<Index>(x.in_size, 1, std::max<Index>(lines_met(x, width), 1));
    Index height = 0;
    while (height < y.count) {
      const Index next = height + 1;
      const Index input = slices * lines_met(y, next) * columns * pitch_ * kFloat;
      const Index pointers = next * width * std::max<Index>(runs_, 1) * 8;
      const Index planes = next * width * panels_.max_width() * kFloat;
      const Index output = next * width * group_out_ * kFloat;
      const bool few = next * width <= kLeastPoints;
      if ((input > kInputBudget && !few) || pointers > kPointerBudget || planes > kPointerBudget ||
          (output > kOutputBudget && !few))
        break;
      height = next;
    }
    const bool last = width == 1;
    if (height == 0 && !last) continue;
    height = std::max<Index>(height, 1);
    const double reads =
        static_cast<double>(lines_met(y, height) * columns) / static_cast<double>(height * width);
    if (least == 0.0 || reads < least * 0.95) {
      least = reads;
      block_width_ = width;
      block_height_ = height;
    }
    if (last) break;
  }
  blocks_x_ = ceil_div(x.count, block_width_);
  block_width_ = ceil_div(x.count, blocks_x_);
  // For two threads: neighbours stage the rows that they share, four blocks of 3 to 16 channels of 31x31 take
  // 1.07 of the time of one.
  blocks_y_ = even_blocks(blocks_x_, y.count, block_height_, ceil_div(kLeastShare, block_width_), 2);
  block_height_ = ceil_div(y.count, blocks_y_);
}

/**
 * With short runs, what it took to locate each point anew in every block was a quarter of the time: 3 to 16
 * channels of 3x3 at 31x31. Zeros of the padding are multiplied here, so they must be few.
 */
bool LatticeGemm::is_regular() const {
  const LatticeAxis& y = lattice_.y;
  return together_ <= kFewTables && staged_ && !segmented() && !row_only_ && runs_ > 0 &&
         lattice_.points() > 0 && y.contiguous_taps() && y.in_step <= y.tap_count() &&
         share_inside(y) * (merged_ ? 1.0 : share_inside(lattice_.x)) > 0.95;
}

void LatticeGemm::tabulate() {
  if (pitched_) return;
  if (row_only_) full_ = table_of(block_width_);
  if (!regular_) return;
  full_ = table_of(block_width_);
  const Index rest = lattice_.x.count % block_width_;
  if (rest != 0) narrow_ = table_of(rest);
}

LatticeGemm::PointTable LatticeGemm::table_of(Index width) const {
  const LatticeAxis& y = lattice_.y;
  const LatticeAxis& x = lattice_.x;
  const Index pixels = (width - 1) * x.in_step + x.span();
  PointTable table;
  table.from.reserve(static_cast<std::size_t>(block_height_ * width));
  table.to.reserve(static_cast<std::size_t>(block_height_ * width));
  for (Index i = 0; i < block_height_; ++i) {
    for (Index j = 0; j < width; ++j) {
      table.from.push_back((i * y.in_step * pixels + j * x.in_step) * pitch_);
      table.to.push_back(i * y.out_step * out_.y + j * x.out_step * out_.x);
    }
  }
  return table;
}

AlignedBuffer LatticeGemm::pack(const Stage& stage) const {
  const ConvSpec& spec = stage.spec;
  const WeightStrides stride(spec);
  AlignedBuffer packed = AlignedBuffer::uncleared(std::max<Index>(groups_ * group_packing_, 1));
  for (Index g = 0; g < groups_; ++g) {
    for (Index i = 0; i < panels_.count(); ++i) {
      float* to = packed.data() + g * group_packing_ + panel_start_[static_cast<std::size_t>(i)];
      const float* panel = stage.weight.data() + g * stride.group + panels_[i].column * stride.out;
      const int width = panels_.width(i);
      const int columns = panels_[i].columns;
      if (columns < width) std::fill_n(to, runs_ * run_length_ * width, 0.0F);
      if (spec.kernel.volume() == 1 && lattice_.tap_count() == 1 && stride.in == 1) {
        kernels_.transpose({panel, to, stride.out, width, columns, group_in_});
        continue;
      }
      for (const auto& z : lattice_.z.taps) {
        for (const auto& y : lattice_.y.taps) {
          for (const auto& x : lattice_.x.taps) {
            const float* tap = panel + (z.kernel * spec.kernel.h + y.kernel) * spec.kernel.w + x.kernel;
            for (Index c = 0; c < group_in_; ++c, to += width) {
              for (int j = 0; j < columns; ++j) to[j] = tap[c * stride.in + j * stride.out];
            }
          }
        }
      }
    }
  }
  return packed;
}

LatticeGemm::Work LatticeGemm::take_work(Scratch& scratch) const {
  const Index points = block_height_ * block_width_;
  const Index taps_x = merged_ ? 1 : lattice_.x.tap_count();
  const Index slices = lattice_.z.tap_count();
  const Index rows = lines_met(lattice_.y, block_height_);
  const Index columns = (block_width_ - 1) * lattice_.x.in_step + std::max<Index>(lattice_.x.span(), 1);
  const Index planes = channels_last_ ? 0 : points * panels_.max_width();
  Work w{};
  w.staged = scratch.take<float>(staged_ ? slices * rows * columns * pitch_ : 0);
  w.z_list = scratch.take<Index>(slices);
  w.y_list = scratch.take<Index>(rows);
  w.z_offset = scratch.take<Index>(slices);
  w.y_offset = scratch.take<Index>(block_height_ * lattice_.y.tap_count());
  w.x_offset = scratch.take<Index>(block_width_ * taps_x);
  w.y_inner = scratch.take<bool>(block_height_);
  w.x_inner = scratch.take<bool>(block_width_);
  w.point_y = scratch.take<Index>(points);
  w.point_x = scratch.take<Index>(points);
  w.tiles = scratch.take<Tile>(points);
  w.rows = scratch.take<const float*>(points * runs_);
  w.run_start = scratch.take<std::int32_t>(points * runs_);
  w.ranges = scratch.take<RunRange>(points * static_cast<Index>(chunks_.size()));
  w.inner_offset = scratch.take<Index>(runs_);
  w.inner_start = scratch.take<std::int32_t>(runs_);
  w.inner_ranges = scratch.take<RunRange>(static_cast<Index>(chunks_.size()));
  w.point_offset = scratch.take<Index>(points);
  w.pitched_offset = scratch.take<Index>(pitched_ ? block_height_ * runs_ : 0);
  w.pitched_start = scratch.take<std::int32_t>(pitched_ ? block_height_ * runs_ : 0);
  w.pitched_runs = scratch.take<Index>(pitched_ ? block_height_ : 0);
  w.carry = scratch.take<float>(carries_ ? points * panels_.lanes : 0);
  w.plane_offset = scratch.take<Index>(channels_last_ ? 0 : points);
  w.partial = scratch.take<float>(chunks_.size() > 1 ? points * panels_.max_width() : 0);
  w.planes = scratch.take<float>(planes);
  w.residual_planes = scratch.take<float>(planes);
  return w;
}

Index LatticeGemm::workspace_bytes() const {
  Scratch measure;
  take_work(measure);
  return measure.used();
}

/** Of the widest panel. */
int LatticeGemm::tile_rows() const {
  return pitched_ ? pitched_tile(inner_end_ - inner_begin_).rows : panels_.tile_rows;
}

std::string LatticeGemm::tile() const {
  return std::to_string(tile_rows()) + "x" + std::to_string(panels_.max_width() / panels_.lanes);
}

/** At least four tasks a thread, so that one that is kept waiting leaves its share to the others. */
Index LatticeGemm::parts(int threads) const {
  const Index blocks = std::max<Index>(together_ * block_count(), 1);
  return fitting_parts(blocks, panels_.count(), threads, kLocateShare, ceil_div(Index{4} * threads, blocks));
}

Index LatticeGemm::tasks(int threads) const { return block_count() * parts(threads); }

LatticeGemm::Block LatticeGemm::block_of(Index index) const {
  Block b;
  b.x0 = index % blocks_x_ * block_width_;
  index /= blocks_x_;
  b.y0 = index % blocks_y_ * block_height_;
  index /= blocks_y_;
  b.z = index % lattice_.z.count;
  index /= lattice_.z.count;
  b.group = index % groups_;
  b.image = index / groups_;
  b.width = std::min(block_width_, lattice_.x.count - b.x0);
  b.height = std::min(block_height_, lattice_.y.count - b.y0);
  return b;
}

void LatticeGemm::run(const Buffers& buffers, Index task, int threads, float* scratch) const {
  const Index cuts = parts(threads);
  const PartOfBlock at(task, block_count(), cuts, brings_weights(weight_bytes()));
  const Block block = block_of(at.block);
  if (block.width <= 0 || block.height <= 0) return;
  Scratch memory(scratch);
  Work work = take_work(memory);
  if (row_only_) {
    line_up(block, buffers, work);
  } else if (regular_) {
    place(block, buffers, work);
  } else if (pitched_) {
    line_up_rows(block, buffers, work);
  } else {
    locate(block, buffers, work);
    arrange(block, work);
    point(block, work);
  }
  work.first_panel = panels_.part_begin(cuts, at.part);
  work.end_panel = panels_.part_begin(cuts, at.part + 1);
  for (Index i = work.first_panel; i < work.end_panel; ++i) compute_panel(block, buffers, i, work);
}

void LatticeGemm::compute_panel(const Block& block, const Buffers& buffers, Index panel, Work& w) const {
  const Index points = block.points();
  const int width = panels_.width(panel);
  const Index channel = block.group * group_out_ + panels_[panel].column;
  const Index map = block.image * out_.image + channel * out_.channel + w.map_start;
  const Epilogue epilogue = epilogue_.at(channel);

  GemmTile t;
  t.panel = packed_->data() + block.group * group_packing_ + panel_start_[static_cast<std::size_t>(panel)];
  t.columns = panels_[panel].columns;
  t.epilogue = &epilogue;
  const Index* offsets = w.map_offset;
  if (channels_last_) {
    t.out = buffers.output + map;
    t.residual = buffers.residual == nullptr ? nullptr : buffers.residual + map;
    t.fetch_out = batch_ * out_.image * kFloat >= (runs_ * run_length_ <= kFewProducts ? kNearMap : kFarMap);
  } else {
    for (Index p = 0; p < points; ++p) w.plane_offset[p] = p * width;
    offsets = w.plane_offset;
    t.out = w.planes;
    if (buffers.residual != nullptr) {
      gather_planes(block, buffers.residual + map, panel, w);
      t.residual = w.residual_planes;
    }
  }
  const int vectors = panels_[panel].vectors;
  const GemmKernel* kernels = kernels_.gemm.tile[vectors - 1];
  if (pitched_) {
    compute_pitched(block, t, panel, w);
    if (w.tile_count == 0) return;
  }
  const auto chunk_count = static_cast<Index>(chunks_.size());
  // Of a segmented layer each tile uses other weights.
  const bool brings = !segmented() && brings_weights(weight_bytes(), w.tile_count);
  for (Index c = 0; c < chunk_count; ++c) {
    const Chunk& chunk = chunks_[static_cast<std::size_t>(c)];
    t.k_begin = chunk.k_begin;
    t.k_end = chunk.k_end;
    const Index floats = chunk.runs * (chunk.k_end - chunk.k_begin) * width;
    const float* weights = t.panel + (chunk.first_run * run_length_ + chunk.k_begin) * width;
    for (Index i = 0; i < w.tile_count; ++i) {
      const Tile tile = w.tiles[i];
      const RunRange* ranges = tile.inner ? w.inner_ranges : w.ranges + i * chunk_count;
      const RunRange range = ranges[c];
      const Index runs = ranges[chunk_count - 1].end;
      const bool nothing = runs == 0 && c == 0;
      if (range.begin == range.end && !nothing) continue;
      t.first = nothing || (range.begin == 0 && chunk.k_begin == 0);
      t.last = nothing || (range.end == runs && chunk.k_end == run_length_);
      t.rows = w.rows + tile.first * runs_ + range.begin * tile.rows;
      t.run_offset = nullptr;
      t.run_start = w.run_start + tile.first * runs_ + range.begin;
      if (tile.inner) {
        t.rows = w.rows + tile.first * runs_;
        t.run_offset = w.inner_offset + range.begin;
        t.run_start = w.inner_start + range.begin;
      }
      t.runs = range.end - range.begin;
      t.out_offset = offsets + tile.first;
      t.partial = w.partial + tile.first * width;
      if (brings) t.bring(weights + floats, floats, i, w.tile_count);
      const GemmStripKernel strip = tile.inner ? kernels_.gemm.strip_for(t, tile.rows, vectors) : nullptr;
      if (strip == nullptr) {
        kernels[tile.rows - 1](t);
        continue;
      }
      t.row_step = tile.rows * runs_;
      Index end = i + 1;
      while (end < w.tile_count && w.tiles[end].inner && w.tiles[end].rows == tile.rows) ++end;
      strip(t, end - i);
      i = end - 1;
    }
  }
  if (!channels_last_) scatter_planes(block, buffers.output + map, panel, w);
}

/** The block of a channels-first map into [point][column], as the tiles lie. */
void LatticeGemm::gather_planes(const Block& block, const float* map, Index panel, Work& w) const {
  const Index pitch = panels_.width(panel);
  const Index columns = panels_[panel].columns;
  if (segmented() || lattice_.x.out_step != 1) {
    for (Index c = 0; c < columns; ++c) {
      const float* plane = map + c * out_.channel;
      for (Index p = 0; p < block.points(); ++p) w.residual_planes[p * pitch + c] = plane[w.map_offset[p]];
    }
    return;
  }
  for (Index y = 0; y < block.height; ++y) {
    const Index p = y * block.width;
    kernels_.transpose(
        {map + w.map_offset[p], w.residual_planes + p * pitch, out_.channel, pitch, columns, block.width});
  }
}

/** The tiles' [point][column] into the block of a channels-first map. */
void LatticeGemm::scatter_planes(const Block& block, float* map, Index panel, Work& w) const {
  const Index pitch = panels_.width(panel);
  const Index columns = panels_[panel].columns;
  if (segmented() || lattice_.x.out_step != 1) {
    for (Index c = 0; c < columns; ++c) {
      float* plane = map + c * out_.channel;
      for (Index p = 0; p < block.points(); ++p) plane[w.map_offset[p]] = w.planes[p * pitch + c];
    }
    return;
  }
  for (Index y = 0; y < block.height; ++y) {
    const Index p = y * block.width;
    kernels_.transpose(
        {w.planes + p * pitch, map + w.map_offset[p], pitch, out_.channel, block.width, columns});
  }
}

}  // namespace convolith
