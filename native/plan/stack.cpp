#include "plan/stack.h"

#include <algorithm>
#include <span>

#include "base/arena.h"
#include "companions/transpose.h"

namespace convolith {

namespace {

/** A synchronous run needs one block; a second serves an asynchronous one beside it. */
constexpr std::size_t kBlocksKept = 2;

/** Gives the maps back however a run ends. */
class MapLease {
 public:
  MapLease(MapPool& pool, Index floats) : pool_(pool), maps_(pool.take(floats)) {}
  ~MapLease() { pool_.give(std::move(maps_)); }
  MapLease(const MapLease&) = delete;
  MapLease& operator=(const MapLease&) = delete;
  float* data() { return maps_.data(); }

 private:
  MapPool& pool_;
  AlignedBuffer maps_;
};

}  // namespace

MapPool::MapPool() { free_.reserve(kBlocksKept); }

AlignedBuffer MapPool::take(Index floats) {
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < free_.size(); ++i) {
      if (free_[i].size() < floats) continue;
      AlignedBuffer maps = std::move(free_[i]);
      free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(i));
      return maps;
    }
    // Too small for this one: larger ones take their place.
    free_.clear();
  }
  return AlignedBuffer::uncleared(floats);
}

void MapPool::give(AlignedBuffer maps) noexcept {
  const std::lock_guard lock(mutex_);
  if (free_.size() < kBlocksKept) free_.push_back(std::move(maps));
}

void MapPool::clear() {
  const std::lock_guard lock(mutex_);
  free_.clear();
}

/** The parts of a run's block. */
struct Stack::Maps {
  float* side[2];
  float* lines;
  /** Turned, with a border. */
  float* residual;
  Index bytes;
};

Plan::Counts Stack::counts_of(const std::vector<std::shared_ptr<const LayerPlan>>& layers,
                              const std::optional<Border>& border) {
  if (border) return {border->input.count(), border->output.count()};
  return {layers.front()->input_count(), layers.back()->output_count()};
}

Stack::Stack(std::vector<std::shared_ptr<const LayerPlan>> layers, const std::optional<Border>& border,
             std::shared_ptr<MapPool> maps)
    : Plan(counts_of(layers, border)), layers_(std::move(layers)), border_(border), pool_(std::move(maps)) {
  const auto count = static_cast<Index>(layers_.size());
  const auto expect = [](Index came, Index wanted, const std::string& name) {
    if (came == wanted) return;
    throw Error(ErrorCode::shape, "Expected " + std::to_string(wanted) + " values for " + name +
                                      " but received " + std::to_string(came));
  };
  expect(input_count(), layers_.front()->input_count(), "the input of layers[0]");
  for (Index i = 1; i < count; ++i) {
    expect(layers_[static_cast<std::size_t>(i - 1)]->output_count(),
           layers_[static_cast<std::size_t>(i)]->input_count(),
           "the input of layers[" + std::to_string(i) + "]");
  }
  expect(output_count(), layers_.back()->output_count(), "the output of the stack");
  for (Index i = 0; i < count; i += segments_.back().count) {
    Segment segment{i, 1, plan_bands(std::span(layers_).subspan(static_cast<std::size_t>(i)))};
    if (segment.bands != nullptr) {
      segment.count = segment.bands->layer_count();
      line_floats_ = std::max(line_floats_, segment.bands->line_floats());
    }
    segments_.push_back(std::move(segment));
  }
  const auto keep = [&](std::size_t map, Index floats) {
    side_floats_[map % 2] = std::max(side_floats_[map % 2], floats);
  };
  // With a border the turned input is the first map, and the last one is still to be turned.
  if (border_) keep(0, input_count());
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const Index last = segments_[i].first + segments_[i].count - 1;
    if (border_ || i + 1 < segments_.size()) {
      keep(i + (border_ ? 1 : 0), layers_[static_cast<std::size_t>(last)]->output_count());
    }
  }
}

Stack::Maps Stack::lay_out(float* memory, bool residual) const {
  Scratch scratch(memory);
  Maps maps{};
  for (int i = 0; i < 2; ++i) maps.side[i] = scratch.take<float>(side_floats_[i]);
  maps.lines = scratch.take<float>(line_floats_);
  maps.residual = scratch.take<float>(border_ && residual ? output_count() : 0);
  maps.bytes = scratch.used();
  return maps;
}

Index Stack::map_bytes() const {
  return (side_floats_[0] + side_floats_[1] + line_floats_) * static_cast<Index>(sizeof(float));
}

void Stack::run(const float* input, float* output, const float* residual, const CancelToken* token) const {
  const bool added = residual != nullptr;
  MapLease lease(*pool_, lay_out(nullptr, added).bytes / static_cast<Index>(sizeof(float)));
  const Maps maps = lay_out(lease.data(), added);
  std::size_t map = 0;
  if (border_) {
    const auto turn = [](const float* from, float* to, const Matrices& m) {
      run_transpose({from, to, m.batch, m.rows, m.columns});
    };
    turn(input, maps.side[map], border_->input);
    input = maps.side[map++];
    if (added) {
      turn(residual, maps.residual, border_->output);
      residual = maps.residual;
    }
  }
  for (const Segment& segment : segments_) {
    const bool last = &segment == &segments_.back();
    float* to = last && !border_ ? output : maps.side[map++ % 2];
    const float* addend = last ? residual : nullptr;
    if (segment.bands != nullptr) {
      segment.bands->run(input, to, addend, maps.lines, token);
    } else {
      layers_[static_cast<std::size_t>(segment.first)]->run(input, to, addend, token);
    }
    input = to;
  }
  if (border_) {
    const Matrices& m = border_->output;
    run_transpose({input, output, m.batch, m.columns, m.rows});
  }
}

Explanation Stack::explain() const {
  Explanation e;
  e.algorithm = "sequential";
  for (const Segment& segment : segments_) {
    if (segment.bands == nullptr) continue;
    if (!e.tile.empty()) e.tile += ", ";
    e.tile += "layers " + std::to_string(segment.first) + "-" +
              std::to_string(segment.first + segment.count - 1) + " in " +
              std::to_string(segment.bands->count()) + " bands";
  }
  e.workspace_bytes = map_bytes();
  return e;
}

}  // namespace convolith
