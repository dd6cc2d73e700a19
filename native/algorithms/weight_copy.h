#pragma once

#include "spec/spec.h"

namespace convolith {

/** Copies a weight of `spec` in the order of `layout` into canonical order. */
void copy_canonical(const ConvSpec& spec, WeightLayout layout, const float* from, float* to);

/**
 * Copies a weight of a transposed convolution into that of the standard one which computes the same where the
 * stride is 1: [in, out / groups, taps] becomes [out, in / groups, taps reversed].
 */
void copy_flipped(const ConvSpec& spec, WeightLayout layout, const float* from, float* to);

}  // namespace convolith
