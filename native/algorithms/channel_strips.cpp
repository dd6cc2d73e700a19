#include "algorithms/channel_strips.h"

#include <algorithm>

#include "algorithms/cut.h"
#include "algorithms/depthwise_core.h"

namespace convolith {

namespace {

/** A strip's input and output stay in the second-level cache. */
constexpr Index kStripBudget = Index{192} << 10;
/** Strips of fewer rows would read the rows that two of them share too often. */
constexpr Index kLeastRows = 4;
/** Of channels-first maps: the lanes of two cache lines, so that a transposition reads and writes whole ones.
 */
constexpr Index kStripChannels = 32;

class ChannelStrips final : public Executor {
 public:
  ChannelStrips(const Problem& p, const Lattice& lattice)
      : core_(p, lattice),
        kernels_(p.kernels),
        channels_(p.spec().out_channels),
        channels_last_(p.spec().channels_last),
        batch_(p.geometry.batch),
        in_(channels_last_, p.spec().in_channels, p.geometry.input),
        out_(channels_last_, channels_, p.geometry.output) {
    const Lattice& l = core_.lattice();
    const Index group = p.spec().group_out();
    const bool whole_rows = channels_last_ && (group == 1 || packs_groups(p, l));
    // Strips of a staged map hold whole groups, and what is left joins the last one.
    strip_channels_ = whole_rows ? channels_ : std::min(channels_, round_up(kStripChannels, group));
    channel_strips_ = channels_ / strip_channels_;
    most_channels_ = channels_ - (channel_strips_ - 1) * strip_channels_;
    const Index row = core_.input_bytes_a_row() * strip_channels_ * (whole_rows ? 1 : l.z.tap_count());
    fitting_rows_ = std::clamp<Index>(kStripBudget / std::max<Index>(row * l.y.in_step, 1), 1,
                                      std::max<Index>(l.y.count, 1));
    // More threads have as many strips or more.
    for (const Index unit : {unit_of(1), unit_of(2)}) {
      const Index rest = std::max<Index>(l.y.count - units_of(unit) * unit, 0);
      most_rows_ = std::max(most_rows_, ceil_div(units_of(unit), strips_of(unit, 1)) * unit + rest);
    }
  }

  Index tasks(int threads) const override { return maps() * strips(threads); }

  void run(const Buffers& buffers, Index task, int threads, float* scratch) const override {
    const Lattice& l = core_.lattice();
    const Index count = strips(threads), unit = unit_of(threads);
    DepthwiseCore::Strip strip;
    const bool last = task % count == count - 1;
    strip.y0 = piece_begin(units_of(unit), count, task % count) * unit;
    const Index end = piece_begin(units_of(unit), count, task % count + 1) * unit;
    task /= count;
    strip.z = task % l.z.count;
    task /= l.z.count;
    strip.channel = task % channel_strips_ * strip_channels_;
    strip.channels = task % channel_strips_ == channel_strips_ - 1 ? most_channels_ : strip_channels_;
    strip.rows = (last ? l.y.count : end) - strip.y0;
    const Index image = task / channel_strips_;

    Scratch memory(scratch);
    Planes planes;
    DepthwiseCore::Work work = take_work(memory, planes);
    const Index map = image * out_.image + strip.channel * out_.channel +
                      (l.z.out_start + strip.z * l.z.out_step) * out_.z +
                      (l.y.out_start + strip.y0 * l.y.out_step) * out_.y + l.x.out_start * out_.x;
    const float* residual = buffers.residual == nullptr ? nullptr : buffers.residual + map;
    const float* input = buffers.input + image * in_.image;
    if (channels_last_) {
      core_.run(strip, input, {buffers.output + map, residual, out_.y * l.y.out_step, out_.x * l.x.out_step},
                work);
      return;
    }
    if (residual != nullptr) move_planes(strip, residual, planes.residual, nullptr);
    core_.run(strip, input,
              {planes.out, residual == nullptr ? nullptr : planes.residual, l.x.count * strip.channels,
               strip.channels},
              work);
    move_planes(strip, nullptr, planes.out, buffers.output + map);
  }

  Index workspace_bytes() const override {
    Scratch measure;
    Planes planes;
    take_work(measure, planes);
    return measure.used();
  }
  Index packed_bytes() const override { return core_.packed_bytes(); }
  std::string tile() const override { return core_.tile(); }
  /** `Rows::even` promises two, and of fewer rows than a slide computes at once sums have another order. */
  bool serves_rows() const override { return core_.least_rows() <= 2; }

 private:
  /** A strip of a channels-first map, [pixel][channel]. */
  struct Planes {
    float* out = nullptr;
    float* residual = nullptr;
  };

  /** What is cut into strips of rows. */
  Index maps() const { return batch_ * channel_strips_ * core_.lattice().z.count; }
  /** Rows that strips are multiples of: one thread keeps to the tallest blocks, more of them share evenly. */
  Index unit_of(int threads) const { return threads == 1 ? core_.rows_together() : core_.least_rows(); }
  /** What is left of a map joins its last strip where it is less than a unit. */
  Index units_of(Index unit) const { return std::max<Index>(core_.lattice().y.count / unit, 1); }
  /** One thread keeps to what the cache asks for: a strip more took 3% of 128 channels in 32 groups. */
  Index strips_of(Index unit, int threads) const {
    return fitting_strips(maps(), units_of(unit), 1, ceil_div(fitting_rows_, unit),
                          ceil_div(kLeastRows, unit), threads);
  }
  Index strips(int threads) const { return strips_of(unit_of(threads), threads); }

  /** Between a channels-first map and a strip's planes: into them from `from`, or out of them to `to`. */
  void move_planes(const DepthwiseCore::Strip& strip, const float* from, float* planes, float* to) const {
    const Lattice& l = core_.lattice();
    const Index pixels = strip.rows * l.x.count;
    if (l.y.out_step == 1 && l.x.out_step == 1) {
      kernels_.transpose(
          to != nullptr ? Transposition{planes, to, strip.channels, out_.channel, pixels, strip.channels}
                        : Transposition{from, planes, out_.channel, strip.channels, strip.channels, pixels});
      return;
    }
    const Index step = l.x.out_step * out_.x;
    for (Index c = 0; c < strip.channels; ++c) {
      for (Index y = 0; y < strip.rows; ++y) {
        const Index row = c * out_.channel + y * l.y.out_step * out_.y;
        float* plane = planes + y * l.x.count * strip.channels + c;
        for (Index x = 0; x < l.x.count; ++x, plane += strip.channels) {
          if (to != nullptr) {
            to[row + x * step] = *plane;
          } else {
            *plane = from[row + x * step];
          }
        }
      }
    }
  }

  DepthwiseCore::Work take_work(Scratch& scratch, Planes& planes) const {
    const Index floats = channels_last_ ? 0 : most_rows_ * core_.lattice().x.count * most_channels_;
    planes.out = scratch.take<float>(floats);
    planes.residual = scratch.take<float>(floats);
    return core_.take_work(scratch, most_rows_, most_channels_);
  }

  const DepthwiseCore core_;
  const KernelTable& kernels_;
  const Index channels_;
  const bool channels_last_;
  const Index batch_;
  const MapStrides in_, out_;
  Index strip_channels_ = 1, most_channels_ = 1, channel_strips_ = 1;
  /** Rows whose input the cache holds, and those of a strip at the most. */
  Index fitting_rows_ = 1, most_rows_ = 1;
};

}  // namespace

std::unique_ptr<const Executor> make_channel_strips(const Problem& p, const Lattice& lattice) {
  return std::make_unique<ChannelStrips>(p, lattice);
}

}  // namespace convolith
