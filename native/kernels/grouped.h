#pragma once

#include "base/check.h"

namespace convolith {

/**
 * Which groups a vector of output channels holds, and which inputs they take. A depthwise slide or line of
 * groups of few channels brings each of a group's inputs into the lanes of the group's outputs. Contract: as
 * DepthwiseSlide and DepthwiseLine, with input channel (c / group_out) * group_in + i in place of c, summed
 * over i < group_in; neither `shift` nor `lag` are read, and a line has one output at least. Channels are
 * whole groups, a whole vector at least.
 */
struct GroupLanes {
  Index group_in = 1, group_out = 1;
  /** [group_in][lanes]: the lane of a vector of input channels, from the first group's first on, that each
   * output's i-th input lies in. A vector holds whole groups, and their inputs fill at most a vector. */
  const std::int32_t* from = nullptr;
  /** Floats from the weights of one input of a group to the next: [group_in][taps][weight_stride]. */
  Index weight_input = 0;
};

}  // namespace convolith
