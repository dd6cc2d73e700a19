#include "layer_case.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "base/thread_pool.h"
#include "guarded_memory.h"
#include "isa/isa.h"
#include "plan/plan.h"

namespace convolith::test {

namespace {

constexpr Index kMostMacs = 300'000;
/** Of products of quarters, which take at least 77 pixels of 160 to 256 channels. */
constexpr Index kMostOfQuarters = 8'000'000;
constexpr Index kMostElements = 40'000;
constexpr std::size_t kFloatAlignment = alignof(float);

std::vector<float> whole_numbers(Choices& choices, Index count, int bound) {
  // A generator of its own, seeded by the case: data need no entropy of the fuzzer's.
  std::uint32_t state = 0x9e3779b9U ^ (std::uint32_t{choices.byte()} << 8);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) {
    state = state * 1664525U + 1013904223U;
    value = static_cast<float>(static_cast<int>((state >> 16) % (2U * static_cast<unsigned>(bound) + 1U)) -
                               bound);
  }
  return values;
}

Index output_size(const ConvSpec& spec, Index in, Index kernel, Index stride, Index dilation, Index pads) {
  const Index reach = dilation * (kernel - 1);
  if (spec.transposed) return (in - 1) * stride - pads + reach + 1;
  const Index span = in + pads - reach - 1;
  return span < 0 ? 0 : span / stride + 1;
}

Activation read_activation(Choices& choices, Index channels) {
  Activation activation;
  activation.op = static_cast<ActivationOp>(choices.between(0, static_cast<Index>(ActivationOp::gelu)));
  if (activation.op == ActivationOp::clip && choices.flag()) activation.min = 0;
  activation.alpha = 0.25F;
  if (activation.op == ActivationOp::prelu) activation.slope.assign(static_cast<std::size_t>(channels), 0.5F);
  return activation;
}

/** Few, or as many vectors as are walked together. */
Index depthwise_channels(Choices& choices) {
  constexpr Index many[] = {64, 72, 80, 96, 128, 160, 256, 512};
  return choices.between(0, 3) == 0 ? many[choices.between(0, 7)] : choices.between(1, 40);
}

bool is_refusal(const Error& error) {
  return error.code() == ErrorCode::shape || error.code() == ErrorCode::option ||
         error.code() == ErrorCode::memory || error.code() == ErrorCode::unsupported;
}

Layer make_layer(const LayerCase& one, const std::string& algorithm) {
  Stage first = one.first;
  first.spec.algorithm = algorithm;
  if (!one.pointwise) return Layer(std::move(first));
  Stage second = *one.pointwise;
  second.spec.algorithm = algorithm;
  return Layer(std::move(first), std::move(second));
}

/** A run whose buffers end at unreadable pages; the output begins as NaN. */
std::vector<float> run_guarded(const Plan& plan, const LayerCase& one) {
  const auto place = [](const std::vector<float>& values) {
    auto memory = std::make_unique<GuardedMemory>(values.size() * sizeof(float), kFloatAlignment);
    if (!values.empty()) std::memcpy(memory->data(), values.data(), values.size() * sizeof(float));
    return memory;
  };
  const std::vector<float> unwritten(static_cast<std::size_t>(one.output_count), std::nanf(""));
  const auto input = place(one.input), residual = place(one.residual), output = place(unwritten);
  plan.run(input->floats(), output->floats(), one.residual.empty() ? nullptr : residual->floats());
  return {output->floats(), output->floats() + one.output_count};
}

void compare(const std::vector<float>& expected, const std::vector<float>& came, const Explanation& by) {
  // Fractions of Winograd's transforms and polynomials of the activations; all else is exact on whole
  // numbers.
  const float allowed = 2e-3F;
  for (std::size_t at = 0; at < expected.size(); ++at) {
    if (std::abs(expected[at] - came[at]) <= allowed * std::max(1.0F, std::abs(expected[at]))) continue;
    throw std::runtime_error("Expected " + std::to_string(expected[at]) + " but received " +
                             std::to_string(came[at]) + " at output " + std::to_string(at) + " by " +
                             by.algorithm + " on " + by.isa);
  }
}

}  // namespace

