// The weight's gradient as a product of matrices: (tap, input channel) × output channel, summed over the
// output points of all images. Neither matrix is written: the input is read where it lies, and a panel of
// gradients is packed a block of points at a time. Where there are few tiles of sums, the points are cut into
// slices with sums of their own, so that threads have work.

#include <algorithm>
#include <cstring>
#include <vector>

#include "algorithms/panels.h"
#include "algorithms/weight_grad.h"
#include "base/arena.h"
#include "base/thread_pool.h"

namespace convolith {

namespace {

/** Output points of a block: its panel of gradients stays in the first two levels of cache, its input in the
 * second. */
constexpr Index kBlockPoints = 256;
/** Channels below which those of a tap are too few rows for a tile: with the taps of a kernel row they lie
 * side by side in a padded map. */
constexpr Index kFewChannels = 16;
/** Tasks that suffice for a few threads. */
constexpr Index kWantedTasks = 4;
/** Tiles of a task that pay for packing its panel once more. */
constexpr Index kLeastTiles = 8;
/** Rows of sums of a task: half a megabyte at two vectors of 16 lanes. */
constexpr Index kMostRows = 4096;

bool merges_taps(const ConvSpec& s) {
  return s.groups == 1 && s.in_channels < kFewChannels && s.dilation.w == 1 && s.kernel.w > 1;
}

/** Output points as rows, or pieces of rows where those are long, and blocks of rows. */
struct Blocks {
  Index width, pieces, row_points, rows, block_rows;

  explicit Blocks(const ConvGeometry& g)
      : width(g.output.w),
        pieces(ceil_div(width, 2 * kBlockPoints)),
        row_points(ceil_div(width, pieces)),
        rows(g.batch * g.output.d * g.output.h * pieces),
        // Pieces of a row may differ in length, so they come alone.
        block_rows(pieces > 1 ? 1 : std::max(Index{1}, kBlockPoints / row_points)) {}
  Index count() const { return ceil_div(rows, block_rows); }
};

/** Rows of sums, tap by tap, in tiles: starts of tiles, and of the parts that tasks take, in tiles. */
struct Parts {
  std::vector<Index> tiles, starts;

  Parts(Index channels, Index taps, Index most_rows, Index wanted) {
    const Index count = ceil_div(channels, most_rows);
    const Index parts = std::max(std::min(wanted, std::max(Index{1}, count * taps / kLeastTiles)),
                                 ceil_div(channels * taps, kMostRows));
    const Index cuts = std::min(parts, count);
    for (Index i = 0; i <= count; ++i) tiles.push_back(i * channels / count);
    for (Index i = 0; i <= cuts; ++i) starts.push_back(i * count / cuts);
  }
  Index count() const { return static_cast<Index>(starts.size()) - 1; }
  Index tile(Index i) const { return tiles[static_cast<std::size_t>(i)]; }
  Index start(Index part) const { return starts[static_cast<std::size_t>(part)]; }
};

class GemmWeightGrad final : public WeightGradExecutor {
 public:
  explicit GemmWeightGrad(const WeightGradProblem& p)
      : spec_(p.spec),
        geometry_(p.geometry),
        oihw_(p.layout == WeightLayout::oihw),
        kernels_(p.kernels),
        merged_(merges_taps(p.spec)),
        input_(p, merged_ || p.spec.padding_mode != PaddingMode::zeros, 1),
        out_(p.spec.channels_last, p.spec.out_channels, p.geometry.output),
        blocks_(p.geometry),
        panels_(p.spec.group_out(), 2 * kShortSum, p.spec.group_in() * p.spec.kernel.volume(),
                p.kernels.gemm),
        channels_(merged_ ? p.spec.in_channels * p.spec.kernel.w : p.spec.group_in()),
        row_taps_(merged_ ? 1 : p.spec.kernel.w),
        taps_(p.spec.kernel.d * p.spec.kernel.h * row_taps_),
        parts_(channels_, taps_, panels_.tile_rows,
               merged_ ? 1 : ceil_div(kWantedTasks, p.spec.groups * panels_.count())),
        tasks_(p.spec.groups * panels_.count() * parts_.count()),
        slices_(std::min(ceil_div(kWantedTasks, tasks_), blocks_.count())) {
    for (Index part = 0; part < parts_.count(); ++part) {
      task_sums_ = std::max(task_sums_, part_channels(part) * taps_ * panels_.max_width());
    }
    if (slices_ > 1) partials_ = AlignedBuffer(tasks_ * slices_ * task_sums_);
    Scratch scratch;
    carve(scratch);
    workspace_ = scratch.used();
  }

