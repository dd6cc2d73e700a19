#pragma once

#include "spec/spec.h"

namespace convolith {

/** Throws unless the two specs are a depthwise convolution and a pointwise one that takes its output. */
void check_separable(const ConvSpec& depthwise, const ConvSpec& pointwise);

}  // namespace convolith
