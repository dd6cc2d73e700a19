#pragma once

#include "algorithms/algorithm.h"

namespace convolith {

/**
 * A transposed convolution of stride s to few output channels as an ordinary one to s² times as many on the
 * map before it was spread out: phases become channels, which are dealt out to their pixels at the end (Shi
 * et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
 * neural network", 2016). Phase by phase, few output channels leave most lanes of a product empty.
 *
 * The vector operations that it takes, by the estimates of winograd_tiling.h; infinite for what it cannot do.
 * `filtered`: by minimal filtering, otherwise directly.
 */
double subpixel_cost(const Problem& problem, bool filtered);

/** For problems of a finite cost. */
std::unique_ptr<const Executor> make_subpixel(const Problem& problem, bool filtered);

}  // namespace convolith
