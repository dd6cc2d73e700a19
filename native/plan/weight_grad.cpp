#include "algorithms/lattice.h"
#include "algorithms/staging.h"
#include "isa/isa.h"
#include "plan/operation.h"

namespace convolith {

namespace {

/** The definition, summed in double. */
class WeightGrad final : public Operation {
 public:
  WeightGrad(const ConvSpec& spec, const ConvGeometry& geometry, WeightLayout layout)
      : spec_(spec),
        geometry_(geometry),
        layout_(layout),
        lattice_(standard_lattice(spec, geometry)),
        in_(spec.channels_last, spec.in_channels, geometry.input),
        out_(spec.channels_last, spec.out_channels, geometry.output) {
    first_count_ = geometry.batch * geometry.input.volume() * spec.in_channels;
    second_count_ = geometry.batch * geometry.output.volume() * spec.out_channels;
    output_count_ = spec.weight_count();
  }

  void run(const float* input, const float* grad_output, float* grad_weight) override {
    std::fill_n(grad_weight, output_count_, 0.0F);
    parallel_for(spec_.out_channels, [&](Index channel) {
      for (const auto& z : lattice_.z.taps) {
        for (const auto& y : lattice_.y.taps) {
          for (const auto& x : lattice_.x.taps) {
            for (Index c = 0; c < spec_.group_in(); ++c) {
              const Index tap = (z.kernel * spec_.kernel.h + y.kernel) * spec_.kernel.w + x.kernel;
              const Index at = layout_ == WeightLayout::oihw
                                   ? (channel * spec_.group_in() + c) * spec_.kernel.volume() + tap
                                   : (tap * spec_.group_in() + c) * spec_.out_channels + channel;
              const Index in = channel / spec_.group_out() * spec_.group_in() + c;
              grad_weight[at] =
                  static_cast<float>(sum(input + in * in_.channel, grad_output + channel * out_.channel,
                                         {z.offset, y.offset, x.offset}));
            }
          }
        }
      }
    });
  }

  Explanation explain() const override {
    Explanation e;
    e.algorithm = "reference-weight-grad";
    e.isa = current_kernels().name;
    e.tile = "1x1";
    e.threads = thread_limit();
    return e;
  }

  Index bytes() const override { return 0; }

 private:
  double sum(const float* input, const float* grad, const Size3& offset) const {
    double total = 0;
    for (Index n = 0; n < geometry_.batch; ++n) {
      for (Index z = 0; z < lattice_.z.count; ++z) {
        const Index from_z = lattice_.z.source(z * lattice_.z.in_step + offset.d);
        for (Index y = 0; y < lattice_.y.count; ++y) {
          const Index from_y = lattice_.y.source(y * lattice_.y.in_step + offset.h);
          if (from_z < 0 || from_y < 0) continue;
          const float* row = input + n * in_.image + from_z * in_.z + from_y * in_.y;
          const float* to = grad + n * out_.image + z * out_.z + y * out_.y;
          for (Index x = 0; x < lattice_.x.count; ++x) {
            const Index from_x = lattice_.x.source(x * lattice_.x.in_step + offset.w);
            if (from_x >= 0) total += static_cast<double>(row[from_x * in_.x]) * to[x * out_.x];
          }
        }
      }
    }
    return total;
  }

  const ConvSpec spec_;
  const ConvGeometry geometry_;
  const WeightLayout layout_;
  const Lattice lattice_;
  const MapStrides in_, out_;
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
