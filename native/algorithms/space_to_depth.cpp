#include "algorithms/space_to_depth.h"

#include <algorithm>
#include <limits>

#include "algorithms/winograd_core.h"

namespace convolith {

namespace {

/** A strip's rearranged input stays in the second-level cache beside the transformed one. */
constexpr Index kStripBudget = Index{128} << 10;
/** Strips of fewer rows would be cut by the tiles and rearrange their halo too often. */
constexpr Index kLeastRows = 8;
/** Vectors of rearranged channels; more of them are filled by the slices of a strided tile as well. */
constexpr Index kMostVectors = 4;

Index deep_channels(const ConvSpec& spec) { return spec.stride.h * spec.stride.w * spec.in_channels; }

/** Taps on the rearranged map, the last ones zeros where the stride does not divide the kernel. */
Size3 deep_kernel(const ConvSpec& spec) {
  return {1, ceil_div(spec.kernel.h, spec.stride.h), ceil_div(spec.kernel.w, spec.stride.w)};
}

bool is_able(const Problem& p) {
  const ConvSpec& spec = p.spec();
  return spec.fast_math && !spec.transposed && spec.groups == 1 && spec.dilation == Size3{} &&
         spec.padding_mode == PaddingMode::zeros && spec.stride.d == 1 && spec.kernel.d == 1 &&
         p.geometry.input.d == 1 && p.geometry.output.d == 1 && spec.stride.h > 1 && spec.stride.w > 1 &&
         deep_channels(spec) <= kMostVectors * p.kernels.lanes;
}

/** Channel (py * stride_w + px) * in_channels + c is channel c of the pixel (py, px) of s × s. */
std::vector<float> deep_weight(const Stage& stage) {
  const ConvSpec& spec = stage.spec;
  const Size3 taps = deep_kernel(spec);
  const Index channels = deep_channels(spec);
  std::vector<float> weight(static_cast<std::size_t>(spec.out_channels * channels * taps.volume()));
  const float* from = stage.weight.data();
  for (Index o = 0; o < spec.out_channels; ++o) {
    for (Index c = 0; c < spec.in_channels; ++c) {
      for (Index ky = 0; ky < spec.kernel.h; ++ky) {
        for (Index kx = 0; kx < spec.kernel.w; ++kx) {
          const Index pixel = ky % spec.stride.h * spec.stride.w + kx % spec.stride.w;
          const Index tap = ky / spec.stride.h * taps.w + kx / spec.stride.w;
          const Index channel = pixel * spec.in_channels + c;
          weight[static_cast<std::size_t>((o * channels + channel) * taps.volume() + tap)] = *from++;
        }
      }
    }
  }
  return weight;
}

Stage deep_stage(const Stage& stage) {
  Stage s{stage.spec, deep_weight(stage), stage.bias};
  s.spec.in_channels = deep_channels(stage.spec);
  s.spec.kernel = deep_kernel(stage.spec);
  s.spec.stride = {};
  return s;
}

/** An axis of the rearranged map, which holds all that its points meet. */
LatticeAxis deep_axis(Index first, Index count, Index taps) {
  LatticeAxis axis;
  axis.out_start = first;
  axis.count = count;
  axis.in_size = count + taps - 1;
  for (Index t = 0; t < taps; ++t) axis.taps.push_back({t, t});
  return axis;
}

/** Rows [y0, y0 + rows) of the output. */
Lattice deep_lattice(const Problem& p, Index y0, Index rows) {
  const Size3 taps = deep_kernel(p.spec());
  return {deep_axis(0, 1, 1), deep_axis(y0, rows, taps.h), deep_axis(0, p.geometry.output.w, taps.w)};
}

WinogradSize size_of(const Problem& p, Index batch) {
  return {deep_channels(p.spec()), p.spec().out_channels, batch, p.kernels.lanes};
}

class SpaceToDepth final : public Executor {
 public:
  explicit SpaceToDepth(const Problem& p)
      : spec_(p.spec()),
        geometry_(p.geometry),
        weights_(std::vector<Stage>{deep_stage(p.stage())}),
        in_(spec_.channels_last, spec_.in_channels, geometry_.input),
        out_(spec_.channels_last, spec_.out_channels, geometry_.output),
        columns_(deep_lattice(p, 0, 1).x.in_size) {
    // Weights that change are rearranged again whenever those that they come from are packed again.
    const Stage& stage = p.stage();
    p.weights.packed("space to depth", [this, &stage] {
      weights_.weight() = deep_weight(stage);
      weights_.repack();
      return AlignedBuffer(1);
    });
    const Index height = geometry_.output.h;
    const auto tiling = choose_tiling(deep_lattice(p, 0, height), size_of(p, 1));
    const Index row = columns_ * deep_channels(spec_) * static_cast<Index>(sizeof(float));
    const Index unit = tiling->y.outputs;
    const Index fitting = round_up(std::max(kStripBudget / row, kLeastRows), unit);
    const UnitPieces cut(height, unit,
                         even_strips(geometry_.batch, height, unit, fitting, std::max(kLeastRows, unit)));
    rows_ = cut.largest();
    for (Index i = 0; i < cut.count(); ++i)
      strips_.push_back(make_strip(p, cut.begin(i), cut.size(i), *tiling));
  }

  Index tasks(int) const override { return geometry_.batch * static_cast<Index>(strips_.size()); }