  void run(const float* input, const float* grad_output, float* grad_weight) override {
    const float* x = input_.map.read(input);
    parallel_for(tasks_ * slices_, [&](Index i) {
      Scratch scratch(thread_arena(workspace_));
      const Work work = carve(scratch);
      const Task task = task_of(i % tasks_);
      float* sums = slices_ > 1 ? partials_.data() + i * task_sums_ : work.sums;
      sum(task, i / tasks_, {x, grad_output}, work, sums);
      if (slices_ == 1) store(task, sums, grad_weight);
    });
    if (slices_ == 1) return;
    parallel_for(tasks_, [&](Index i) {
      float* total = partials_.data() + i * task_sums_;
      for (Index slice = 1; slice < slices_; ++slice) {
        const float* more = total + slice * tasks_ * task_sums_;
        for (Index k = 0; k < task_sums_; ++k) total[k] += more[k];
      }
      store(task_of(i), total, grad_weight);
    });
  }

  const char* name() const override { return "gemm-weight-grad"; }
  std::string tile() const override {
    return std::to_string(parts_.tile(1)) + "x" + std::to_string(panels_[0].vectors);
  }
  Index workspace_bytes() const override { return workspace_; }
  Index bytes() const override { return input_.map.bytes() + partials_.bytes(); }

 private:
  struct Work {
    float* panel;
    float* sums;
    const float** rows;
    const float** grads;
  };
  struct Maps {
    const float* input;
    const float* grad;
  };
  struct Task {
    Index group, panel, part;
  };
  /** One row, or piece of a row, of output points. */
  struct Row {
    Index image, z, y, begin, end;
  };

  Work carve(Scratch& scratch) const {
    return {scratch.take<float>(blocks_.block_rows * blocks_.row_points * panels_.max_width()),
            scratch.take<float>(slices_ > 1 ? 0 : task_sums_), scratch.take<const float*>(blocks_.block_rows),
            scratch.take<const float*>(blocks_.block_rows)};
  }

  Task task_of(Index i) const {
    return {i / parts_.count() / panels_.count(), i / parts_.count() % panels_.count(), i % parts_.count()};
  }
  Index part_begin(Index part) const { return parts_.tile(parts_.start(part)); }
  Index part_channels(Index part) const { return part_begin(part + 1) - part_begin(part); }
  /** Whether sums are in the order [input channel][tap], else in that of [tap][input channel]. */
  bool channels_first() const { return oihw_ && !merged_; }

  Row row_of(Index i) const {
    const Index begin = i % blocks_.pieces * blocks_.row_points;
    const Index row = i / blocks_.pieces;
    const Index slice = row / geometry_.output.h;
    return {slice / geometry_.output.d, slice % geometry_.output.d, row % geometry_.output.h, begin,
            std::min(begin + blocks_.row_points, blocks_.width)};
  }

  void sum(const Task& task, Index slice, const Maps& maps, const Work& work, float* sums) const {
    const auto width = static_cast<Index>(panels_.width(task.panel));
    std::fill_n(sums, part_channels(task.part) * taps_ * width, 0.0F);
    // Columns that the last panel does not have stay zero.
    std::fill_n(work.panel, blocks_.block_rows * blocks_.row_points * width, 0.0F);
    const Index end = (slice + 1) * blocks_.count() / slices_;
    for (Index block = slice * blocks_.count() / slices_; block < end; ++block) {
      const Index first = block * blocks_.block_rows;
      const Index rows = std::min(blocks_.block_rows, blocks_.rows - first);
      for (Index i = 0; i < rows; ++i) {
        pack(task, row_of(first + i), maps.grad, work.panel + i * blocks_.row_points * width);
      }
      for (Index tap = 0; tap < taps_; ++tap) sum_tap(task, tap, {first, rows}, maps.input, work, sums);
    }
  }

  void pack(const Task& task, const Row& row, const float* grad, float* to) const {
    const Panels::Panel& panel = panels_[task.panel];
    const Index width = panels_.width(task.panel);
    const Index channel = task.group * spec_.group_out() + panel.column;
    const float* from = grad + row.image * out_.image + row.z * out_.z + row.y * out_.y + row.begin * out_.x +
                        channel * out_.channel;
    const Index points = row.end - row.begin;
    if (!spec_.channels_last) {
      kernels_.transpose({from, to, out_.channel, width, panel.columns, points});
      return;
    }
    for (Index p = 0; p < points; ++p) {
      for (Index j = 0; j < panel.columns; ++j) to[p * width + j] = from[p * out_.x + j];
    }
  }