std::optional<LayerCase> read_case(Choices& c) {
  LayerCase one;
  ConvSpec& spec = one.first.spec;
  const bool separable = c.between(0, 7) == 0;
  const Index rank = c.between(1, 3);
  spec.transposed = !separable && c.between(0, 3) == 0;
  spec.channels_last = c.flag();
  spec.fast_math = c.flag();
  if (!spec.transposed)
    spec.padding_mode = static_cast<PaddingMode>(c.between(0, 9) < 7 ? 0 : c.between(1, 3));
  const bool depthwise = separable || c.between(0, 3) == 0;
  spec.groups = depthwise ? depthwise_channels(c) : c.between(0, 3) == 0 ? c.between(2, 5) : 1;
  spec.in_channels = spec.groups * (depthwise ? 1 : c.between(1, 40));
  spec.out_channels = spec.groups * (depthwise ? c.between(1, 2) : c.between(1, 70));
  // Enough channels and pixels for products of halves, or of quarters, which chance would hardly bring
  // together.
  const bool mixing = !separable && c.between(0, 15) == 0;
  const bool quarters = mixing && c.between(0, 7) == 0;
  if (mixing) {
    spec.transposed = false;
    spec.channels_last = spec.fast_math = true;
    spec.padding_mode = PaddingMode::zeros;
    spec.groups = 1;
    spec.in_channels = quarters ? 16 * c.between(10, 12) : 8 * c.between(1, 3);
    spec.out_channels = quarters ? c.between(256, 290) : c.between(120, 180);
  }

  ConvGeometry& g = one.geometry;
  g.batch = c.between(0, 3) == 0 ? c.between(2, 3) : 1;
  Index Size3::*const axes[] = {&Size3::w, &Size3::h, &Size3::d};
  for (Index axis = 0; axis < rank; ++axis) {
    Index Size3::*const a = axes[axis];
    spec.kernel.*a = c.flag() ? 3 : c.between(1, 7);
    spec.stride.*a = c.flag() ? 1 : c.between(1, 4);
    spec.dilation.*a = c.between(0, 3) == 0 ? c.between(2, 5) : 1;
    g.input.*a = c.flag() ? c.between(1, 9) : c.between(1, 60);
    g.pad_before.*a = c.between(0, 4);
    g.pad_after.*a = c.between(0, 4);
    if (mixing) {
      spec.kernel.*a = spec.dilation.*a = 1;
      spec.stride.*a = c.between(1, 2);
      g.pad_before.*a = g.pad_after.*a = 0;
      const Index more = quarters ? 3 : 0;
      const Index points = rank == 1 ? c.between(39, 60) + 13 * more : axis == 2 ? 1 : c.between(6, 8) + more;
      g.input.*a = points * spec.stride.*a;
    }
    g.output.*a = output_size(spec, g.input.*a, spec.kernel.*a, spec.stride.*a, spec.dilation.*a,
                              g.pad_before.*a + g.pad_after.*a);
    if (g.output.*a < 1 || g.output.*a > 200) return std::nullopt;
  }
  const Index points = g.output.volume() * g.batch;
  const Index out_channels = separable ? c.between(1, 40) : spec.out_channels;
  const Index inputs = g.input.volume() * g.batch * spec.in_channels;
  const Index macs = points * spec.kernel.volume() * spec.group_in() * spec.out_channels +
                     (separable ? points * spec.out_channels * out_channels : 0);
  one.output_count = points * out_channels;
  const Index elements = std::max(inputs, one.output_count);
  if (macs > (quarters ? kMostOfQuarters : kMostMacs)) return std::nullopt;
  if (elements > kMostElements * (quarters ? 4 : 1)) return std::nullopt;

  if (!mixing || c.flag()) spec.activation = read_activation(c, spec.out_channels);
  one.first.weight = whole_numbers(c, spec.weight_count(), 2);
  if (c.flag()) one.first.bias = whole_numbers(c, spec.out_channels, 5);
  if (separable) {
    // Small whole numbers go on being exact through it.
    spec.activation = Activation();
    Stage second;
    second.spec.channels_last = spec.channels_last;
    second.spec.fast_math = spec.fast_math;
    second.spec.in_channels = spec.out_channels;
    second.spec.out_channels = out_channels;
    second.spec.activation = read_activation(c, out_channels);
    second.weight = whole_numbers(c, second.spec.weight_count(), 2);
    one.pointwise = std::move(second);
  }
  one.input = whole_numbers(c, inputs, 3);
  if (c.flag()) one.residual = whole_numbers(c, one.output_count, 5);
  one.threads = static_cast<int>(c.between(1, 3));
  one.family = static_cast<CpuFamily>(c.between(0, 2));
  return one;
}

void validate_anything(Choices& c) {
  const auto size = [&]() -> Index { return c.flag() ? c.any() : c.between(0, 5); };
  const auto triple = [&] {
    Size3 value;
    value.d = size(), value.h = size(), value.w = size();
    return value;
  };
  ConvSpec spec;
  spec.transposed = c.flag();
  spec.padding_mode = static_cast<PaddingMode>(c.between(0, 3));
  spec.in_channels = size(), spec.out_channels = size(), spec.groups = size();
  spec.kernel = triple(), spec.stride = triple(), spec.dilation = triple();
  ConvGeometry geometry;
  geometry.batch = size();
  geometry.input = triple(), geometry.output = triple();
  geometry.pad_before = triple(), geometry.pad_after = triple();
  try {
    validate(spec);
    validate(spec, geometry);
  } catch (const Error& error) {
    if (!is_refusal(error)) throw;
  }
}

int run_case(const LayerCase& one) {
  set_thread_limit(one.threads);
  pretend_cpu_family(one.family);
  const std::string best = available_isas().front();
  const auto definition = make_layer(one, "reference").plan(one.geometry);
  const std::vector<float> expected = run_guarded(*definition, one);
  int runs = 1;
  for (const std::string& isa : available_isas()) {
    select_isa(isa);
    for (const std::string& algorithm : algorithm_names()) {
      if (algorithm == "reference") continue;
      std::shared_ptr<const Plan> plan;
      try {
        plan = make_layer(one, algorithm).plan(one.geometry);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::unsupported) throw;
        continue;
      }
      compare(expected, run_guarded(*plan, one), plan->explain());
      ++runs;
    }
  }
  select_isa(best);
  return runs;
}

}  // namespace convolith::test
