#include "algorithms/subpixel.h"

#include <algorithm>
#include <limits>
#include <map>

#include "algorithms/cut.h"
#include "algorithms/lattice_gemm.h"
#include "algorithms/winograd_core.h"

namespace convolith {

namespace {

/** The phases' map of a piece stays in the second-level cache. Whole rows of wide maps did not: 64 to 32
 * channels of 4x4 on 448x448 took 1.1 times as long. */
constexpr Index kPieceBudget = Index{128} << 10;
/** Pieces of fewer rows would be cut by Winograd's tiles and read their halo too often; of rows so low they
 * may always have so many columns. */
constexpr Index kLeastRows = 8, kColumns = 32;
/** More channels than this fill a product's lanes as they are. */
constexpr Index kMostChannels = 256;

/** Taps of the longest phase: the others have zeros for what they lack. */
Size3 phase_kernel(const ConvSpec& spec) {
  return {1, ceil_div(spec.kernel.h, spec.stride.h), ceil_div(spec.kernel.w, spec.stride.w)};
}

Index phases_of(const ConvSpec& spec) { return spec.stride.h * spec.stride.w; }

bool is_able(const Problem& p) {
  const ConvSpec& spec = p.spec();
  const Size3 taps = phase_kernel(spec);
  // A zero weight meets inputs that are none of an output's: a NaN would spread to its neighbours.
  const bool exact = taps.h * spec.stride.h == spec.kernel.h && taps.w * spec.stride.w == spec.kernel.w;
  return spec.transposed && spec.groups == 1 && spec.dilation == Size3{} && p.geometry.input.d == 1 &&
         p.geometry.output.d == 1 && spec.kernel.d == 1 && phases_of(spec) > 1 &&
         spec.out_channels * phases_of(spec) <= kMostChannels && (exact || spec.fast_math);
}

/** Channel (ry * stride_w + rx) * out_channels + o is channel o of phase (ry, rx). Where channels come last,
 * they fill whole vectors. */
Index phase_channels(const Problem& p) {
  const Index channels = phases_of(p.spec()) * p.spec().out_channels;
  return p.spec().channels_last ? round_up(channels, p.kernels.lanes) : channels;
}

std::vector<float> repeated(const std::vector<float>& values, Index times, Index size) {
  std::vector<float> list;
  if (values.empty()) return list;
  for (Index i = 0; i < times; ++i) list.insert(list.end(), values.begin(), values.end());
  list.resize(static_cast<std::size_t>(size), 0.0F);
  return list;
}

std::vector<float> phase_weight(const Stage& stage, Index channels) {
  const ConvSpec& spec = stage.spec;
  const Size3 taps = phase_kernel(spec);
  const WeightStrides stride(spec);
  std::vector<float> weight(static_cast<std::size_t>(channels * spec.in_channels * taps.volume()));
  for (Index ky = 0; ky < spec.kernel.h; ++ky) {
    for (Index kx = 0; kx < spec.kernel.w; ++kx) {
      const Index phase = ky % spec.stride.h * spec.stride.w + kx % spec.stride.w;
      // Later kernel positions meet earlier inputs.
      const Index tap = (taps.h - 1 - ky / spec.stride.h) * taps.w + taps.w - 1 - kx / spec.stride.w;
      const float* from = stage.weight.data() + ky * spec.kernel.w + kx;
      for (Index o = 0; o < spec.out_channels; ++o) {
        float* to = weight.data() + (phase * spec.out_channels + o) * spec.in_channels * taps.volume() + tap;
        for (Index i = 0; i < spec.in_channels; ++i)
          to[i * taps.volume()] = from[i * stride.in + o * stride.out];
      }
    }
  }
  return weight;
}

Stage phase_stage(const Problem& p) {
  const Stage& stage = p.stage();
  const Index channels = phase_channels(p);
  const Index phases = phases_of(stage.spec);
  Stage s{stage.spec, phase_weight(stage, channels), repeated(stage.bias, phases, channels)};
  s.spec.transposed = false;
  s.spec.out_channels = channels;
  s.spec.kernel = phase_kernel(stage.spec);
  s.spec.stride = {};
  s.spec.activation.slope = repeated(stage.spec.activation.slope, phases, channels);
  return s;
}

/** Of the phases' map: its row q holds output rows q * stride - pad and the following. */
ConvGeometry phase_geometry(const Problem& p) {
  const ConvSpec& spec = p.spec();
  ConvGeometry g = p.geometry;
  const Size3 taps = phase_kernel(spec);
  g.output.h = ceil_div(g.output.h + g.pad_before.h, spec.stride.h);
  g.output.w = ceil_div(g.output.w + g.pad_before.w, spec.stride.w);
  g.pad_before = {0, taps.h - 1, taps.w - 1};
  return g;
}

Lattice phase_lattice(const Problem& p) {
  ConvSpec spec = p.spec();
  spec.kernel = phase_kernel(spec);
  spec.stride = {};
  return standard_lattice(spec, phase_geometry(p));
}

WinogradSize size_of(const Problem& p) {
  return {p.spec().in_channels, phase_channels(p), p.geometry.batch, p.kernels.lanes, true};
}

std::optional<WinogradTiling> tiling_of(const Problem& p, const Lattice& lattice, bool filtered) {
  if (!filtered || !p.spec().fast_math || lattice.tap_count() == 0) return std::nullopt;
  return choose_tiling(lattice, size_of(p));
}

/** Segments of `width` floats that lie evenly apart in a layer's map and in the phases'. */
struct Run {
  Index map, map_step, phases, phases_step, count, width;
};

template <Index Width>
void copy_segments(const float* from, Index from_step, float* to, Index to_step, Index count) {
  for (Index i = 0; i < count; ++i, from += from_step, to += to_step) {
    for (Index j = 0; j < Width; ++j) to[j] = from[j];
  }
}

/** Strides are short and channels few: a loop over each pixel's three floats was a tenth of nine phases'
 * time, and a sixth as clang compiled it. */
void copy_segments(const float* from, Index from_step, float* to, Index to_step, const Run& run) {
  switch (run.width) {
    case 1:
      return copy_segments<1>(from, from_step, to, to_step, run.count);
    case 2:
      return copy_segments<2>(from, from_step, to, to_step, run.count);
    case 3:
      return copy_segments<3>(from, from_step, to, to_step, run.count);
    case 4:
      return copy_segments<4>(from, from_step, to, to_step, run.count);
  }
  for (Index i = 0; i < run.count; ++i) std::copy_n(from + i * from_step, run.width, to + i * to_step);
}

/** Points [begin, begin + count) of an axis, with its input from `shift` on where they meet no padding. */
struct Stretch {
  LatticeAxis axis;
  Index shift = 0;
  /** Which of the stretches it is that meet padding; negative for the others, which are all alike. */
  Index border = -1;
};

Stretch stretch_of(const LatticeAxis& whole, Index begin, Index count) {
  Stretch s{whole};
  s.axis.count = count;
  for (auto& tap : s.axis.taps) tap.offset += begin;
  if (!meets_no_padding(s.axis)) {
    s.border = begin;
    return s;
  }
  s.shift = s.axis.taps.front().offset;
  for (auto& tap : s.axis.taps) tap.offset -= s.shift;
  s.axis.in_size = s.axis.coordinate(count - 1, s.axis.tap_count() - 1) + 1;
  return s;
}

class Subpixel final : public Executor {
 public:
  Subpixel(const Problem& p, bool filtered)
      : spec_(p.spec()),
        pad_(p.geometry.pad_before),
        coarse_(phase_geometry(p)),
        fine_(p.geometry.output),
        weights_(std::vector<Stage>{phase_stage(p)}),
        in_(spec_.channels_last, spec_.in_channels, p.geometry.input),
        out_(spec_.channels_last, spec_.out_channels, fine_) {
    // Weights that change are dealt out again whenever those that they come from are packed again.
    const Stage& stage = p.stage();
    const Index channels = phase_channels(p);
    p.weights.packed("subpixel", [this, &stage, channels] {
      weights_.weight() = phase_weight(stage, channels);
      weights_.repack();
      return AlignedBuffer(1);
    });
    const Lattice lattice = phase_lattice(p);
    const auto tiling = tiling_of(p, lattice, filtered);
    const Index pixels = kPieceBudget / (channels * static_cast<Index>(sizeof(float)));
    const Index tile_columns = tiling ? tiling->x.outputs : 1;
    const Index most_columns = round_up(std::max(pixels / kLeastRows, kColumns), tile_columns);
    const UnitPieces across(coarse_.output.w, tile_columns, ceil_div(coarse_.output.w, most_columns));
    const Index tile_rows = tiling ? tiling->y.outputs : 1;
    const Index most_rows = round_up(std::max(pixels / across.largest(), kLeastRows), tile_rows);
    const UnitPieces down(coarse_.output.h, tile_rows,
                          even_strips(coarse_.batch * across.count(), coarse_.output.h, tile_rows, most_rows,
                                      std::max(kLeastRows, tile_rows)));
    // Pieces of a size that meet no border differ by where their input begins alone.
    std::map<std::vector<Index>, const Executor*> made;
    for (Index i = 0; i < down.count(); ++i) {
      const Stretch y = stretch_of(lattice.y, down.begin(i), down.size(i));
      for (Index j = 0; j < across.count(); ++j) {
        const Stretch x = stretch_of(lattice.x, across.begin(j), across.size(j));
        const Area area{down.begin(i), down.size(i), across.begin(j), across.size(j)};
        const Executor*& executor = made[{area.rows, y.border, area.columns, x.border}];
        if (executor == nullptr) {
          executors_.push_back(make_executor(p, {lattice.z, y.axis, x.axis}, filtered));
          executor = executors_.back().get();
        }
        pieces_.push_back({area, executor, y.shift * in_.y + x.shift * in_.x});
      }
    }
    pixels_ = down.largest() * across.largest();
    for (const auto& executor : executors_)
      inner_bytes_ = std::max(inner_bytes_, executor->workspace_bytes());
  }

