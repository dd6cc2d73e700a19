#pragma once

#include "algorithms/algorithm.h"

namespace convolith {

/**
 * A convolution of few channels at stride s as one of stride 1 to which s × s pixels are the channels of one:
 * the first layer of most networks, whose three channels fill three lanes of a vector. By minimal filtering,
 * which has nothing to gain at a stride itself; its input is rearranged a strip of rows at a time, padding
 * and all.
 *
 * The vector operations that it takes, by the estimates of winograd_tiling.h; infinite for what it cannot do.
 */
double space_to_depth_cost(const Problem& problem);

/** For problems of a finite cost. */
std::unique_ptr<const Executor> make_space_to_depth(const Problem& problem);

}  // namespace convolith
