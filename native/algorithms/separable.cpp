// Depthwise then pointwise in one pass: a strip of depthwise output stays in cache and is the left operand of
// the pointwise GEMM. The intermediate map is never written.

#include "algorithms/separable.h"

#include <algorithm>

#include "algorithms/candidates.h"
#include "algorithms/cut.h"
#include "algorithms/depthwise_core.h"
#include "algorithms/depthwise_flat.h"
#include "algorithms/lattice_gemm.h"
#include "algorithms/separable_planes.h"

namespace convolith {

namespace {

/** The strip that lies between the two stages stays in the second-level cache beside the pointwise panels. By
 * 64 KiB 512 channels of 14x14 take 1.09 of the time, whose strips are too short for Strassen's product then.
 */
constexpr Index kStripBudget = Index{128} << 10;

/** The pointwise stage on strips, as a problem of its own: one image of `pixels` channels-last pixels. */
class PointwiseStage {
 public:
  PointwiseStage(const Problem& p, Index pixels)
      : store_({strip_stage(p.weights.stage(1))}), pixels_(pixels) {
    const ConvGeometry row{1, {1, 1, pixels}, {1, 1, pixels}, {0, 0, 0}, {0, 0, 0}};
    const Problem strip{store_, row, p.kernels};
    if (!refuse_strassen(strip)) {
      gemm_ = make_strassen(strip);
      return;
    }
    gemm_ = std::make_unique<LatticeGemm>(LatticeProblem{
        store_, p.kernels, 1, row.input, row.output, standard_lattice(store_.stage().spec, row), "strip"});
  }

  Index workspace_bytes() const { return gemm_->workspace_bytes(); }
  Index packed_bytes() const { return gemm_->packed_bytes(); }
  std::string tile() const { return gemm_->tile(); }
  Index pixels() const { return pixels_; }

  /** All `pixels()` of the strip. */
  void run(const Buffers& buffers, float* scratch) const {
    for (Index task = 0, count = gemm_->tasks(1); task < count; ++task) gemm_->run(buffers, task, 1, scratch);
  }

 private:
  static Stage strip_stage(const Stage& stage) {
    Stage strip = stage;
    strip.spec.channels_last = true;
    return strip;
  }

  WeightStore store_;
  const Index pixels_;
  std::unique_ptr<const Executor> gemm_;
};

/** The depthwise stage on strips: its output channels last, with channels in the lanes or, of few, pixels. */
class DepthwiseStage {
 public:
  DepthwiseStage(const Problem& p, const Lattice& lattice) {
    if (suits_flat_depthwise(p)) {
      flat_.emplace(p, lattice, true);
    } else {
      core_.emplace(p, lattice);
    }
  }

  /** Rows [y0, y0 + rows) of slice `z`, of all channels. */
  struct Strip {
    Index z = 0, y0 = 0, rows = 0, columns = 0, channels = 0;
  };
  struct Work {
    FlatDepthwiseCore::Work flat{};
    DepthwiseCore::Work core;
  };

  void run(const Strip& s, const float* image, float* out, Work& work) const {
    const Index row = s.columns * s.channels;
    if (flat_) {
      flat_->run({s.z, s.y0, s.rows, 0}, image, {out, nullptr, row}, work.flat);
    } else {
      core_->run({s.z, s.y0, s.rows, 0, s.channels}, image, {out, nullptr, row, s.channels}, work.core);
    }
  }
  Work take_work(Scratch& scratch, Index rows, Index channels) const {
    Work work;
    if (flat_) {
      work.flat = flat_->take_work(scratch, rows);
    } else {
      work.core = core_->take_work(scratch, rows, channels);
    }
    return work;
  }
  Index packed_bytes() const { return flat_ ? 0 : core_->packed_bytes(); }
  Index rows_together() const { return flat_ ? 1 : core_->rows_together(); }
  Index least_rows() const { return flat_ ? 1 : core_->least_rows(); }

 private:
  std::optional<FlatDepthwiseCore> flat_;
  std::optional<DepthwiseCore> core_;
};

class Separable final : public Executor {
 public:
  explicit Separable(const Problem& p)
      : lattice_(standard_lattice(p.spec(), p.geometry)),
        depthwise_(p, lattice_),
        kernels_(p.kernels),
        middle_(p.spec().out_channels),
        channels_(p.weights.stage(1).spec.out_channels),
        channels_last_(p.spec().channels_last),
        batch_(p.geometry.batch),
        in_(channels_last_, p.spec().in_channels, p.geometry.input),
        out_(channels_last_, channels_, p.geometry.output) {
    const Lattice& l = lattice_;
    const Index row = l.x.count * std::max(middle_, channels_) * 4;
    const Index together = depthwise_.rows_together();
    const Index most = std::clamp<Index>(kStripBudget / std::max<Index>(row, 1), together,
                                         std::max<Index>(l.y.count, together));
    const Index least = depthwise_.least_rows();
    strips_ = even_strips(batch_ * l.z.count, l.y.count, 1, most, std::max(ceil_div(most, 2), least));
    // Of fewer rows than a slide computes no strip may be.
    strips_ = std::min(strips_, std::max<Index>(l.y.count / least, 1));
    rows_ = ceil_div(l.y.count, strips_);
    whole_ = std::make_unique<PointwiseStage>(p, rows_ * l.x.count);
    // Some strips of an image may be a row shorter.
    if (l.y.count % strips_ != 0) rest_ = std::make_unique<PointwiseStage>(p, (rows_ - 1) * l.x.count);
  }

