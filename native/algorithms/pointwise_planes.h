#pragma once

#include "algorithms/algorithm.h"

namespace convolith {

/** Whether a pointwise layer's maps are best multiplied as they lie, channels first. */
bool suits_planes(const Problem& problem);

std::unique_ptr<const Executor> make_pointwise_planes(const Problem& problem);

}  // namespace convolith
