#include <array>
#include <cmath>
#include <string>

#include "spec/spec.h"

namespace convolith {

namespace {

/** What padded copies and offset tables may address: far beyond memory, and four bytes an element still fit.
 */
constexpr Index kMaxReach = Index{1} << 53;

constexpr std::array<const char*, 3> kAxes{"depth", "height", "width"};

using Axes = std::array<Index, 3>;

Axes axes(const Size3& size) { return {size.d, size.h, size.w}; }

std::string show(const Size3& size) {
  return "[" + std::to_string(size.d) + ", " + std::to_string(size.h) + ", " + std::to_string(size.w) + "]";
}

[[noreturn]] void refuse(ErrorCode code, const std::string& expected, const std::string& name,
                         const std::string& received) {
  throw Error(code, "Expected " + expected + " for " + name + " but received " + received);
}

/** Sizes are at least 1, paddings may be 0; both end at what an index of 32 bits can address. */
void expect_range(ErrorCode code, const char* name, Index value, Index least) {
  if (value < least || value > kMaxElements) {
    refuse(code, "an integer from " + std::to_string(least) + " to " + std::to_string(kMaxElements), name,
           std::to_string(value));
  }
}

void expect_range(ErrorCode code, const char* name, const Size3& size, Index least) {
  for (const Index value : axes(size)) {
    if (value < least || value > kMaxElements) {
      refuse(code, "integers from " + std::to_string(least) + " to " + std::to_string(kMaxElements), name,
             show(size));
    }
  }
}

Index elements(const Size3& size, Index limit = kMaxElements) {
  return saturating_product(saturating_product(size.d, size.h, limit), size.w, limit);
}

void expect_elements(const char* name, Index count, Index limit = kMaxElements) {
  if (count > limit) {
    throw Error(ErrorCode::memory, "Expected at most " + std::to_string(limit) + " elements in the " + name +
                                       " but received sizes whose product is beyond");
  }
}

void expect_divisor(const char* name, Index channels, Index groups) {
  if (channels % groups != 0) {
    refuse(ErrorCode::option, "a multiple of groups (" + std::to_string(groups) + ")", name,
           std::to_string(channels));
  }
}

void validate(const Activation& activation, Index out_channels) {
  if (std::isnan(activation.min) || std::isnan(activation.max) || activation.min > activation.max) {
    refuse(ErrorCode::option, "min <= max", "activation",
           "[" + std::to_string(activation.min) + ", " + std::to_string(activation.max) + "]");
  }
  if (!std::isfinite(activation.alpha)) {
    refuse(ErrorCode::option, "a finite number", "activation.alpha", std::to_string(activation.alpha));
  }
  const auto slopes = static_cast<Index>(activation.slope.size());
  const Index expected = activation.op == ActivationOp::prelu ? out_channels : 0;
  if (slopes != expected) {
    refuse(ErrorCode::option, std::to_string(expected) + " values", "activation.slope",
           std::to_string(slopes));
  }
}

/** The span of a dilated kernel, d(K - 1) + 1. Both factors are below 2^31, so nothing wraps. */
Index span(Index kernel, Index dilation) { return dilation * (kernel - 1) + 1; }

/** Output size ⌊(I + p_before + p_after − d(K − 1) − 1) / s⌋ + 1, and the bounds of the padding mode. */
void validate_standard(const ConvSpec& spec, const ConvGeometry& geometry) {
  const Axes input = axes(geometry.input), output = axes(geometry.output), kernel = axes(spec.kernel);
  const Axes stride = axes(spec.stride), dilation = axes(spec.dilation);
  const Axes before = axes(geometry.pad_before), after = axes(geometry.pad_after);
  expect_range(ErrorCode::shape, "padAfter", geometry.pad_after, -kMaxElements);
  Index padded = saturating_product(geometry.batch, spec.in_channels, kMaxReach);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::string name = std::string(" of axis ") + kAxes[axis];
    const Index extent = input[axis] + before[axis] + after[axis];
    const Index kernel_span = span(kernel[axis], dilation[axis]);
    if (kernel_span > extent) {
      refuse(ErrorCode::shape, "at most the padded input (" + std::to_string(extent) + ")",
             "dilated kernel" + name, std::to_string(kernel_span));
    }
    const Index expected = (extent - kernel_span) / stride[axis] + 1;
    if (output[axis] != expected) {
      refuse(ErrorCode::shape, std::to_string(expected), "output" + name, std::to_string(output[axis]));
    }
    const Index pad = before[axis] > after[axis] ? before[axis] : after[axis];
    if (spec.padding_mode == PaddingMode::reflect && pad >= input[axis]) {
      refuse(ErrorCode::shape, "less than the input (" + std::to_string(input[axis]) + ") with reflect",
             "padding" + name, std::to_string(pad));
    }
    if (spec.padding_mode == PaddingMode::circular && pad > input[axis]) {
      refuse(ErrorCode::shape, "at most the input (" + std::to_string(input[axis]) + ") with circular",
             "padding" + name, std::to_string(pad));
    }
    padded = saturating_product(padded, extent, kMaxReach);
  }
  expect_elements("padded input", padded, kMaxReach);
}

/**
 * A transposed convolution adds where the output is and drops the rest, so any output size is safe: 'same',
 * an output shape and an output padding all end here as a size. `pad_after` follows from it and may be
 * negative, which is an output longer than what the kernel reaches. Only the reach itself is bounded.
 */
void validate_transposed(const ConvSpec& spec, const ConvGeometry& geometry) {
  const Axes input = axes(geometry.input), stride = axes(spec.stride), kernel = axes(spec.kernel);
  const Axes dilation = axes(spec.dilation), after = axes(geometry.pad_after);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (after[axis] < -kMaxElements || after[axis] > kMaxElements) {
      refuse(ErrorCode::shape, "integers that fit 32 bits", "padAfter", show(geometry.pad_after));
    }
    const Index reach = (input[axis] - 1) * stride[axis] + span(kernel[axis], dilation[axis]);
    if (reach > kMaxElements) {
      throw Error(ErrorCode::memory,
                  "Expected (input - 1) * stride + dilation * (kernel - 1) + 1 of at most " +
                      std::to_string(kMaxElements) + " for axis " + kAxes[axis] + " but received " +
                      std::to_string(reach));
    }
  }
}

}  // namespace

