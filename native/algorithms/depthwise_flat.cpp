#include "algorithms/depthwise_flat.h"

#include <algorithm>
#include <cstring>

namespace convolith {

namespace {

/** A strip's padded rows stay in the first-level cache, or near it. */
constexpr Index kStripBudget = Index{48} << 10;
/** About this many floats of a row share one expanded copy of the weights. */
constexpr Index kSegment = 128;

Index span(const LatticeAxis& axis) {
  return axis.taps.empty() ? 1 : axis.taps.back().offset - axis.taps.front().offset + 1;
}

}  // namespace

FlatDepthwiseCore::FlatDepthwiseCore(const Problem& p, const Lattice& lattice, bool interleaved)
    : stage_(p.stage()),
      kernels_(p.kernels),
      lattice_(lattice),
      width_(interleaved ? p.spec().out_channels : 1),
      repeat_(p.spec().group_out()),
      in_(p.spec().channels_last, p.spec().in_channels, p.geometry.input),
      row_(((lattice_.x.count - 1) + span(lattice_.x)) * width_),
      segment_(round_up(std::min(kSegment, lattice_.x.count * width_), width_ * p.kernels.lanes)) {
  const LatticeAxis& y = lattice_.y;
  const Index row_bytes = row_ * lattice_.z.tap_count() * 4;
  rows_ = std::clamp<Index>(kStripBudget / std::max<Index>(row_bytes * y.in_step, 1), 1, y.count);
  // A strip too short for its halo would copy more than it computes.
  rows_ = std::min(std::max(rows_, span(y)), y.count);
  rows_ = ceil_div(y.count, ceil_div(y.count, rows_));
  block_ = choose_block();
}

std::string FlatDepthwiseCore::tile() const {
  return std::to_string(block_ == nullptr ? kMaxDepthwisePixels : block_->rows) + "x1 flat";
}

const DepthwiseBlock* FlatDepthwiseCore::choose_block() const {
  const LatticeAxis& y = lattice_.y;
  if (lattice_.z.tap_count() != 1 || y.in_step != 1 || y.tap_count() < 2) return nullptr;
  const Index dilation = y.spacing();
  if (dilation == 0) return nullptr;
  for (const DepthwiseBlock& b : kernels_.depthwise.flat) {
    // Taps that meet only padding are left out of the lattice, so that equal counts mean a whole kernel.
    if (b.size == y.tap_count() && b.size == lattice_.x.tap_count() && rows_ / dilation >= b.rows) return &b;
  }
  return nullptr;
}

FlatDepthwiseCore::Work FlatDepthwiseCore::take_work(Scratch& scratch, Index rows) const {
  const Index height = (rows - 1) * lattice_.y.in_step + span(lattice_.y);
  Work w{};
  w.staged = scratch.take<float>(lattice_.z.tap_count() * height * row_);
  w.z_list = scratch.take<Index>(lattice_.z.tap_count());
  w.y_list = scratch.take<Index>(height);
  w.weight = scratch.take<float>(std::max<Index>(lattice_.tap_count(), 1) * segment_);
  w.bias = scratch.take<float>(segment_);
  w.slope = scratch.take<float>(segment_);
  w.inputs = scratch.take<const float*>(
      std::max<Index>(kMaxDepthwisePixels * lattice_.tap_count(), kMaxBlockWindow));
  w.out_offset = scratch.take<Index>(std::max(kMaxDepthwisePixels, kMaxBlockPixels));
  return w;
}

/** Weights, bias and slopes of a plane's channels (all of them where they come last) along a segment of its
 * rows. */
void FlatDepthwiseCore::expand(Index plane, Work& w) const {
  const ConvSpec& spec = stage_.spec;
  const Index kernel_taps = spec.kernel.volume();
  const auto along = [&](float* to, auto value) {
    if (width_ == 1) {
      std::fill_n(to, segment_, value(static_cast<std::size_t>(plane)));
      return;
    }
    for (Index c = 0; c < width_; ++c) to[c] = value(static_cast<std::size_t>(plane + c));
    for (Index i = width_; i < segment_; ++i) to[i] = to[i - width_];
  };
  float* to = w.weight;
  for (const auto& z : lattice_.z.taps) {
    for (const auto& y : lattice_.y.taps) {
      for (const auto& x : lattice_.x.taps) {
        const Index tap = (z.kernel * spec.kernel.h + y.kernel) * spec.kernel.w + x.kernel;
        along(to, [&](std::size_t c) {
          return stage_.weight[c * static_cast<std::size_t>(kernel_taps) + static_cast<std::size_t>(tap)];
        });
        to += segment_;
      }
    }
  }
  along(w.bias, [&](std::size_t c) { return stage_.bias.empty() ? 0.0F : stage_.bias[c]; });
  const std::vector<float>& slope = spec.activation.slope;
  if (!slope.empty()) along(w.slope, [&](std::size_t c) { return slope[c]; });
}

void FlatDepthwiseCore::run(const Strip& strip, const float* image, const Target& target, Work& w) const {
  const Index height = (strip.rows - 1) * lattice_.y.in_step + span(lattice_.y);
  expand(strip.plane, w);
  const Index y_begin = lattice_.y.taps.empty() ? 0 : lattice_.y.coordinate(strip.y0, 0);
  const Index x_begin = lattice_.x.taps.empty() ? 0 : lattice_.x.taps.front().offset;
  for (Index i = 0; i < height; ++i) w.y_list[i] = y_begin + i;
  for (Index t = 0; t < lattice_.z.tap_count(); ++t) w.z_list[t] = lattice_.z.coordinate(strip.z, t);
  const Region region{w.z_list, w.y_list, lattice_.z.tap_count(), height, x_begin, row_ / width_};
  // Input channels that the strip meets, each as often as it has outputs in a pixel.
  StagedChannels channels{strip.plane / repeat_, 1, 1, 1};
  if (width_ > 1) channels = {0, width_ / repeat_, repeat_, width_};
  stage_region(lattice_, region, image, in_, channels, kernels_, w.staged);

  Epilogue epilogue;
  epilogue.bias = w.bias;
  epilogue.slope = w.slope;
  epilogue.op = stage_.spec.activation.op;
  epilogue.min = stage_.spec.activation.min;
  epilogue.max = stage_.spec.activation.max;
  epilogue.alpha = stage_.spec.activation.alpha;
  DepthwiseTile t;
  t.inputs = w.inputs;
  t.weight = w.weight;
  t.weight_stride = segment_;
  t.taps = static_cast<int>(lattice_.tap_count());
  t.out = target.out;
  t.out_offset = w.out_offset;
  t.residual = target.residual;
  t.epilogue = &epilogue;
  if (block_ == nullptr) {
    for (Index y = 0; y < strip.rows; y += kMaxDepthwisePixels) {
      run_rows(target.row, height, t, {y, std::min<Index>(kMaxDepthwisePixels, strip.rows - y), 1}, w);
    }
    return;
  }
  // Blocks of rows a dilation apart; the last is moved back over its neighbour where it would stick out.
  const Index step = lattice_.y.spacing();
  for (Index phase = 0; phase < step; ++phase) {
    const Index rows = ceil_div(strip.rows - phase, step);
    for (Index y = 0; y < rows; y += block_->rows) {
      const Index first = rows < block_->rows ? y : std::min(y, rows - block_->rows);
      run_rows(target.row, height, t,
               {phase + first * step, std::min<Index>(block_->rows, rows - first), step}, w);
    }
  }
}

/** Some output rows, `out_row` floats apart, segment by segment; `height` rows are staged a slice. */
void FlatDepthwiseCore::run_rows(Index out_row, Index height, DepthwiseTile& t, const Rows& rows,
                                 Work& w) const {
  const LatticeAxis& y_axis = lattice_.y;
  const LatticeAxis& x_axis = lattice_.x;
  const auto [first, count, step] = rows;
  const bool blocked = block_ != nullptr && count == block_->rows;
  const Index tile = largest_tile(count), most = Index{1} << tile;
  if (!blocked && count > most) {
    run_rows(out_row, height, t, {first, most, step}, w);
    return run_rows(out_row, height, t, {first + most * step, count - most, step}, w);
  }
  const DepthwiseKernel kernel = blocked ? block_->kernel : kernels_.depthwise.tile[tile];
  const Index length = x_axis.count * width_;
  const Index y_begin = y_axis.taps.empty() ? 0 : y_axis.taps.front().offset;
  const Index x_begin = x_axis.taps.empty() ? 0 : x_axis.taps.front().offset;
  for (Index i = 0; i < count; ++i) w.out_offset[i] = (first + i * step) * out_row;
  float* const out = t.out;
  const float* const residual = t.residual;
  for (Index at = 0; at < length; at += segment_) {
    const float** inputs = w.inputs;
    if (blocked) {
      for (int i = 0; i < block_->window(); ++i) {
        const float* row = w.staged + (first + i * step) * row_ + at;
        for (const auto& tap : x_axis.taps) *inputs++ = row + (tap.offset - x_begin) * width_;
      }
    } else {
      for (Index i = 0; i < count; ++i) {
        for (Index z = 0; z < lattice_.z.tap_count(); ++z) {
          for (const auto& tap_y : y_axis.taps) {
            const Index y = (first + i * step) * y_axis.in_step + tap_y.offset - y_begin;
            const float* row = w.staged + (z * height + y) * row_ + at;
            for (const auto& tap : x_axis.taps) *inputs++ = row + (tap.offset - x_begin) * width_;
          }
        }
      }
    }
    t.channels = std::min(segment_, length - at);
    t.out = out + at;
    t.residual = residual == nullptr ? nullptr : residual + at;
    kernel(t);
  }
  t.out = out;
  t.residual = residual;
}

namespace {

class FlatDepthwise final : public Executor {
 public:
  explicit FlatDepthwise(const Problem& p)
      : channels_last_(p.spec().channels_last),
        core_(p, standard_lattice(p.spec(), p.geometry), channels_last_),
        batch_(p.geometry.batch),
        planes_(channels_last_ ? 1 : p.spec().out_channels),
        in_(channels_last_, p.spec().in_channels, p.geometry.input),
        out_(channels_last_, p.spec().out_channels, p.geometry.output),
        strips_(ceil_div(core_.lattice().y.count, core_.rows())) {}

