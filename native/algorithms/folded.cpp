#include "algorithms/folded.h"

#include <algorithm>
#include <limits>

#include "algorithms/lattice_gemm.h"
#include "algorithms/winograd_cost.h"

namespace convolith {

namespace {

bool is_foldable(const Problem& p) {
  const ConvSpec& spec = p.spec();
  // Zero weights meet inputs that are none of an output's: a NaN would spread to its neighbours.
  return spec.fast_math && spec.channels_last && !spec.transposed && spec.groups == 1 &&
         spec.dilation.w == 1 && spec.kernel.w > 1;
}

/** How many columns become one: as many as fill a vector, and divide the rows where there are several. */
Index columns_of(const Problem& p) {
  const ConvGeometry& g = p.geometry;
  const Index most = std::min(p.kernels.lanes / p.spec().out_channels, g.output.w);
  if (g.batch * g.output.d * g.output.h == 1) return most;
  Index columns = most;
  while (columns > 1 && g.output.w % columns != 0) --columns;
  return columns;
}

Index folded_kernel(const ConvSpec& spec, Index columns) {
  return spec.kernel.w + (columns - 1) * spec.stride.w;
}

/** Unfolded, output channels fill their share of the lanes alone. */
constexpr double kLeastGain = 1.2;

std::vector<float> repeated(const std::vector<float>& values, Index times) {
  std::vector<float> list;
  for (Index i = 0; i < times; ++i) list.insert(list.end(), values.begin(), values.end());
  return list;
}

/** Output channel j * O + o is channel o of the j-th column. */
std::vector<float> folded_weight(const Stage& stage, Index columns) {
  const ConvSpec& spec = stage.spec;
  const Index width = folded_kernel(spec, columns);
  const Index rows = spec.out_channels * spec.in_channels * spec.kernel.d * spec.kernel.h;
  std::vector<float> weight(static_cast<std::size_t>(columns * rows * width));
  for (Index j = 0; j < columns; ++j) {
    for (Index row = 0; row < rows; ++row) {
      std::copy_n(stage.weight.data() + row * spec.kernel.w, spec.kernel.w,
                  weight.data() + (j * rows + row) * width + j * spec.stride.w);
    }
  }
  return weight;
}

Stage folded_stage(const Stage& stage, Index columns) {
  Stage folded{stage.spec, folded_weight(stage, columns), repeated(stage.bias, columns)};
  folded.spec.out_channels *= columns;
  folded.spec.kernel.w = folded_kernel(stage.spec, columns);
  folded.spec.stride.w *= columns;
  folded.spec.activation.slope = repeated(stage.spec.activation.slope, columns);
  return folded;
}

class Folded final : public Executor {
 public:
  explicit Folded(const Problem& p)
      : columns_(columns_of(p)),
        weights_(std::vector<Stage>{folded_stage(p.stage(), columns_)}),
        whole_(p.geometry.output.w / columns_ * columns_),
        body_(body_problem(p)) {
    // Weights that change are folded again whenever those that they come from are packed again.
    const Stage& stage = p.stage();
    p.weights.packed("folded " + std::to_string(columns_), [this, &stage] {
      weights_.weight() = folded_weight(stage, columns_);
      weights_.repack();
      return AlignedBuffer(1);
    });
    const Index rest = p.geometry.output.w - whole_;
    if (rest == 0) return;
    const ConvGeometry& g = p.geometry;
    Lattice lattice = standard_lattice(p.spec(), g);
    lattice.x.count = rest;
    lattice.x.out_start = whole_;
    for (auto& tap : lattice.x.taps) tap.offset += whole_ * lattice.x.in_step;
    rest_ = std::make_unique<LatticeGemm>(LatticeProblem{p.weights, p.kernels, g.batch, g.input, g.output,
                                                         lattice, "im2col " + lattice_key(lattice)});
  }

  Index tasks(int threads) const override {
    return body_.tasks(threads) + (rest_ == nullptr ? 0 : rest_->tasks(threads));
  }
  void run(const Buffers& buffers, Index task, int threads, float* scratch) const override {
    const Index bodies = body_.tasks(threads);
    if (task < bodies) {
      body_.run(buffers, task, threads, scratch);
      return;
    }
    rest_->run(buffers, task - bodies, threads, scratch);
  }
  Index workspace_bytes() const override {
    return std::max(body_.workspace_bytes(), rest_ == nullptr ? 0 : rest_->workspace_bytes());
  }
  Index packed_bytes() const override {
    return body_.packed_bytes() + (rest_ == nullptr ? 0 : rest_->packed_bytes());
  }
  std::string tile() const override { return body_.tile() + " of " + std::to_string(columns_) + " columns"; }

 private:
  LatticeProblem body_problem(const Problem& p) {
    ConvGeometry g = p.geometry;
    g.output.w = whole_ / columns_;
    const Lattice lattice = standard_lattice(weights_.stage().spec, g);
    return {weights_, p.kernels, g.batch, g.input, g.output, lattice, "folded"};
  }

  const Index columns_;
  WeightStore weights_;
  /** Columns of the output that are folded; the rest, of one row, is computed as it is. */
  const Index whole_;
  const LatticeGemm body_;
  std::unique_ptr<const LatticeGemm> rest_;
};

}  // namespace

double folded_share(const Problem& p) {
  if (!is_foldable(p)) return 0.0;
  const Index columns = columns_of(p);
  const ConvSpec& spec = p.spec();
  if (columns < 2) return 0.0;
  const auto share = [](Index part, Index whole) {
    return static_cast<double>(part) / static_cast<double>(whole);
  };
  return share(columns * spec.out_channels, p.kernels.lanes) *
         share(spec.kernel.w, folded_kernel(spec, columns));
}

double folded_cost(const Problem& p) {
  const double share = folded_share(p);
  const double plain = static_cast<double>(p.spec().out_channels) / static_cast<double>(p.kernels.lanes);
  if (share <= kLeastGain * plain) return std::numeric_limits<double>::infinity();
  return gemm_cost(p) * plain / share;
}

std::unique_ptr<const Executor> make_folded(const Problem& p) { return std::make_unique<Folded>(p); }

}  // namespace convolith