  void run(const Buffers& buffers, Index task, int, float* scratch) const override {
    const auto strips = static_cast<Index>(strips_.size());
    const Strip& strip = strips_[static_cast<std::size_t>(task % strips)];
    const Index image = task / strips;
    Scratch memory(scratch);
    const Work w = take_work(memory);
    rearrange(strip, buffers.input + image * in_.image, w.deep);
    Buffers b{w.deep, buffers.output + image * out_.image, nullptr};
    if (buffers.residual != nullptr) b.residual = buffers.residual + image * out_.image;
    const Index tasks = strip.executor->tasks(1);
    for (Index i = 0; i < tasks; ++i) strip.executor->run(b, i, 1, w.inner);
  }

  Index workspace_bytes() const override {
    Scratch measure;
    take_work(measure);
    return measure.used();
  }
  Index packed_bytes() const override { return strips_.front().executor->packed_bytes(); }
  std::string tile() const override {
    return strips_.front().executor->tile() + " of " + std::to_string(spec_.stride.h) + "x" +
           std::to_string(spec_.stride.w) + " pixels";
  }

 private:
  struct Strip {
    Index y0, rows;
    std::unique_ptr<const Executor> executor;
  };
  struct Work {
    float* deep;
    float* inner;
  };

  Index deep_rows(Index rows) const { return rows + deep_kernel(spec_).h - 1; }

  Strip make_strip(const Problem& p, Index y0, Index rows, const WinogradTiling& whole) {
    const Lattice lattice = deep_lattice(p, y0, rows);
    // The last strip may be too low for the others' tiles.
    const WinogradTiling tiling = choose_tiling(lattice, size_of(p, 1)).value_or(whole);
    const LatticeProblem problem{
        weights_, p.kernels,           1, {1, deep_rows(rows), columns_}, geometry_.output,
        lattice,  lattice_key(lattice)};
    return {y0, rows, std::make_unique<WinogradCore>(problem, tiling)};
  }

  Work take_work(Scratch& scratch) const {
    Index inner = 0;
    for (const Strip& strip : strips_) inner = std::max(inner, strip.executor->workspace_bytes());
    Work w{};
    w.deep = scratch.take<float>(deep_rows(rows_) * columns_ * deep_channels(spec_));
    w.inner = scratch.take<float>(ceil_div(inner, static_cast<Index>(sizeof(float))));
    return w;
  }

  /** A strip's input: where channels come last, a row's pixels of one deep pixel lie side by side in both
   * maps. */
  void rearrange(const Strip& strip, const float* image, float* deep) const {
    const Index channels = spec_.in_channels;
    const Size3& stride = spec_.stride;
    const Index rows = deep_rows(strip.rows);
    const MapStrides to(spec_.channels_last, deep_channels(spec_), {1, rows, columns_});
    for (Index q = 0; q < rows; ++q) {
      for (Index py = 0; py < stride.h; ++py) {
        const Index y = (strip.y0 + q) * stride.h + py - geometry_.pad_before.h;
        const bool inside = y >= 0 && y < geometry_.input.h;
        const float* row = image + (inside ? y * in_.y : 0);
        if (spec_.channels_last) {
          deepen_pixels(inside ? row : nullptr, deep + q * to.y + py * stride.w * channels);
          continue;
        }
        for (Index px = 0; px < stride.w; ++px) {
          for (Index c = 0; c < channels; ++c) {
            const Index plane = (py * stride.w + px) * channels + c;
            deepen_plane(inside ? row + c * in_.channel : nullptr, px, deep + plane * to.channel + q * to.y);
          }
        }
      }
    }
  }

  void deepen_pixels(const float* row, float* to) const {
    const Index length = spec_.stride.w * spec_.in_channels;
    const Index floats = geometry_.input.w * spec_.in_channels;
    const Index pitch = deep_channels(spec_);
    Index from = -geometry_.pad_before.w * spec_.in_channels;
    for (Index x = 0; x < columns_; ++x, from += length, to += pitch) {
      if (row != nullptr && from >= 0 && from + length <= floats) {
        for (Index i = 0; i < length; ++i) to[i] = row[from + i];
        continue;
      }
      for (Index i = 0; i < length; ++i) {
        to[i] = row != nullptr && from + i >= 0 && from + i < floats ? row[from + i] : 0.0F;
      }
    }
  }

  void deepen_plane(const float* row, Index px, float* to) const {
    for (Index q = 0; q < columns_; ++q) {
      const Index x = q * spec_.stride.w + px - geometry_.pad_before.w;
      to[q] = row != nullptr && x >= 0 && x < geometry_.input.w ? row[x] : 0.0F;
    }
  }

  const ConvSpec spec_;
  const ConvGeometry geometry_;
  WeightStore weights_;
  const MapStrides in_, out_;
  /** Of the rearranged map. */
  const Index columns_;
  Index rows_ = 1;
  std::vector<Strip> strips_;
};

}  // namespace

double space_to_depth_cost(const Problem& p) {
  constexpr double impossible = std::numeric_limits<double>::infinity();
  if (!is_able(p)) return impossible;
  const Lattice lattice = deep_lattice(p, 0, p.geometry.output.h);
  const WinogradSize size = size_of(p, p.geometry.batch);
  const auto tiling = choose_tiling(lattice, size);
  if (lattice.points() == 0 || !tiling) return impossible;
  // A deep pixel is moved a few floats at a time.
  const auto moved = static_cast<double>(p.geometry.batch * lattice.points() * deep_channels(p.spec()));
  return transformed_cost(*tiling, lattice, size) + moved / 2;
}

std::unique_ptr<const Executor> make_space_to_depth(const Problem& p) {
  return std::make_unique<SpaceToDepth>(p);
}

}  // namespace convolith
