#pragma once

#include "algorithms/algorithm.h"

namespace convolith {

/** Whether `make_depthwise_planes` serves a depthwise problem, and better than a transposition in and out. */
bool suits_depthwise_planes(const Problem& problem);

/** Channels-first depthwise 3×3 of stride 1 as it lies, pixels in the lanes. */
std::unique_ptr<const Executor> make_depthwise_planes(const Problem& problem);

}  // namespace convolith
