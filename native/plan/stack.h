#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/aligned_buffer.h"
#include "plan/bands.h"
#include "plan/plan.h"

namespace convolith {

/** Memory of maps between runs: a block for each run under way, and some kept. */
class MapPool {
 public:
  MapPool();
  AlignedBuffer take(Index floats);
  void give(AlignedBuffer maps) noexcept;
  void clear();

 private:
  std::mutex mutex_;
  std::vector<AlignedBuffer> free_;
};

/** Dense matrices after one another: a map's channels and pixels. */
struct Matrices {
  Index batch = 0, rows = 0, columns = 0;
  Index count() const { return batch * rows * columns; }
};

/** Where a channels-first stack keeps its maps channels last: its input and output as matrices of channels ×
 * pixels. */
struct Border {
  Matrices input, output;
};

/**
 * Layers run one into the next, as one plan. The maps between them lie in two buffers that take turns, on
 * cache lines' boundaries, which JavaScript's arrays do not: that alone is 1.5 to 4% of a network.
 */
class Stack final : public Plan {
 public:
  /** Throws `Error(shape)` where a layer's output is not as long as the next one's input. At least one layer.
   */
  Stack(std::vector<std::shared_ptr<const LayerPlan>> layers, const std::optional<Border>& border,
        std::shared_ptr<MapPool> maps);

  void run(const float* input, float* output, const float* residual,
           const CancelToken* token = nullptr) const override;
  /** `workspace_bytes` are those of the maps. */
  Explanation explain() const override;

  /** Memory of the maps of one run. */
  Index map_bytes() const;

 private:
  static Counts counts_of(const std::vector<std::shared_ptr<const LayerPlan>>& layers,
                          const std::optional<Border>& border);

  /** A layer, or several of them that run in bands. */
  struct Segment {
    Index first = 0, count = 1;
    std::unique_ptr<const Bands> bands;
  };
  struct Maps;

  Maps lay_out(float* memory, bool residual) const;

  const std::vector<std::shared_ptr<const LayerPlan>> layers_;
  const std::optional<Border> border_;
  const std::shared_ptr<MapPool> pool_;
  std::vector<Segment> segments_;
  /** Floats of the two buffers, and of the lines of bands. */
  Index side_floats_[2] = {0, 0}, line_floats_ = 0;
};

}  // namespace convolith
