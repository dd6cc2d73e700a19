#pragma once

#include "algorithms/algorithm.h"
#include "algorithms/lattice.h"

namespace convolith {

/** One lattice of a depthwise convolution, or of one of groups that `packs_groups`, by strips of rows and,
 * where input is staged, of channels. */
std::unique_ptr<const Executor> make_channel_strips(const Problem& problem, const Lattice& lattice);

}  // namespace convolith