void validate(const ConvSpec& spec) {
  expect_range(ErrorCode::option, "inChannels", spec.in_channels, 1);
  expect_range(ErrorCode::option, "outChannels", spec.out_channels, 1);
  expect_range(ErrorCode::option, "groups", spec.groups, 1);
  expect_divisor("inChannels", spec.in_channels, spec.groups);
  expect_divisor("outChannels", spec.out_channels, spec.groups);
  expect_range(ErrorCode::option, "kernel", spec.kernel, 1);
  expect_range(ErrorCode::option, "stride", spec.stride, 1);
  expect_range(ErrorCode::option, "dilation", spec.dilation, 1);
  if (spec.transposed && spec.padding_mode != PaddingMode::zeros) {
    refuse(ErrorCode::option, "'zeros'", "paddingMode of a transposed convolution", "another mode");
  }
  validate(spec.activation, spec.out_channels);
  const Index taps = saturating_product(spec.in_channels / spec.groups, elements(spec.kernel));
  expect_elements("weight", saturating_product(taps, spec.out_channels));
}

void validate(const ConvSpec& spec, const ConvGeometry& geometry) {
  expect_range(ErrorCode::shape, "batch", geometry.batch, 1);
  expect_range(ErrorCode::shape, "input", geometry.input, 1);
  expect_range(ErrorCode::shape, "output", geometry.output, 1);
  expect_range(ErrorCode::shape, "padBefore", geometry.pad_before, 0);
  const auto tensor = [&](const Size3& size, Index channels) {
    return saturating_product(saturating_product(elements(size), channels), geometry.batch);
  };
  expect_elements("input", tensor(geometry.input, spec.in_channels));
  expect_elements("output", tensor(geometry.output, spec.out_channels));
  if (spec.transposed) {
    validate_transposed(spec, geometry);
  } else {
    validate_standard(spec, geometry);
  }
}

}  // namespace convolith
