#pragma once

#include <vector>

#include "spec/spec.h"

namespace convolith {

/** One stage of a layer. Weights in canonical order: [out, in / groups, taps], transposed [in, out / groups,
 * taps]. */
struct Stage {
  ConvSpec spec;
  std::vector<float> weight;
  /** Empty where there is none. */
  std::vector<float> bias;
};

/** Floats between two input channels of a group, two output channels of one, and two groups, in canonical
 * weights. */
struct WeightStrides {
  Index in, out, group;

  explicit WeightStrides(const ConvSpec& spec)
      : in(spec.kernel.volume() * (spec.transposed ? spec.group_out() : 1)),
        out(spec.kernel.volume() * (spec.transposed ? 1 : spec.group_in())),
        group(spec.kernel.volume() * spec.group_in() * spec.group_out()) {}
};

}  // namespace convolith
