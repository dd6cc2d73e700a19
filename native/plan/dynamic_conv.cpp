// A convolution whose weights come with each run: plan and scratch stay, weights are packed anew.

#include "algorithms/weight_copy.h"
#include "base/arena.h"
#include "isa/isa.h"
#include "plan/choice.h"
#include "plan/operation.h"

namespace convolith {

namespace {

/** A stage with weights of the right count, to be written by each run. */
Stage empty_stage(const ConvSpec& spec) {
  return {spec, std::vector<float>(static_cast<std::size_t>(spec.weight_count())), {}};
}

/**
 * Output points of a call from which on Winograd pays for transforming the weights anew: a pair of channels
 * costs 180 ns, about what its multiplications save over so many points. 56² gained 1.6 times, 28² lost as
 * much.
 */
constexpr Index kWinogradLeastPoints = 2048;

ConvSpec fitting(ConvSpec spec, const ConvGeometry& geometry) {
  if (geometry.batch * geometry.output.volume() < kWinogradLeastPoints) spec.fast_math = false;
  return spec;
}

/** The standard convolution with a reversed kernel that a transposed one of stride 1 is, where it is one. */
struct Reversal {
  bool possible = false;
  ConvSpec spec;
  ConvGeometry geometry;
};

/**
 * With stride 1, out[i - pad + k * d] += in[i] * w[k] is
 * out[o] = Σ in[o - (d(K - 1) - pad) + k * d] * w[K - 1 - k]: a standard convolution, which the algorithms
 * made for those serve, Winograd and depthwise above all.
 */
Reversal reverse(const ConvSpec& spec, const ConvGeometry& geometry) {
  Reversal r{spec.transposed && spec.stride.volume() == 1, spec, geometry};
  r.spec.transposed = false;
  const auto axis = [&](Index Size3::*of) {
    const Index reach = spec.dilation.*of * (spec.kernel.*of - 1);
    const Index before = reach - geometry.pad_before.*of;
    const Index after = geometry.output.*of - geometry.input.*of + reach - before;
    r.geometry.pad_before.*of = before;
    r.geometry.pad_after.*of = after;
    // A crop is no padding: the phases of a transposed convolution serve it.
    r.possible = r.possible && before >= 0 && after >= 0;
  };
  axis(&Size3::d);
  axis(&Size3::h);
  axis(&Size3::w);
  return r;
}

class DynamicConv final : public Operation {
 public:
  DynamicConv(const ConvSpec& spec, const ConvGeometry& geometry, WeightLayout layout)
      : spec_(spec),
        layout_(layout),
        reversal_(reverse(spec, geometry)),
        geometry_(reversal_.possible ? reversal_.geometry : geometry),
        kernels_(current_kernels()),
        weights_({empty_stage(fitting(reversal_.possible ? reversal_.spec : spec, geometry))}),
        problem_{weights_, geometry_, kernels_},
        choice_(choose(problem_)) {
    first_count_ = geometry.batch * geometry.input.volume() * spec.in_channels;
    second_count_ = spec.weight_count();
    output_count_ = geometry.batch * geometry.output.volume() * spec.out_channels;
  }

  void run(const float* input, const float* weight, float* output) override {
    if (reversal_.possible) {
      copy_flipped(spec_, layout_, weight, weights_.weight().data());
    } else {
      copy_canonical(spec_, layout_, weight, weights_.weight().data());
    }
    weights_.repack();
    const Buffers buffers{input, output, nullptr};
    const Executor& executor = *choice_.executor;
    const int threads = thread_limit();
    const Index bytes = executor.workspace_bytes();
    parallel_for(executor.tasks(threads),
                 [&](Index task) { executor.run(buffers, task, threads, thread_arena(bytes)); });
  }

  Explanation explain() const override {
    Explanation e;
    e.algorithm = choice_.algorithm;
    e.isa = kernels_.name;
    e.tile = choice_.executor->tile();
    e.threads = thread_limit();
    e.workspace_bytes = choice_.executor->workspace_bytes();
    e.packed_bytes = choice_.executor->packed_bytes();
    e.refused = choice_.refused;
    return e;
  }

  Index bytes() const override { return weights_.bytes(); }

 private:
  const ConvSpec spec_;
  const WeightLayout layout_;
  const Reversal reversal_;
  const ConvGeometry geometry_;
  const KernelTable& kernels_;
  WeightStore weights_;
  /** Packing reads it again at each run. */
  const Problem problem_;
  const Choice choice_;
};

}  // namespace

std::unique_ptr<Operation> make_dynamic_conv(const ConvSpec& spec, const ConvGeometry& geometry,
                                             WeightLayout layout) {
  validate(spec);
  validate(spec, geometry);
  return std::make_unique<DynamicConv>(spec, geometry, layout);
}

}  // namespace convolith