  Index tasks(int) const override { return coarse_.batch * static_cast<Index>(pieces_.size()); }

  void run(const Buffers& buffers, Index task, int, float* scratch) const override {
    const auto pieces = static_cast<Index>(pieces_.size());
    const Piece& piece = pieces_[static_cast<std::size_t>(task % pieces)];
    const Index image = task / pieces;
    const Index map = image * out_.image;
    Scratch memory(scratch);
    Work w = take_work(memory);
    Buffers b{buffers.input + image * in_.image + piece.input, w.phases, nullptr};
    if (buffers.residual != nullptr) {
      for_each_run(piece.area, [&](const Run& run) {
        copy_segments(buffers.residual + map + run.map, run.map_step, w.residual + run.phases,
                      run.phases_step, run);
      });
      b.residual = w.residual;
    }
    const Index tasks = piece.executor->tasks(1);
    for (Index i = 0; i < tasks; ++i) piece.executor->run(b, i, 1, w.inner);
    for_each_run(piece.area, [&](const Run& run) {
      copy_segments(w.phases + run.phases, run.phases_step, buffers.output + map + run.map, run.map_step,
                    run);
    });
  }

  Index workspace_bytes() const override {
    Scratch measure;
    take_work(measure);
    return measure.used();
  }
  Index packed_bytes() const override { return executors_.front()->packed_bytes(); }
  std::string tile() const override {
    return executors_.front()->tile() + ", " + std::to_string(phases_of(spec_)) + " phases as channels";
  }

