#pragma once

#include "algorithms/algorithm.h"

namespace convolith {

// Vector operations of a standard convolution, as winograd_tiling.h counts them.

/** By a product of points and taps by channels. */
double gemm_cost(const Problem& problem);

/** By minimal filtering, with the margin that it must win by; infinite where it cannot serve. */
double filtered_cost(const Problem& problem);

}  // namespace convolith
