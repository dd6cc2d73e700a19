#pragma once

#include "spec/spec.h"

namespace convolith {

/** Of a cache line. */
inline constexpr Index kLineFloats = 16;

/**
 * What happens to a tile of sums before it is stored: out = activation(sum + bias + residual). Data, not
 * code, so that one kernel serves every layer. Pointers are those of the kernel's first output channel,
 * padded with zeros to whole vectors.
 */
struct Epilogue {
  const float* bias = nullptr;
  /** Of `prelu` alone. */
  const float* slope = nullptr;
  ActivationOp op = ActivationOp::clip;
  /** `clip` without bounds. */
  bool linear = false;
  float min = 0.0F, max = 0.0F, alpha = 0.0F;
};

}  // namespace convolith
