#pragma once

#include <vector>

#include "algorithms/algorithm.h"

namespace convolith {

/** Throws unless the two specs are a depthwise convolution and a pointwise one that takes its output. */
void check_separable(const ConvSpec& depthwise, const ConvSpec& pointwise);

/** Candidates for layers of two stages, best first. */
const std::vector<Candidate>& separable_candidates();

}  // namespace convolith
