#include "plan/plan.h"

#include "algorithms/separable.h"
#include "base/arena.h"
#include "isa/isa.h"
#include "plan/choice.h"

namespace convolith {

namespace {

void check_stage(const Stage& stage) {
  validate(stage.spec);
  const auto expect = [](std::size_t came, Index wanted, const char* name) {
    if (static_cast<Index>(came) == wanted) return;
    throw Error(ErrorCode::shape, "Expected " + std::to_string(wanted) + " values for " + name +
                                      " but received " + std::to_string(came));
  };
  expect(stage.weight.size(), stage.spec.weight_count(), "weight");
  if (!stage.bias.empty()) expect(stage.bias.size(), stage.spec.out_channels, "bias");
  if (!stage.spec.activation.slope.empty()) {
    expect(stage.spec.activation.slope.size(), stage.spec.out_channels, "slope");
  }
}

}  // namespace

Plan::~Plan() = default;

Layer::Layer(Stage first) : kernels_(&current_kernels()) {
  check_stage(first);
  std::vector<Stage> stages;
  stages.push_back(std::move(first));
  weights_ = std::make_shared<WeightStore>(std::move(stages));
}

Layer::Layer(Stage depthwise, Stage pointwise) : kernels_(&current_kernels()) {
  check_stage(depthwise);
  check_stage(pointwise);
  check_separable(depthwise.spec, pointwise.spec);
  std::vector<Stage> stages;
  stages.push_back(std::move(depthwise));
  stages.push_back(std::move(pointwise));
  weights_ = std::make_shared<WeightStore>(std::move(stages));
}

std::shared_ptr<const Plan> Layer::plan(const ConvGeometry& geometry) {
  const Stage& stage = weights_->stage();
  validate(stage.spec, geometry);
  const Problem problem{*weights_, geometry, *kernels_};

  std::shared_ptr<Plan> plan(new Plan());
  plan->weights_ = weights_;
  plan->kernels_ = kernels_;
  const Index out_channels = weights_->stage(weights_->stage_count() - 1).spec.out_channels;
  plan->input_count_ = geometry.batch * geometry.input.volume() * stage.spec.in_channels;
  plan->output_count_ = geometry.batch * geometry.output.volume() * out_channels;
  if (plan->output_count_ > kMaxElements) {
    throw Error(ErrorCode::memory, "Expected at most " + std::to_string(kMaxElements) +
                                       " elements for output but received " +
                                       std::to_string(plan->output_count_));
  }
  Choice choice = choose(problem);
  plan->algorithm_ = std::move(choice.algorithm);
  plan->executor_ = std::move(choice.executor);
  plan->refused_ = std::move(choice.refused);
  return plan;
}

Index Layer::bytes() const { return weights_->bytes(); }

void Plan::run(const float* input, float* output, const float* residual, const CancelToken* token) const {
  const Buffers buffers{input, output, residual};
  const int threads = thread_limit();
  const Index bytes = executor_->workspace_bytes();
  parallel_for(
      executor_->tasks(threads),
      [&](Index task) { executor_->run(buffers, task, threads, thread_arena(bytes)); }, token);
}

Explanation Plan::explain() const {
  Explanation e;
  e.algorithm = algorithm_;
  e.isa = kernels_->name;
  e.tile = executor_->tile();
  e.threads = thread_limit();
  e.workspace_bytes = executor_->workspace_bytes();
  e.packed_bytes = executor_->packed_bytes();
  e.refused = refused_;
  return e;
}

}  // namespace convolith
