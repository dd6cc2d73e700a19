// One filter a channel, channels last in the lanes; any multiplier, stride, dilation and padding mode.

#include <algorithm>

#include "algorithms/candidates.h"
#include "algorithms/depthwise_core.h"
#include "algorithms/depthwise_flat.h"

namespace convolith {

namespace {

/** A strip's input and output stay in the second-level cache. */
constexpr Index kStripBudget = Index{192} << 10;
/** Of channels-first maps: the lanes of two cache lines, so that a transposition reads and writes whole ones.
 */
constexpr Index kStripChannels = 32;

class Depthwise final : public Executor {
 public:
  explicit Depthwise(const Problem& p)
      : core_(p, standard_lattice(p.spec(), p.geometry)),
        kernels_(p.kernels),
        channels_(p.spec().out_channels),
        channels_last_(p.spec().channels_last),
        batch_(p.geometry.batch),
        in_(channels_last_, p.spec().in_channels, p.geometry.input),
        out_(channels_last_, channels_, p.geometry.output) {
    const Lattice& l = core_.lattice();
    const Index multiplier = p.spec().group_out();
    const bool whole_rows = channels_last_ && multiplier == 1;
    // Strips of a staged map hold whole input channels.
    strip_channels_ = whole_rows ? channels_ : std::min(channels_, round_up(kStripChannels, multiplier));
    const Index row = core_.input_bytes_a_row() * strip_channels_ * (whole_rows ? 1 : l.z.tap_count());
    rows_ = std::clamp<Index>(kStripBudget / std::max<Index>(row * l.y.in_step, 1), 1,
                              std::max<Index>(l.y.count, 1));
    const Index together = core_.rows_together();
    rows_ = round_up(rows_, together);
    strips_ = ceil_div(l.y.count, rows_);
    rows_ = round_up(ceil_div(l.y.count, strips_), together);
    // What is left of a map joins its last strip where it is less than rows computed together.
    strips_ = std::max<Index>(ceil_div(l.y.count - together + 1, rows_), 1);
    most_rows_ = std::max(rows_, l.y.count - (strips_ - 1) * rows_);
    channel_strips_ = ceil_div(channels_, strip_channels_);
  }

  Index tasks(int) const override { return batch_ * channel_strips_ * core_.lattice().z.count * strips_; }

  void run(const Buffers& buffers, Index task, int, float* scratch) const override {
    const Lattice& l = core_.lattice();
    DepthwiseCore::Strip strip;
    const bool last = task % strips_ == strips_ - 1;
    strip.y0 = task % strips_ * rows_;
    task /= strips_;
    strip.z = task % l.z.count;
    task /= l.z.count;
    strip.channel = task % channel_strips_ * strip_channels_;
    strip.channels = std::min(strip_channels_, channels_ - strip.channel);
    strip.rows = last ? l.y.count - strip.y0 : rows_;
    const Index image = task / channel_strips_;

    Scratch memory(scratch);
    Planes planes;
    DepthwiseCore::Work work = take_work(memory, planes);
    const Index map =
        image * out_.image + strip.channel * out_.channel + strip.z * out_.z + strip.y0 * out_.y;
    const float* residual = buffers.residual == nullptr ? nullptr : buffers.residual + map;
    const float* input = buffers.input + image * in_.image;
    if (channels_last_) {
      core_.run(strip, input, {buffers.output + map, residual, out_.y, out_.x}, work);
      return;
    }
    const Index pixels = strip.rows * l.x.count;
    if (residual != nullptr) {
      kernels_.transpose({residual, planes.residual, out_.channel, strip.channels, strip.channels, pixels});
    }
    core_.run(strip, input,
              {planes.out, residual == nullptr ? nullptr : planes.residual, l.x.count * strip.channels,
               strip.channels},
              work);
    kernels_.transpose(
        {planes.out, buffers.output + map, strip.channels, out_.channel, pixels, strip.channels});
  }

  Index workspace_bytes() const override {
    Scratch measure;
    Planes planes;
    take_work(measure, planes);
    return measure.used();
  }
  Index packed_bytes() const override { return core_.packed_bytes(); }
  std::string tile() const override { return core_.tile(); }

 private:
  /** A strip of a channels-first map, [pixel][channel]. */
  struct Planes {
    float* out = nullptr;
    float* residual = nullptr;
  };

  DepthwiseCore::Work take_work(Scratch& scratch, Planes& planes) const {
    const Index floats = channels_last_ ? 0 : most_rows_ * core_.lattice().x.count * strip_channels_;
    planes.out = scratch.take<float>(floats);
    planes.residual = scratch.take<float>(floats);
    return core_.take_work(scratch, most_rows_, strip_channels_);
  }

  const DepthwiseCore core_;
  const KernelTable& kernels_;
  const Index channels_;
  const bool channels_last_;
  const Index batch_;
  const MapStrides in_, out_;
  Index strip_channels_ = 1, channel_strips_ = 1, rows_ = 1, strips_ = 1, most_rows_ = 1;
};

}  // namespace

std::optional<Objection> refuse_depthwise(const Problem& p) {
  if (p.spec().transposed) return Objection{"serves no transposed convolution"};
  if (p.spec().group_in() != 1) return Objection{"needs one input channel a group"};
  if (p.spec().groups == 1 && p.spec().out_channels > 1) {
    return Objection{"would repeat the one input channel for every output channel", true};
  }
  return std::nullopt;
}

std::unique_ptr<const Executor> make_depthwise(const Problem& p) {
  if (suits_flat_depthwise(p)) return make_flat_depthwise(p);
  return std::make_unique<Depthwise>(p);
}

}  // namespace convolith