  struct RowRange {
    Index first, count;
  };

  /** One tap of all the task's channels: the rows whose tap reads inside of the map, then tile by tile. */
  void sum_tap(const Task& task, Index tap, const RowRange& block, const float* input, const Work& work,
               float* sums) const {
    const Index width = panels_.width(task.panel);
    const Index kx = tap % row_taps_;
    const Index ky = tap / row_taps_ % spec_.kernel.h;
    const Index kz = tap / row_taps_ / spec_.kernel.h;
    const GradAxis::Range zs = input_.z.outputs_of(kz);
    const GradAxis::Range ys = input_.y.outputs_of(ky);
    const GradAxis::Range xs = input_.x.outputs_of(kx);
    const MapStrides& in = input_.map.strides();
    WeightGradTile tile;
    for (Index i = 0; i < block.count; ++i) {
      const Row row = row_of(block.first + i);
      const Index begin = std::max(row.begin, xs.begin);
      tile.points = std::min(row.end, xs.end) - begin;
      if (row.z < zs.begin || row.z >= zs.end || row.y < ys.begin || row.y >= ys.end || tile.points <= 0) {
        continue;
      }
      work.rows[tile.runs] = input + row.image * in.image + input_.z.at(row.z, kz) * in.z +
                             input_.y.at(row.y, ky) * in.y + input_.x.at(begin, kx) * in.x +
                             task.group * spec_.group_in();
      work.grads[tile.runs] = work.panel + (i * blocks_.row_points + begin - row.begin) * width;
      ++tile.runs;
    }
    if (tile.runs == 0) return;
    tile.points = std::min(row_of(block.first).end, xs.end) - std::max(row_of(block.first).begin, xs.begin);
    tile.rows = work.rows;
    tile.grads = work.grads;
    tile.step = input_.x.stride * in.x;
    tile.sum_step = channels_first() ? taps_ * width : width;
    const auto& kernels = kernels_.weight_grad.tile[panels_[task.panel].vectors - 1];
    for (Index t = parts_.start(task.part); t < parts_.start(task.part + 1); ++t) {
      tile.channel = parts_.tile(t);
      const Index at = tile.channel - part_begin(task.part);
      tile.sums = sums + width * (channels_first() ? at * taps_ + tap : tap * part_channels(task.part) + at);
      kernels[parts_.tile(t + 1) - tile.channel - 1](tile);
    }
  }

  void store(const Task& task, const float* sums, float* grad_weight) const {
    const Panels::Panel& panel = panels_[task.panel];
    const Index width = panels_.width(task.panel);
    const Index o = task.group * spec_.group_out() + panel.column;
    const Index begin = part_begin(task.part);
    const Index channels = part_channels(task.part);
    if (channels_first()) {
      kernels_.transpose({sums, grad_weight + o * channels_ * taps_ + begin * taps_, width, channels_ * taps_,
                          channels * taps_, panel.columns});
      return;
    }
    for (Index tap = 0; tap < taps_; ++tap) {
      for (Index c = 0; c < channels; ++c) {
        const float* from = sums + (tap * channels + c) * width;
        float* to = grad_weight + (tap * channels_ + begin + c) * spec_.out_channels + o;
        if (!oihw_) {
          std::memcpy(to, from, static_cast<std::size_t>(panel.columns) * sizeof(float));
          continue;
        }
        // Merged: `c` is a tap of the kernel row and a channel.
        const Index volume = spec_.kernel.volume();
        const Index kx = c / spec_.in_channels;
        to = grad_weight + (o * spec_.in_channels + c % spec_.in_channels) * volume + tap * spec_.kernel.w +
             kx;
        for (Index j = 0; j < panel.columns; ++j) to[j * spec_.in_channels * volume] = from[j];
      }
    }
  }

  const ConvSpec spec_;
  const ConvGeometry geometry_;
  const bool oihw_;
  const KernelTable& kernels_;
  const bool merged_;
  GradInput input_;
  const MapStrides out_;
  const Blocks blocks_;
  const Panels panels_;
  /** Rows of sums a tap, taps of a kernel row, taps in all: merged, a row's taps count as channels. */
  const Index channels_, row_taps_, taps_;
  const Parts parts_;
  const Index tasks_, slices_;
  Index task_sums_ = 0, workspace_ = 0;
  /** [slice][task] sums, where there are slices. */
  AlignedBuffer partials_;
};

}  // namespace

std::unique_ptr<WeightGradExecutor> make_gemm_weight_grad(const WeightGradProblem& problem) {
  return std::make_unique<GemmWeightGrad>(problem);
}

}  // namespace convolith
