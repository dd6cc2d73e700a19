#pragma once

#include "algorithms/algorithm.h"

namespace convolith {

/** Whether both stages of a separable problem are best computed on planes as they lie, channels first. */
bool suits_separable_planes(const Problem& problem);

/** Depthwise then pointwise on strips of rows, channels first throughout: nothing is transposed. */
std::unique_ptr<const Executor> make_separable_planes(const Problem& problem);

}  // namespace convolith
