#pragma once

#include "algorithms/algorithm.h"

namespace convolith {

/** A depthwise convolution, or one of groups that `packs_groups`, by strips of rows and, where input is
 * staged, of channels. */
std::unique_ptr<const Executor> make_channel_strips(const Problem& problem);

}  // namespace convolith
