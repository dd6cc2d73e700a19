#pragma once

#include "algorithms/algorithm.h"

namespace convolith {

/** Whether `make_flat_depthwise` serves a depthwise problem, and better than channels in the lanes would. */
bool suits_flat_depthwise(const Problem& problem);

/**
 * Depthwise convolution with pixels in the lanes, for maps whose channels do not fill them, pictures above
 * all: a row of a channels-last map, or of a channels-first plane, is one run of floats in which a kernel
 * column is a shift. Nothing is transposed.
 */
std::unique_ptr<const Executor> make_flat_depthwise(const Problem& problem);

}  // namespace convolith