  Index tasks(int) const override { return batch_ * planes_ * core_.lattice().z.count * strips_; }

  void run(const Buffers& buffers, Index task, int, float* scratch) const override {
    const Lattice& l = core_.lattice();
    FlatDepthwiseCore::Strip strip;
    strip.y0 = task % strips_ * core_.rows();
    task /= strips_;
    strip.z = task % l.z.count;
    task /= l.z.count;
    strip.plane = task % planes_;
    const Index image = task / planes_;
    strip.rows = std::min(core_.rows(), l.y.count - strip.y0);
    if (strip.rows <= 0) return;
    Scratch memory(scratch);
    FlatDepthwiseCore::Work work = core_.take_work(memory, core_.rows());
    const Index map = image * out_.image + strip.plane * out_.channel + strip.z * out_.z + strip.y0 * out_.y;
    const float* residual = buffers.residual == nullptr ? nullptr : buffers.residual + map;
    core_.run(strip, buffers.input + image * in_.image, {buffers.output + map, residual, out_.y}, work);
  }

  Index workspace_bytes() const override {
    Scratch measure;
    core_.take_work(measure, core_.rows());
    return measure.used();
  }
  Index packed_bytes() const override { return 0; }
  std::string tile() const override { return core_.tile(); }

 private:
  const bool channels_last_;
  const FlatDepthwiseCore core_;
  const Index batch_, planes_;
  const MapStrides in_, out_;
  const Index strips_;
};

}  // namespace

bool suits_flat_depthwise(const Problem& p) {
  const ConvSpec& spec = p.spec();
  if (spec.stride.w != 1) return false;
  // Where the channels fill the lanes, a transposition in and out is cheaper than rows of their own: 3x3 on
  // 256 planes of 28x28 reached 0.30 of the peak by transposition and 0.15 flat.
  return spec.out_channels < p.kernels.lanes;
}

std::unique_ptr<const Executor> make_flat_depthwise(const Problem& p) {
  return std::make_unique<FlatDepthwise>(p);
}

}  // namespace convolith
