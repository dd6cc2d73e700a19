#include "plan/plan.h"

#include <algorithm>

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

/**
 * About how long a plan takes on one thread: half of the multiply-adds that the vectors could do, and what
 * the caches carry. Right within a factor of two on layers from 1 to 100 µs, those that it matters for.
 */
Index estimated_nanoseconds(const WeightStore& weights, const ConvGeometry& geometry, Index output_count,
                            const KernelTable& kernels) {
  constexpr double kMultiplyAddsALane = 2.5;
  constexpr double kFloats = 8;
  double multiply_adds = 0;
  double floats = static_cast<double>(output_count);
  for (std::size_t i = 0; i < weights.stage_count(); ++i) {
    const ConvSpec& spec = weights.stage(i).spec;
    const Size3& map = spec.transposed ? geometry.input : geometry.output;
    const auto pixels = static_cast<double>(geometry.batch * map.volume());
    multiply_adds += pixels * static_cast<double>(spec.weight_count());
    floats += static_cast<double>(spec.weight_count());
  }
  floats += static_cast<double>(geometry.batch * geometry.input.volume() * weights.stage().spec.in_channels);
  const double work = multiply_adds / (kMultiplyAddsALane * kernels.lanes) + floats / kFloats;
  return static_cast<Index>(std::min(work, 1e12));
}

template <class... Rest>
std::vector<Stage> stages_of(Rest&&... rest) {
  std::vector<Stage> stages;
  (stages.push_back(std::move(rest)), ...);
  return stages;
}

}  // namespace

Layer::Layer(std::vector<Stage> stages, const KernelTable* kernels) : kernels_(kernels) {
  for (const Stage& stage : stages) check_stage(stage);
  if (stages.size() > 1) check_separable(stages[0].spec, stages[1].spec);
  weights_ = std::make_shared<WeightStore>(std::move(stages));
}

Layer::Layer(Stage first) : Layer(stages_of(std::move(first)), &current_kernels()) {}

Layer::Layer(Stage depthwise, Stage pointwise)
    : Layer(stages_of(std::move(depthwise), std::move(pointwise)), &current_kernels()) {}

Layer Layer::variant(bool channels_last, const std::string& algorithm) const {
  std::vector<Stage> stages;
  for (std::size_t i = 0; i < weights_->stage_count(); ++i) stages.push_back(weights_->stage(i));
  for (Stage& stage : stages) {
    stage.spec.channels_last = channels_last;
    stage.spec.algorithm = algorithm;
  }
  return {std::move(stages), kernels_};
}

std::shared_ptr<const LayerPlan> Layer::plan(const ConvGeometry& geometry) {
  return std::make_shared<LayerPlan>(weights_, *kernels_, geometry);
}

Index Layer::bytes() const { return weights_->bytes(); }

Plan::Counts LayerPlan::checked_counts(const WeightStore& weights, const ConvGeometry& geometry) {
  const ConvSpec& spec = weights.stage().spec;
  validate(spec, geometry);
  const Index channels = weights.stage(weights.stage_count() - 1).spec.out_channels;
  const Counts counts{geometry.batch * geometry.input.volume() * spec.in_channels,
                      geometry.batch * geometry.output.volume() * channels};
  if (counts.output > kMaxElements) {
    throw Error(ErrorCode::memory, "Expected at most " + std::to_string(kMaxElements) +
                                       " elements for output but received " + std::to_string(counts.output));
  }
  return counts;
}

LayerPlan::LayerPlan(std::shared_ptr<WeightStore> weights, const KernelTable& kernels,
                     const ConvGeometry& geometry)
    : Plan(checked_counts(*weights, geometry)),
      weights_(std::move(weights)),
      kernels_(kernels),
      geometry_(geometry),
      nanoseconds_(estimated_nanoseconds(*weights_, geometry, output_count(), kernels)) {
  Choice choice = choose({*weights_, geometry_, kernels_});
  algorithm_ = std::move(choice.algorithm);
  executor_ = std::move(choice.executor);
  serves_rows_ = choice.rows == Rows::even && executor_->serves_rows();
  refused_ = std::move(choice.refused);
}

LayerPlan::~LayerPlan() = default;

const ConvSpec& LayerPlan::spec() const { return weights_->stage().spec; }

bool LayerPlan::single() const { return weights_->stage_count() == 1; }

std::shared_ptr<const LayerPlan> LayerPlan::at(const ConvGeometry& geometry) const {
  return std::make_shared<LayerPlan>(weights_, kernels_, geometry);
}

void LayerPlan::run(const float* input, float* output, const float* residual,
                    const CancelToken* token) const {
  const Buffers buffers{input, output, residual};
  const int threads = nanoseconds_ < kLeastShared ? 1 : thread_limit();
  const Index bytes = executor_->workspace_bytes();
  parallel_for(
      executor_->tasks(threads),
      [&](Index task) { executor_->run(buffers, task, threads, thread_arena(bytes)); }, token, nanoseconds_);
}

Explanation LayerPlan::explain() const {
  Explanation e;
  e.algorithm = algorithm_;
  e.isa = kernels_.name;
  e.tile = executor_->tile();
  e.threads = thread_limit();
  e.workspace_bytes = executor_->workspace_bytes();
  e.packed_bytes = executor_->packed_bytes();
  e.refused = refused_;
  return e;
}

}  // namespace convolith
