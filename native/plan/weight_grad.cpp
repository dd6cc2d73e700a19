#include "algorithms/weight_grad.h"

#include "isa/isa.h"
#include "plan/operation.h"

namespace convolith {

namespace {

/**
 * The same gradient with what does not matter taken away: a padding mode where there is no padding, and rows
 * where a kernel of one tap makes one long row of all points.
 */
WeightGradProblem simplified(const ConvSpec& spec, const ConvGeometry& geometry, WeightLayout layout) {
  WeightGradProblem p{spec, geometry, layout, current_kernels()};
  ConvGeometry& g = p.geometry;
  constexpr Size3 none{0, 0, 0};
  if (!(g.pad_before == none) || !(g.pad_after == none)) return p;
  p.spec.padding_mode = PaddingMode::zeros;
  if (spec.kernel.volume() == 1 && spec.stride.volume() == 1) {
    // Images follow each other where channels come last.
    const Index images = spec.channels_last ? g.batch : 1;
    g.input = g.output = {1, 1, images * g.output.volume()};
    g.batch /= images;
  }
  return p;
}

bool is_depthwise(const ConvSpec& spec) { return spec.groups > 1 && spec.group_in() == 1; }

class WeightGrad final : public Operation {
 public:
  WeightGrad(const ConvSpec& spec, const ConvGeometry& geometry, WeightLayout layout)
      : problem_(simplified(spec, geometry, layout)),
        executor_(is_depthwise(spec) ? make_depthwise_weight_grad(problem_)
                                     : make_gemm_weight_grad(problem_)) {
    first_count_ = geometry.batch * geometry.input.volume() * spec.in_channels;
    second_count_ = geometry.batch * geometry.output.volume() * spec.out_channels;
    output_count_ = spec.weight_count();
  }

  void run(const float* input, const float* grad_output, float* grad_weight) override {
    executor_->run(input, grad_output, grad_weight);
  }

  Explanation explain() const override {
    Explanation e;
    e.algorithm = executor_->name();
    e.isa = problem_.kernels.name;
    e.tile = executor_->tile();
    e.threads = thread_limit();
    e.workspace_bytes = executor_->workspace_bytes();
    e.packed_bytes = executor_->bytes();
    if (!is_depthwise(problem_.spec)) {
      e.refused.push_back({"depthwise-weight-grad", "serves groups of one input channel"});
    }
    return e;
  }

  Index bytes() const override { return executor_->bytes(); }

 private:
  const WeightGradProblem problem_;
  const std::unique_ptr<WeightGradExecutor> executor_;
};

}  // namespace

std::unique_ptr<Operation> make_weight_grad(const ConvSpec& spec, const ConvGeometry& geometry,
                                            WeightLayout layout) {
  validate(spec);
  validate(spec, geometry);
  if (spec.transposed) {
    throw Error(ErrorCode::option,
                "Expected a standard convolution for the weight's gradient but received a transposed one");
  }
  return std::make_unique<WeightGrad>(spec, geometry, layout);
}

}  // namespace convolith
