#include "algorithms/separable_planes.h"

#include <algorithm>

#include "algorithms/depthwise_planes.h"
#include "algorithms/pointwise_planes.h"
#include "algorithms/staging.h"
#include "base/arena.h"

namespace convolith {

namespace {

/** The planes of a strip between the two stages stay in the second-level cache beside the pointwise panels.
 */
constexpr Index kStripBudget = Index{512} << 10;
/** What a row more at the top and at the bottom of a strip costs, beside lanes that its last vectors leave
 * empty: the depthwise stage is a tenth of the time. */
constexpr double kDepthwiseShare = 0.1;
/** Lanes that they leave empty, at the most: with a seventh of them empty 256 channels at 28x28 took 1.06
 * times as long as by transposition. */
constexpr double kMostEmpty = 0.05;

/** Rows of a strip, and how many times as many lanes as pixels its panels have. */
struct StripRows {
  Index rows = 1;
  double lanes = 1;
};

/** Of the strips that fit their budget, those whose pixels fill panels of `width` best. */
StripRows choose_rows(const Lattice& lattice, Index channels, Index width) {
  const Index row = lattice.x.count;
  const Index rows = lattice.y.count;
  const Index most = std::clamp<Index>(kStripBudget / (channels * row * 4), 1, rows);
  const auto halo = static_cast<double>(lattice.y.span() - 1);
  StripRows best;
  double least = 0;
  for (Index count = ceil_div(rows, most); count <= rows; ++count) {
    const Index each = ceil_div(rows, count);
    const double lanes = static_cast<double>(round_up(each * row, width)) / static_cast<double>(each * row);
    const double cost = lanes + kDepthwiseShare * halo / static_cast<double>(each);
    if (least == 0 || cost < least) {
      least = cost;
      best = {each, lanes};
    }
    if (each == 1) break;
  }
  return best;
}

Index panel_width(const KernelTable& kernels) {
  return Index{kernels.gemm.preferred_vectors} * kernels.lanes;
}

/** The pointwise stage on a strip of `pixels` pixels. */
class PlanesStage {
 public:
  PlanesStage(const Problem& p, Index pixels, Index out_channel) : store_({p.weights.stage(1)}) {
    const ConvGeometry row{1, {1, 1, pixels}, {1, 1, pixels}, {0, 0, 0}, {0, 0, 0}};
    executor_ = make_pointwise_planes({store_, row, p.kernels}, out_channel);
  }

  const Executor& executor() const { return *executor_; }
  void run(const Buffers& buffers, float* scratch) const {
    for (Index task = 0, count = executor_->tasks(1); task < count; ++task) {
      executor_->run(buffers, task, 1, scratch);
    }
  }

 private:
  WeightStore store_;
  std::unique_ptr<const Executor> executor_;
};

class SeparablePlanes final : public Executor {
 public:
  explicit SeparablePlanes(const Problem& p)
      : core_(p),
        batch_(p.geometry.batch),
        middle_(p.spec().out_channels),
        in_(false, p.spec().in_channels, p.geometry.input),
        out_(false, p.weights.stage(1).spec.out_channels, p.geometry.output),
        rows_(choose_rows(core_.lattice(), middle_, panel_width(p.kernels)).rows) {
    const Lattice& l = core_.lattice();
    whole_ = std::make_unique<PlanesStage>(p, rows_ * l.x.count, out_.channel);
    const Index rest = l.y.count % rows_;
    if (rest != 0) rest_ = std::make_unique<PlanesStage>(p, rest * l.x.count, out_.channel);
  }

  Index tasks(int) const override { return batch_ * ceil_div(core_.lattice().y.count, rows_); }

  void run(const Buffers& buffers, Index task, int, float* scratch) const override {
    const LatticeAxis& y = core_.lattice().y;
    const LatticeAxis& x = core_.lattice().x;
    const Index strips = ceil_div(y.count, rows_);
    const Index image = task / strips;
    Scratch memory(scratch);
    const Memory m = take_memory(memory);
    DepthwisePlaneCore::Strip strip;
    strip.y0 = task % strips * rows_;
    strip.rows = std::min(rows_, y.count - strip.y0);
    const Index pixels = strip.rows * x.count;
    for (strip.channel = 0; strip.channel < middle_; ++strip.channel) {
      strip.input = buffers.input + image * in_.image + strip.channel * in_.channel;
      strip.out = m.middle + strip.channel * pixels;
      core_.run(strip, m.walk);
    }
    const Index map = image * out_.image + strip.y0 * x.count;
    const float* residual = buffers.residual == nullptr ? nullptr : buffers.residual + map;
    const PlanesStage& pointwise = strip.rows == rows_ ? *whole_ : *rest_;
    pointwise.run({m.middle, buffers.output + map, residual}, m.gemm);
  }

  Index workspace_bytes() const override {
    Scratch measure;
    take_memory(measure);
    return measure.used();
  }
  Index packed_bytes() const override {
    return whole_->executor().packed_bytes() + (rest_ ? rest_->executor().packed_bytes() : 0);
  }
  std::string tile() const override { return whole_->executor().tile(); }

 private:
  struct Memory {
    float* middle = nullptr;
    float* walk = nullptr;
    float* gemm = nullptr;
  };

  Memory take_memory(Scratch& scratch) const {
    Memory m;
    m.middle = scratch.take<float>(middle_ * rows_ * core_.lattice().x.count);
    m.walk = scratch.take<float>(core_.scratch_floats());
    const Index gemm =
        std::max(whole_->executor().workspace_bytes(), rest_ ? rest_->executor().workspace_bytes() : 0);
    m.gemm = reinterpret_cast<float*>(scratch.take<std::byte>(gemm));
    return m;
  }

  const DepthwisePlaneCore core_;
  const Index batch_, middle_;
  const MapStrides in_, out_;
  const Index rows_;
  std::unique_ptr<const PlanesStage> whole_, rest_;
};

}  // namespace

bool suits_separable_planes(const Problem& p) {
  if (!suits_depthwise_planes(p) || p.geometry.output.d != 1 ||
      !suits_planes(p.weights.stage(1).spec, p.geometry.output, p.kernels)) {
    return false;
  }
  const Lattice lattice = standard_lattice(p.spec(), p.geometry);
  return choose_rows(lattice, p.spec().out_channels, panel_width(p.kernels)).lanes <= 1 + kMostEmpty;
}

std::unique_ptr<const Executor> make_separable_planes(const Problem& p) {
  return std::make_unique<SeparablePlanes>(p);
}

}  // namespace convolith