  Index tasks(int) const override { return batch_ * lattice_.z.count * strips_; }

  void run(const Buffers& buffers, Index task, int, float* scratch) const override {
    const Lattice& l = lattice_;
    DepthwiseStage::Strip strip;
    strip.columns = l.x.count;
    strip.y0 = piece_begin(l.y.count, strips_, task % strips_);
    strip.rows = piece_begin(l.y.count, strips_, task % strips_ + 1) - strip.y0;
    task /= strips_;
    strip.z = task % l.z.count;
    strip.channels = middle_;
    const Index image = task / l.z.count;
    const PointwiseStage& pointwise = strip.rows == rows_ ? *whole_ : *rest_;

    Scratch memory(scratch);
    Memory m = take_memory(memory);
    depthwise_.run(strip, buffers.input + image * in_.image, m.middle, m.work);
    const Index map = image * out_.image + strip.z * out_.z + strip.y0 * out_.y;
    const float* residual = buffers.residual == nullptr ? nullptr : buffers.residual + map;
    if (channels_last_) {
      pointwise.run({m.middle, buffers.output + map, residual}, m.gemm);
      return;
    }
    const Index pixels = pointwise.pixels();
    if (residual != nullptr)
      kernels_.transpose({residual, m.residual, out_.channel, channels_, channels_, pixels});
    pointwise.run({m.middle, m.out, residual == nullptr ? nullptr : m.residual}, m.gemm);
    kernels_.transpose({m.out, buffers.output + map, channels_, out_.channel, pixels, channels_});
  }

  Index workspace_bytes() const override {
    Scratch measure;
    take_memory(measure);
    return measure.used();
  }
  Index packed_bytes() const override {
    return depthwise_.packed_bytes() + whole_->packed_bytes() + (rest_ ? rest_->packed_bytes() : 0);
  }
  std::string tile() const override { return whole_->tile(); }

 private:
  struct Memory {
    float* middle = nullptr;
    float* out = nullptr;
    float* residual = nullptr;
    float* gemm = nullptr;
    DepthwiseStage::Work work;
  };

  Memory take_memory(Scratch& scratch) const {
    const Index pixels = rows_ * lattice_.x.count;
    Memory m;
    m.middle = scratch.take<float>(pixels * middle_);
    m.out = scratch.take<float>(channels_last_ ? 0 : pixels * channels_);
    m.residual = scratch.take<float>(channels_last_ ? 0 : pixels * channels_);
    const Index gemm = std::max(whole_->workspace_bytes(), rest_ ? rest_->workspace_bytes() : 0);
    m.gemm = reinterpret_cast<float*>(scratch.take<std::byte>(gemm));
    m.work = depthwise_.take_work(scratch, rows_, middle_);
    return m;
  }

  const Lattice lattice_;
  const DepthwiseStage depthwise_;
  const KernelTable& kernels_;
  const Index middle_, channels_;
  const bool channels_last_;
  const Index batch_;
  const MapStrides in_, out_;
  Index rows_ = 1, strips_ = 1;
  std::unique_ptr<const PointwiseStage> whole_, rest_;
};

}  // namespace

void check_separable(const ConvSpec& depthwise, const ConvSpec& pointwise) {
  const bool fits = !depthwise.transposed && depthwise.group_in() == 1 && !pointwise.transposed &&
                    pointwise.kernel.volume() == 1 && pointwise.stride.volume() == 1 &&
                    pointwise.in_channels == depthwise.out_channels &&
                    pointwise.channels_last == depthwise.channels_last;
  if (fits) return;
  throw Error(
      ErrorCode::option,
      "Expected a depthwise stage and a pointwise one of its output channels and layout for depthwise and "
      "pointwise but received stages that do not fit");
}

std::optional<Objection> refuse_separable(const Problem&) { return std::nullopt; }

std::unique_ptr<const Executor> make_separable(const Problem& p) {
  if (suits_separable_planes(p)) return make_separable_planes(p);
  return std::make_unique<Separable>(p);
}

}  // namespace convolith
