#pragma once

#include <memory>
#include <span>
#include <vector>

#include "plan/plan.h"

namespace convolith {

/**
 * Layers run into each other some rows at a time: each computes the rows that the next one needs for its own
 * next ones, and of the maps between only these **lines** exist. Maps that the second-level cache does not
 * hold are then never written to memory and read back (Alwani et al., "Fused-layer CNN accelerators", 2016).
 * Each thread walks down a **stripe** of the image by itself; where two meet, the few rows that both need are
 * computed twice. The results are bit for bit those of the layers one after another.
 */
class Bands {
 public:
  /** `lines` are `line_floats()` long. */
  void run(const float* input, float* output, const float* residual, float* lines,
           const CancelToken* token) const;

  Index layer_count() const { return layer_count_; }
  Index line_floats() const { return static_cast<Index>(stripes_.size()) * stripe_floats_; }
  /** How often the last layer computes some rows of an image. */
  Index count() const { return count_; }

 private:
  friend class BandPlanner;

  /** Rows of one layer; offsets in floats, those of lines within the stripe's own. */
  struct Call {
    const LayerPlan* plan;
    /** Lines that stay are moved to the front of their buffer first. */
    Index kept_from, kept_to, kept_floats;
    /** In the input where the layer is the first, among the lines otherwise. */
    Index from;
    /** In the output where the layer is the last, among the lines otherwise. */
    Index to;
    bool first, last;
  };

  std::vector<std::vector<Call>> stripes_;  // of one image
  std::vector<std::shared_ptr<const LayerPlan>> plans_;
  Index images_ = 1, input_image_ = 0, output_image_ = 0;
  Index layer_count_ = 0, stripe_floats_ = 0, count_ = 0;
};

/** How the longest row of layers from the first on runs in bands that gain by it; null where none does. */
std::unique_ptr<const Bands> plan_bands(std::span<const std::shared_ptr<const LayerPlan>> layers);

}  // namespace convolith
