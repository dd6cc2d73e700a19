#pragma once

#include "algorithms/algorithm.h"

namespace convolith {

/**
 * Few output channels leave most lanes of a product empty, so `columns` neighbouring columns of the output
 * become channels of one: a convolution of `columns` times the stride, whose kernel is that much longer and
 * holds the weights `columns` times, each a stride further. What it multiplies by zero is less than what the
 * lanes gain where the kernel is long beside the stride, as that of a filter of a signal is.
 *
 * The share of a product's lanes times multiplications that count, at best; 0 for what cannot be folded.
 */
double folded_share(const Problem& problem);

/** Vector operations, as winograd_tiling.h counts them; infinite for what gains too little by it. */
double folded_cost(const Problem& problem);

/** For problems of a share above 0. */
std::unique_ptr<const Executor> make_folded(const Problem& problem);

}  // namespace convolith