 private:
  /** Rows [y0, y0 + rows) and columns [x0, x0 + columns) of the phases' map. */
  struct Area {
    Index y0, rows, x0, columns;
    Size3 size() const { return {1, rows, columns}; }
  };
  struct Piece {
    Area area;
    const Executor* executor;
    /** Where its executor's input begins in the image, in floats. */
    Index input;
  };
  struct Work {
    float* phases;
    float* residual;
    float* inner;
  };

  std::unique_ptr<const Executor> make_executor(const Problem& p, const Lattice& lattice, bool filtered) {
    const Size3 output{1, lattice.y.count, lattice.x.count};
    const LatticeProblem problem{weights_, p.kernels,           1, coarse_.input, output,
                                 lattice,  lattice_key(lattice)};
    const auto tiling = tiling_of(p, lattice, filtered);
    if (tiling) return std::make_unique<WinogradCore>(problem, *tiling);
    return std::make_unique<LatticeGemm>(problem);
  }

  Work take_work(Scratch& scratch) const {
    const Index floats = pixels_ * weights_.stage().spec.out_channels;
    Work w{};
    w.phases = scratch.take<float>(floats);
    w.residual = scratch.take<float>(floats);
    w.inner = scratch.take<float>(ceil_div(inner_bytes_, static_cast<Index>(sizeof(float))));
    return w;
  }

