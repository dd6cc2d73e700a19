#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/check.h"

namespace convolith {

/** Order of a weight's dimensions: canonical [major, minor, taps], or TensorFlow's [taps, minor, major].
 * Major is the output channels, of a transposed convolution the input channels. */
enum class WeightLayout : std::uint8_t { oihw, hwio };

/** A number an axis: depth, height, width. Lower ranks carry leading 1s (0s for paddings). */
struct Size3 {
  Index d = 1, h = 1, w = 1;

  constexpr Index volume() const { return d * h * w; }
  constexpr bool operator==(const Size3&) const = default;
};

enum class PaddingMode : std::uint8_t { zeros, reflect, replicate, circular };

/** `linear`, `relu` and `relu6` are `clip` with their bounds; a NaN passes through it. */
enum class ActivationOp : std::uint8_t {
  clip,
  leaky_relu,
  prelu,
  elu,
  sigmoid,
  tanh,
  hard_swish,
  hard_sigmoid,
  silu,
  gelu
};

struct Activation {
  ActivationOp op = ActivationOp::clip;
  float min = -std::numeric_limits<float>::infinity();
  float max = std::numeric_limits<float>::infinity();
  /** Negative slope of `leaky_relu`, scale of `elu`. */
  float alpha = 0.0F;
  /** Negative slopes of `prelu`, one an output channel; empty for the others. */
  std::vector<float> slope;
};

/** A layer with every default settled; the mirror of `ConvSpec` in lib/spec.ts. */
struct ConvSpec {
  bool transposed = false;
  bool channels_last = false;
  /** False leaves out algorithms that change the rounding beyond the order of summation. */
  bool fast_math = true;
  PaddingMode padding_mode = PaddingMode::zeros;
  Index in_channels = 0, out_channels = 0, groups = 1;
  Size3 kernel, stride, dilation;
  Activation activation;
  /** "auto", or the name of the algorithm that must serve. */
  std::string algorithm = "auto";

  Index group_in() const { return in_channels / groups; }
  Index group_out() const { return out_channels / groups; }
  Index weight_major() const { return transposed ? in_channels : out_channels; }
  Index weight_minor() const { return (transposed ? out_channels : in_channels) / groups; }
  Index weight_count() const { return in_channels / groups * out_channels * kernel.volume(); }
};

/**
 * A spec's sizes for one input. Standard: out[o] = Σ_k in[o * stride - pad_before + k * dilation] * w[k].
 * Transposed: every in[i] * w[k] is added to out[i * stride - pad_before + k * dilation] where that lies
 * inside.
 */
struct ConvGeometry {
  Index batch = 1;
  Size3 input, output;
  Size3 pad_before{0, 0, 0}, pad_after{0, 0, 0};

  bool operator==(const ConvGeometry&) const = default;
};

/**
 * Throws `Error` unless every number is in range, every product fits `kMaxElements` and the output follows
 * from the input. The addon calls these before anything is allocated; nothing below checks again.
 */
void validate(const ConvSpec& spec);
void validate(const ConvSpec& spec, const ConvGeometry& geometry);

}  // namespace convolith
