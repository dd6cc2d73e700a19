#include "algorithms/weight_grad.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/thread_pool.h"

namespace convolith {

namespace {

/** Rows that one task of a copy stages. */
constexpr Index kStagedRows = 16;

GradAxis grad_axis(const ConvSpec& s, const ConvGeometry& g, Index Size3::*of, bool padded) {
  GradAxis axis;
  axis.outputs = g.output.*of;
  axis.taps = s.kernel.*of;
  axis.stride = s.stride.*of;
  axis.dilation = s.dilation.*of;
  axis.origin = padded ? 0 : -(g.pad_before.*of);
  axis.size = padded ? (axis.outputs - 1) * axis.stride + (axis.taps - 1) * axis.dilation + 1 : g.input.*of;
  return axis;
}

ChannelsLastMap::Options map_options(const WeightGradProblem& p, bool padded, Index repeat,
                                     const Size3& size) {
  const ConvGeometry& g = p.geometry;
  const Size3 low = padded ? Size3{-g.pad_before.d, -g.pad_before.h, -g.pad_before.w} : Size3{0, 0, 0};
  return {p.spec.channels_last, g.batch, p.spec.in_channels, repeat, padded, low, size};
}

}  // namespace

GradAxis::Range GradAxis::outputs_of(Index tap) const {
  const Index first = at(0, tap);
  if (first >= size) return {};
  const Index begin = first < 0 ? ceil_div(-first, stride) : 0;
  return {begin, std::max(begin, std::min(outputs, (size - 1 - first) / stride + 1))};
}

GradAxis::Range GradAxis::taps_of(Index output) const {
  const Index first = at(output, 0);
  if (first >= size) return {};
  const Index begin = std::min(taps, first < 0 ? ceil_div(-first, dilation) : 0);
  return {begin, std::max(begin, std::min(taps, (size - 1 - first) / dilation + 1))};
}

ChannelsLastMap::ChannelsLastMap(const Options& options, const Lattice& lattice, const KernelTable& kernels)
    : options_(options),
      lattice_(lattice),
      kernels_(kernels),
      from_(options.channels_last, options.channels,
            {lattice.z.in_size, lattice.y.in_size, lattice.x.in_size}),
      strides_(true, options.channels * options.repeat, options.size) {
  if (options.copy || !options.channels_last || options.repeat > 1) {
    copy_ = AlignedBuffer(options.batch * strides_.image);
  }
}

const float* ChannelsLastMap::read(const float* map) {
  if (copy_.size() == 0) return map;
  const Index depth = options_.size.d, height = options_.size.h;
  std::vector<Index> z(static_cast<std::size_t>(depth));
  std::vector<Index> y(static_cast<std::size_t>(height));
  std::iota(z.begin(), z.end(), options_.low.d);
  std::iota(y.begin(), y.end(), options_.low.h);
  const StagedChannels channels{0, options_.channels, options_.repeat, options_.channels * options_.repeat};
  const Index pieces = ceil_div(height, kStagedRows);
  parallel_for(options_.batch * depth * pieces, [&](Index task) {
    const Index first = task % pieces * kStagedRows;
    const Index slice = task / pieces % depth;
    const Index image = task / pieces / depth;
    const Region region{&z[static_cast<std::size_t>(slice)],
                        &y[static_cast<std::size_t>(first)],
                        1,
                        std::min(kStagedRows, height - first),
                        options_.low.w,
                        options_.size.w};
    stage_region(lattice_, region, map + image * from_.image, from_, channels, kernels_,
                 copy_.data() + image * strides_.image + slice * strides_.z + first * strides_.y);
  });
  return copy_.data();
}

GradInput::GradInput(const WeightGradProblem& p, bool padded, Index repeat)
    : z(grad_axis(p.spec, p.geometry, &Size3::d, padded)),
      y(grad_axis(p.spec, p.geometry, &Size3::h, padded)),
      x(grad_axis(p.spec, p.geometry, &Size3::w, padded)),
      map(map_options(p, padded, repeat, {z.size, y.size, x.size}), standard_lattice(p.spec, p.geometry),
          p.kernels) {}

}  // namespace convolith