  /** Where the outputs of an area lie: along a pixel's columns and channels where channels come last, along a
   * row where they come first. */
  template <class Body>
  void for_each_run(const Area& area, const Body& body) const {
    const Index channels = spec_.out_channels;
    const Index step = spec_.stride.w;
    const Index end = area.x0 + area.columns;
    const MapStrides at(spec_.channels_last, weights_.stage().spec.out_channels, area.size());
    for (Index q = 0; q < area.rows; ++q) {
      for (Index ry = 0; ry < spec_.stride.h; ++ry) {
        const Index y = (area.y0 + q) * spec_.stride.h + ry - pad_.h;
        if (y < 0 || y >= fine_.h) continue;
        if (spec_.channels_last) {
          const Index phases = q * at.y + ry * step * channels;
          for_each_column(area, [&](Index x, Index count, Index first, Index last) {
            body(Run{y * out_.y + (x * step - pad_.w + first) * channels, step * channels,
                     phases + (x - area.x0) * at.x + first * channels, at.x, count,
                     (last - first) * channels});
          });
          continue;
        }
        for (Index rx = 0; rx < step; ++rx) {
          const Index first = std::max(ceil_div(std::max(pad_.w - rx, Index{0}), step), area.x0);
          const Index last = std::min(ceil_div(fine_.w + pad_.w - rx, step), end);
          if (first >= last) continue;
          for (Index o = 0; o < channels; ++o) {
            body(Run{o * out_.channel + y * out_.y + first * step + rx - pad_.w, step,
                     ((ry * step + rx) * channels + o) * at.channel + q * at.y + first - area.x0, 1,
                     last - first, 1});
          }
        }
      }
    }
  }

  /** Calls `body(x, count, first, last)` for each stretch of `count` columns of phases from `x` of which
   * phases [first, last) are inside the layer's map: the cut ones on each side, and all between them. */
  template <class Body>
  void for_each_column(const Area& area, const Body& body) const {
    const Index step = spec_.stride.w;
    const Index end = area.x0 + area.columns;
    const Index whole_begin = std::clamp(ceil_div(pad_.w, step), area.x0, end);
    const Index whole_end = std::clamp((fine_.w + pad_.w) / step, whole_begin, end);
    const auto cut = [&](Index x) {
      const Index left = x * step - pad_.w;
      const Index first = std::max(-left, Index{0});
      const Index last = std::min(step, fine_.w - left);
      if (first < last) body(x, Index{1}, first, last);
    };
    for (Index x = area.x0; x < whole_begin; ++x) cut(x);
    if (whole_begin < whole_end) body(whole_begin, whole_end - whole_begin, Index{0}, step);
    for (Index x = whole_end; x < end; ++x) cut(x);
  }

  const ConvSpec spec_;
  const Size3 pad_;
  const ConvGeometry coarse_;
  const Size3 fine_;
  WeightStore weights_;
  const MapStrides in_, out_;
  std::vector<std::unique_ptr<const Executor>> executors_;
  std::vector<Piece> pieces_;
  /** Of the largest piece. */
  Index pixels_ = 0, inner_bytes_ = 0;
};

}  // namespace

double subpixel_cost(const Problem& p, bool filtered) {
  constexpr double impossible = std::numeric_limits<double>::infinity();
  if (!is_able(p)) return impossible;
  const Lattice lattice = phase_lattice(p);
  const auto tiling = tiling_of(p, lattice, filtered);
  if (lattice.points() == 0 || filtered != tiling.has_value()) return impossible;
  // Its values are dealt out one or a few at a time.
  const auto dealt =
      static_cast<double>(p.geometry.batch * p.geometry.output.volume() * p.spec().out_channels);
  return dealt + (tiling ? transformed_cost(*tiling, lattice, size_of(p)) : direct_cost(lattice, size_of(p)));
}

std::unique_ptr<const Executor> make_subpixel(const Problem& p, bool filtered) {
  return std::make_unique<Subpixel>(p, filtered);
}

}  // namespace convolith
