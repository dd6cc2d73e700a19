// The definition, summed in double: slow, obvious, and never wrong. It serves everything.

#include <cmath>

#include "algorithms/candidates.h"
#include "algorithms/lattice.h"
#include "algorithms/staging.h"
#include "base/thread_pool.h"

namespace convolith {

namespace {

double activate(const Activation& a, double v, Index channel) {
  switch (a.op) {
    // Comparisons that a NaN fails.
    case ActivationOp::clip:
      return v < a.min ? a.min : v > a.max ? a.max : v;
    case ActivationOp::leaky_relu:
      return v < 0 ? v * a.alpha : v;
    case ActivationOp::prelu:
      return v < 0 ? v * a.slope[static_cast<std::size_t>(channel)] : v;
    case ActivationOp::elu:
      return v < 0 ? a.alpha * std::expm1(v) : v;
    case ActivationOp::sigmoid:
      return 1 / (1 + std::exp(-v));
    case ActivationOp::tanh:
      return std::tanh(v);
    case ActivationOp::hard_swish:
      return v * (v < -3 ? 0 : v > 3 ? 6 : v + 3) / 6;
    case ActivationOp::hard_sigmoid:
      return (v < -3 ? 0 : v > 3 ? 6 : v + 3) / 6;
    case ActivationOp::silu:
      return v / (1 + std::exp(-v));
    case ActivationOp::gelu:
      return v * std::erfc(-v / std::sqrt(2.0)) / 2;
  }
  return v;
}

class Reference final : public Executor {
 public:
  explicit Reference(const Problem& p)
      : stage_(p.stage()),
        spec_(stage_.spec),
        geometry_(p.geometry),
        in_(spec_.channels_last, spec_.in_channels, geometry_.input),
        out_(spec_.channels_last, spec_.out_channels, geometry_.output) {}

  Index tasks(int) const override { return geometry_.batch * spec_.out_channels; }

  void run(const Buffers& buffers, Index task, int, float*) const override {
    const Index channel = task % spec_.out_channels;
    const Index image = task / spec_.out_channels;
    const auto compute = [&](const Lattice& lattice) {
      for (Index z = 0; z < lattice.z.count; ++z) {
        for (Index y = 0; y < lattice.y.count; ++y) {
          // A task is a whole map, which may take seconds.
          check_cancelled();
          for (Index x = 0; x < lattice.x.count; ++x) {
            const Index at = image * out_.image + channel * out_.channel +
                             (lattice.z.out_start + z * lattice.z.out_step) * out_.z +
                             (lattice.y.out_start + y * lattice.y.out_step) * out_.y +
                             (lattice.x.out_start + x * lattice.x.out_step) * out_.x;
            double v = sum(buffers.input + image * in_.image, lattice, {z, y, x}, channel);
            if (!stage_.bias.empty()) v += stage_.bias[static_cast<std::size_t>(channel)];
            if (buffers.residual != nullptr) v += buffers.residual[at];
            buffers.output[at] = static_cast<float>(activate(spec_.activation, v, channel));
          }
        }
      }
    };
    // Phases are not kept: their number is the product of the strides, which may be millions.
    if (spec_.transposed) return for_each_phase(spec_, geometry_, compute);
    compute(standard_lattice(spec_, geometry_));
  }

  Index workspace_bytes() const override { return 0; }
  Index packed_bytes() const override { return 0; }
  std::string tile() const override { return "1x1"; }

 private:
  double sum(const float* image, const Lattice& lattice, const Size3& point, Index channel) const {
    const Index group = channel / spec_.group_out();
    const Index out = channel % spec_.group_out();
    const Index taps = spec_.kernel.volume();
    double total = 0;
    for (Index tz = 0; tz < lattice.z.tap_count(); ++tz) {
      const Index z = lattice.z.source(lattice.z.coordinate(point.d, tz));
      for (Index ty = 0; ty < lattice.y.tap_count(); ++ty) {
        const Index y = lattice.y.source(lattice.y.coordinate(point.h, ty));
        for (Index tx = 0; tx < lattice.x.tap_count(); ++tx) {
          const Index x = lattice.x.source(lattice.x.coordinate(point.w, tx));
          if (z < 0 || y < 0 || x < 0) continue;
          const Index tap =
              (kernel(lattice.z, tz) * spec_.kernel.h + kernel(lattice.y, ty)) * spec_.kernel.w +
              kernel(lattice.x, tx);
          for (Index c = 0; c < spec_.group_in(); ++c) {
            const Index in = group * spec_.group_in() + c;
            const Index weight =
                spec_.transposed ? in * spec_.group_out() + out : channel * spec_.group_in() + c;
            total += static_cast<double>(image[in * in_.channel + z * in_.z + y * in_.y + x * in_.x]) *
                     stage_.weight[static_cast<std::size_t>(weight * taps + tap)];
          }
        }
      }
    }
    return total;
  }

  static Index kernel(const LatticeAxis& axis, Index tap) {
    return axis.taps[static_cast<std::size_t>(tap)].kernel;
  }

  const Stage& stage_;
  const ConvSpec& spec_;
  const ConvGeometry geometry_;
  const MapStrides in_, out_;
};

/** Both stages by definition, one after the other, a whole image of the intermediate map in memory. */
class TwoStages final : public Executor {
 public:
  explicit TwoStages(const Problem& p)
      : first_store_({p.weights.stage(0)}),
        second_store_({p.weights.stage(1)}),
        batch_(p.geometry.batch),
        in_(p.spec().channels_last, p.spec().in_channels, p.geometry.input),
        middle_(p.spec().channels_last, p.spec().out_channels, p.geometry.output),
        out_(p.spec().channels_last, second_store_.stage().spec.out_channels, p.geometry.output) {
    ConvGeometry first = p.geometry;
    first.batch = 1;
    const ConvGeometry second{1, first.output, first.output, {0, 0, 0}, {0, 0, 0}};
    first_ = std::make_unique<Reference>(Problem{first_store_, first, p.kernels});
    second_ = std::make_unique<Reference>(Problem{second_store_, second, p.kernels});
  }

  Index tasks(int) const override { return batch_; }

  void run(const Buffers& buffers, Index task, int, float* scratch) const override {
    const Buffers first{buffers.input + task * in_.image, scratch, nullptr};
    for (Index i = 0, count = first_->tasks(1); i < count; ++i) first_->run(first, i, 1, nullptr);
    const float* residual = buffers.residual == nullptr ? nullptr : buffers.residual + task * out_.image;
    const Buffers second{scratch, buffers.output + task * out_.image, residual};
    for (Index i = 0, count = second_->tasks(1); i < count; ++i) second_->run(second, i, 1, nullptr);
  }

  Index workspace_bytes() const override { return middle_.image * 4; }
  Index packed_bytes() const override { return 0; }
  std::string tile() const override { return "1x1"; }

 private:
  WeightStore first_store_, second_store_;
  const Index batch_;
  const MapStrides in_, middle_, out_;
  std::unique_ptr<const Executor> first_, second_;
};

}  // namespace

std::optional<Objection> refuse_reference(const Problem&) { return std::nullopt; }
std::unique_ptr<const Executor> make_reference(const Problem& p) {
  if (p.weights.stage_count() > 1) return std::make_unique<TwoStages>(p);
  return std::make_unique<Reference>(p);
}

}  // namespace convolith
