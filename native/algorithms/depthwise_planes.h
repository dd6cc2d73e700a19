#pragma once

#include <string>

#include "algorithms/algorithm.h"
#include "algorithms/epilogue_data.h"
#include "algorithms/lattice.h"

namespace convolith {

/** Whether planes as they lie serve a depthwise stage, and better than a transposition in and out. */
bool suits_depthwise_planes(const Problem& problem);

/** Channels-first depthwise layers of common kernels as they lie, pixels in the lanes. */
std::unique_ptr<const Executor> make_depthwise_planes(const Problem& problem);

/** The same on rows of one plane, for the depthwise algorithm and for the separable one. */
class DepthwisePlaneCore {
 public:
  explicit DepthwisePlaneCore(const Problem& problem);

  /** Rows [y0, y0 + rows) of a channel's plane. `residual` may be null. */
  struct Strip {
    Index channel = 0, y0 = 0, rows = 0;
    const float* input = nullptr;  // the whole plane
    float* out = nullptr;          // its rows, side by side
    const float* residual = nullptr;
  };
  /** With `scratch_floats()` of scratch. */
  void run(const Strip& strip, float* scratch) const;
  Index scratch_floats() const;

  const Lattice& lattice() const { return lattice_; }
  /** Input rows between two rows of outputs. */
  Index stride() const { return walk_.stride; }
  std::string tile() const;

 private:
  const Stage& stage_;
  const KernelTable& kernels_;
  const DepthwisePlaneWalk& walk_;
  const Lattice lattice_;
  const EpilogueData epilogue_;
};

}  // namespace convolith
