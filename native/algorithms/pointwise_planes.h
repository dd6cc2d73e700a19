#pragma once

#include "algorithms/algorithm.h"

namespace convolith {

/** Whether a pointwise layer's maps are best multiplied as they lie, channels first. */
bool suits_planes(const ConvSpec& spec, const Size3& output, const KernelTable& kernels);

std::unique_ptr<const Executor> make_pointwise_planes(const Problem& problem);
/** The same on a part of a larger map, whose output planes are `out_channel` floats apart. */
std::unique_ptr<const Executor> make_pointwise_planes(const Problem& problem, Index out_channel);

}  // namespace convolith
