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

}  // namespace convolith
