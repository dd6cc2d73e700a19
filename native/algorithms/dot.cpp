// Convolution to few output channels, standard or transposed by phases: input channels in the lanes.

#include <algorithm>

#include "algorithms/candidates.h"
#include "algorithms/epilogue_data.h"
#include "algorithms/folded.h"
#include "algorithms/lattice.h"
#include "algorithms/staging.h"
#include "algorithms/subpixel.h"
#include "algorithms/winograd_cost.h"
#include "base/arena.h"

namespace convolith {

namespace {

/** A strip's input stays in the second-level cache. */
constexpr Index kStripBudget = Index{256} << 10;

std::vector<Lattice> lattices_of(const Problem& p) {
  if (p.spec().transposed) return transposed_lattices(p.spec(), p.geometry);
  return {standard_lattice(p.spec(), p.geometry)};
}

/** The padded coordinates that some points of an axis meet, over all lattices. */
struct Span {
  Index begin = 0, end = 0;
  Index size() const { return end - begin; }
};

Span span_of(const std::vector<Lattice>& lattices, LatticeAxis Lattice::*which, Index first, Index count) {
  Span span;
  bool any = false;
  for (const Lattice& lattice : lattices) {
    const LatticeAxis& axis = lattice.*which;
    const Index last = std::min(axis.count, first + count) - 1;
    if (axis.taps.empty() || last < first) continue;
    const Index begin = axis.coordinate(first, 0);
    const Index end = axis.coordinate(last, axis.tap_count() - 1) + 1;
    span.begin = any ? std::min(span.begin, begin) : begin;
    span.end = any ? std::max(span.end, end) : end;
    any = true;
  }
  return span;
}

Index most(const std::vector<Lattice>& lattices, LatticeAxis Lattice::*which) {
  Index count = 0;
  for (const Lattice& lattice : lattices) count = std::max(count, (lattice.*which).count);
  return count;
}

bool same_taps(const LatticeAxis& a, const LatticeAxis& b) {
  return a.in_step == b.in_step &&
         std::equal(a.taps.begin(), a.taps.end(), b.taps.begin(), b.taps.end(),
                    [](const auto& s, const auto& t) { return s.offset == t.offset; });
}

/** What one tile computes: a channel of a lattice. */
struct Member {
  Lattice lattice;
  Index channel = 0;
};

/** Members that are summed over the same inputs: channels of a lattice, and of a transposed convolution's
 * phases whose taps meet the same places (Shi et al., "Real-time single image and video super-resolution
 * using an efficient sub-pixel convolutional neural network", 2016). */
struct Set {
  std::vector<Member> members;
  /** That of the members, and the most points that any has. */
  Lattice lattice;
  std::shared_ptr<const AlignedBuffer> packed;
  /** [members][points of a tile]. */
  AlignedBuffer bias, slope;

  int size() const { return static_cast<int>(members.size()); }
};

std::vector<Set> sets_of(const std::vector<Lattice>& lattices, Index channels) {
  std::vector<Set> sets;
  for (const Lattice& lattice : lattices) {
    for (Index c = 0; c < channels; ++c) {
      const auto joins = [&](const Set& set) {
        return set.size() < kMaxDotOutputs && same_taps(set.lattice.z, lattice.z) &&
               same_taps(set.lattice.y, lattice.y) && same_taps(set.lattice.x, lattice.x);
      };
      auto set = std::find_if(sets.begin(), sets.end(), joins);
      if (set == sets.end()) set = sets.insert(sets.end(), Set{{}, lattice, nullptr, {}, {}});
      set->members.push_back({lattice, c});
      for (LatticeAxis Lattice::*axis : {&Lattice::z, &Lattice::y, &Lattice::x}) {
        (set->lattice.*axis).count = std::max((set->lattice.*axis).count, (lattice.*axis).count);
      }
    }
  }
  return sets;
}

class Dot final : public Executor {
 public:
  explicit Dot(const Problem& p)
      : kernels_(p.kernels),
        lattices_(lattices_of(p)),
        epilogue_(p.stage()),
        channels_(p.spec().in_channels),
        outputs_(p.spec().out_channels),
        pitch_(round_up(channels_, kPadding)),
        sets_(sets_of(lattices_, outputs_)),
        channels_last_(p.spec().channels_last),
        batch_(p.geometry.batch),
        in_(channels_last_, channels_, p.geometry.input),
        out_(channels_last_, outputs_, p.geometry.output),
        slices_(most(lattices_, &Lattice::z)),
        height_(most(lattices_, &Lattice::y)),
        columns_(span_of(lattices_, &Lattice::x, 0, most(lattices_, &Lattice::x))),
        zeros_(channels_) {
    for (std::size_t i = 0; i < sets_.size(); ++i) {
      Set& set = sets_[i];
      // Phases without taps of their own differ by what they lack, so the key names every member.
      std::string key = "dot";
      for (const Member& member : set.members)
        key += " " + lattice_key(member.lattice) + std::to_string(member.channel);
      set.packed = p.weights.packed(key, [&] { return pack(p.stage(), set); });
      spread(p.stage(), set);
      most_pointers_ = std::max(most_pointers_, set.lattice.tap_count() * points_of(set));
      most_taps_ = std::max(most_taps_, set.lattice.tap_count());
    }
    const Index step = lattices_.front().y.in_step;
    const Index row = columns_.size() * channels_ * 4 * step;
    rows_ = std::clamp<Index>(kStripBudget / std::max<Index>(row, 1), 1, std::max<Index>(height_, 1));
    // A strip's halo is copied again by its neighbour.
    if (!channels_last_) rows_ = std::min(std::max<Index>(rows_, 4), std::max<Index>(height_, 1));
    strips_ = ceil_div(height_, rows_);
    rows_ = ceil_div(height_, std::max<Index>(strips_, 1));
  }

  Index tasks(int) const override { return batch_ * slices_ * strips_; }

  void run(const Buffers& buffers, Index task, int, float* scratch) const override {
    const Index y0 = task % strips_ * rows_;
    task /= strips_;
    const Index z0 = task % slices_;
    const Index image = task / slices_;
    Scratch memory(scratch);
    Work work = take_work(memory);
    locate(buffers.input + image * in_.image, z0, y0, work);
    const Index map = image * out_.image;
    const Buffers at{nullptr, buffers.output + map,
                     buffers.residual == nullptr ? nullptr : buffers.residual + map};
    for (const Set& set : sets_) {
      if (z0 >= set.lattice.z.count) continue;
      const Index last = std::min(set.lattice.y.count, y0 + rows_);
      for (Index y = y0; y < last; ++y) run_row(set, z0, y, at, work);
    }
  }

  Index workspace_bytes() const override {
    Scratch measure;
    take_work(measure);
    return measure.used();
  }
  Index packed_bytes() const override {
    Index bytes = 0;
    for (const Set& set : sets_) bytes += set.packed->bytes();
    return bytes;
  }
  std::string tile() const override {
    return std::to_string(points_of(sets_.front())) + "x" + std::to_string(sets_.front().size());
  }

 private:
  /** Kernels load whole vectors of weights. */
  static constexpr Index kPadding = 16;

  struct Work {
    float* staged;
    Index* z_list;
    Index* y_list;
    Index* z_offset;  // by padded coordinate, from the span's begin; kOutside for zeros
    Index* y_offset;
    Index* x_offset;
    const float** rows;
    Index* run_start;
    const float* base = nullptr;
    Span z, y;
  };

  void spread(const Stage& stage, Set& set) const;
  int points_of(const Set& set) const { return kernels_.dot.points[set.size() - 1]; }
  /** [member][tap][channel, padded]. */
  AlignedBuffer pack(const Stage& stage, const Set& set) const;
  Work take_work(Scratch& scratch) const;
  void locate(const float* image, Index z0, Index y0, Work& w) const;
  struct Points {
    Index first = 0, count = 0, tile = 0;
  };
  Index point(const Lattice& lattice, Index z, Index y, const Points& points, Work& w) const;
  void run_row(const Set& set, Index z, Index y, const Buffers& map, Work& w) const;

  const KernelTable& kernels_;
  const std::vector<Lattice> lattices_;
  const EpilogueData epilogue_;
  const Index channels_, outputs_, pitch_;
  std::vector<Set> sets_;
  const bool channels_last_;
  const Index batch_;
  const MapStrides in_, out_;
  const Index slices_, height_;
  const Span columns_;
  AlignedBuffer zeros_;
  Index most_taps_ = 0, most_pointers_ = 0, rows_ = 1, strips_ = 1;
};

AlignedBuffer Dot::pack(const Stage& stage, const Set& set) const {
  const ConvSpec& spec = stage.spec;
  const WeightStrides stride(spec);
  AlignedBuffer packed(std::max<Index>(set.size() * set.lattice.tap_count() * pitch_, 1));
  float* to = packed.data();
  for (const Member& member : set.members) {
    const Lattice& lattice = member.lattice;
    for (const auto& z : lattice.z.taps) {
      for (const auto& y : lattice.y.taps) {
        for (const auto& x : lattice.x.taps) {
          const float* from = stage.weight.data() + member.channel * stride.out +
                              (z.kernel * spec.kernel.h + y.kernel) * spec.kernel.w + x.kernel;
          for (Index c = 0; c < channels_; ++c) to[c] = from[c * stride.in];
          to += pitch_;
        }
      }
    }
  }
  return packed;
}

/** Bias and slopes of a set's members along the lanes of their sums. */
void Dot::spread(const Stage& stage, Set& set) const {
  const Index points = points_of(set);
  set.bias = AlignedBuffer(kMaxDotSums);
  set.slope = AlignedBuffer(kMaxDotSums);
  for (Index j = 0; j < set.size(); ++j) {
    const auto channel = static_cast<std::size_t>(set.members[static_cast<std::size_t>(j)].channel);
    const std::vector<float>& slope = stage.spec.activation.slope;
    if (!stage.bias.empty()) std::fill_n(set.bias.data() + j * points, points, stage.bias[channel]);
    if (!slope.empty()) std::fill_n(set.slope.data() + j * points, points, slope[channel]);
  }
}

Dot::Work Dot::take_work(Scratch& scratch) const {
  // The widest strip; a later one has the same extent or less.
  const Index depth = span_of(lattices_, &Lattice::z, 0, 1).size();
  const Index height = span_of(lattices_, &Lattice::y, 0, rows_).size();
  Work w{};
  w.staged = scratch.take<float>(channels_last_ ? 0 : depth * height * columns_.size() * channels_);
  w.z_list = scratch.take<Index>(depth);
  w.y_list = scratch.take<Index>(height);
  w.z_offset = scratch.take<Index>(depth);
  w.y_offset = scratch.take<Index>(height);
  w.x_offset = scratch.take<Index>(columns_.size());
  w.rows = scratch.take<const float*>(most_pointers_);
  w.run_start = scratch.take<Index>(most_taps_);
  return w;
}

/** Fills the offset tables, and stages channels-first maps. */
void Dot::locate(const float* image, Index z0, Index y0, Work& w) const {
  const Lattice& any = lattices_.front();
  w.z = span_of(lattices_, &Lattice::z, z0, 1);
  w.y = span_of(lattices_, &Lattice::y, y0, rows_);
  const bool staged = !channels_last_;
  const Index x_stride = staged ? channels_ : in_.x;
  const Index y_stride = staged ? columns_.size() * x_stride : in_.y;
  const Index z_stride = staged ? w.y.size() * y_stride : in_.z;
  const auto fill = [&](const LatticeAxis& axis, const Span& span, Index stride, Index* to) {
    for (Index i = 0; i < span.size(); ++i) {
      const Index source = axis.source(span.begin + i);
      to[i] = source == LatticeAxis::kOutside ? source : (staged ? i : source) * stride;
    }
  };
  fill(any.z, w.z, z_stride, w.z_offset);
  fill(any.y, w.y, y_stride, w.y_offset);
  fill(any.x, columns_, x_stride, w.x_offset);
  w.base = image;
  if (!staged) return;
  for (Index i = 0; i < w.z.size(); ++i) w.z_list[i] = w.z.begin + i;
  for (Index i = 0; i < w.y.size(); ++i) w.y_list[i] = w.y.begin + i;
  const Region region{w.z_list, w.y_list, w.z.size(), w.y.size(), columns_.begin, columns_.size()};
  stage_region(any, region, image, in_, {0, channels_, 1, channels_}, kernels_, w.staged);
  w.base = w.staged;
}

/** Points of a row, a tile at a time; pointers past the last point repeat it. */
void Dot::run_row(const Set& set, Index z, Index y, const Buffers& map, Work& w) const {
  const Lattice& lattice = set.lattice;
  const LatticeAxis& x_axis = lattice.x;
  Epilogue epilogue = epilogue_.at(0);
  epilogue.bias = set.bias.data();
  epilogue.slope = set.slope.data();
  const int tile = points_of(set);
  DotOutput outputs[kMaxDotOutputs];
  Index counts[kMaxDotOutputs];
  for (int j = 0; j < set.size(); ++j) {
    const Member& member = set.members[static_cast<std::size_t>(j)];
    const Lattice& l = member.lattice;
    outputs[j].offset = (l.z.out_start + z * l.z.out_step) * out_.z +
                        (l.y.out_start + y * l.y.out_step) * out_.y + l.x.out_start * out_.x +
                        member.channel * out_.channel;
    counts[j] = z < l.z.count && y < l.y.count ? l.x.count : 0;
  }
  DotTile t;
  t.rows = w.rows;
  t.run_start = w.run_start;
  t.run_length = channels_;
  t.weight = set.packed->data();
  t.weight_output = lattice.tap_count() * pitch_;
  t.out = map.output;
  t.residual = map.residual;
  t.out_step = x_axis.out_step * out_.x;
  t.output = outputs;
  t.epilogue = &epilogue;
  for (Index x0 = 0; x0 < x_axis.count; x0 += tile) {
    for (int j = 0; j < set.size(); ++j) {
      outputs[j].points = static_cast<int>(std::clamp<Index>(counts[j] - x0, 0, tile));
    }
    t.runs = point(lattice, z, y, {x0, std::min<Index>(tile, x_axis.count - x0), tile}, w);
    kernels_.dot.tile[set.size() - 1](t);
    for (int j = 0; j < set.size(); ++j) outputs[j].offset += tile * t.out_step;
  }
}

/** Writes the tile's pointers, without the runs that meet only zeros; the runs that are left. */
Index Dot::point(const Lattice& lattice, Index z, Index y, const Points& points, Work& w) const {
  const LatticeAxis& x_axis = lattice.x;
  const Index taps = x_axis.tap_count();
  const bool inner = taps > 0 && x_axis.coordinate(points.first, 0) >= 0 &&
                     x_axis.coordinate(points.first + points.count - 1, taps - 1) < x_axis.in_size;
  Index runs = 0;
  Index start = 0;
  for (Index tz = 0; tz < lattice.z.tap_count(); ++tz) {
    const Index z_offset = w.z_offset[lattice.z.coordinate(z, tz) - w.z.begin];
    for (Index ty = 0; ty < lattice.y.tap_count(); ++ty, start += taps * pitch_) {
      const Index y_offset = w.y_offset[lattice.y.coordinate(y, ty) - w.y.begin];
      if ((z_offset | y_offset) < 0) continue;
      const float* row = w.base + z_offset + y_offset;
      for (Index tx = 0; tx < taps; ++tx) {
        const Index* x_offset = w.x_offset + (x_axis.coordinate(points.first, tx) - columns_.begin);
        const float** rows = w.rows + runs * points.tile;
        bool any = inner;
        if (inner) {
          const float* first = row + x_offset[0];
          const Index step = points.count > 1 ? x_offset[x_axis.in_step] - x_offset[0] : 0;
          for (Index i = 0; i < points.count; ++i) rows[i] = first + i * step;
        } else {
          for (Index i = 0; i < points.count; ++i) {
            const Index x = x_offset[i * x_axis.in_step];
            rows[i] = x < 0 ? zeros_.data() : row + x;
            any |= x >= 0;
          }
        }
        if (!any) continue;
        for (Index i = points.count; i < points.tile; ++i) rows[i] = rows[points.count - 1];
        w.run_start[runs++] = start + tx * pitch_;
      }
    }
  }
  return runs;
}

/**
 * Vector operations, as winograd_tiling.h counts them: what each sum takes across a vector's lanes, each tap
 * for its pointers, and each product, most of which is its input's load from two lines. Fitted over 68 layers
 * of 1 to 4 outputs, 8 to 128 inputs and 1 to 81 taps on 48x48, with vectors of 16 and of 8, to 20% of each;
 * tiles of more points have made three and four outputs faster than that since.
 */
double dot_cost(const Problem& p) {
  const double lanes = p.kernels.lanes;
  const auto vectors = static_cast<double>(ceil_div(p.spec().in_channels, p.kernels.lanes));
  double operations = 0;
  for (const Set& set : sets_of(lattices_of(p), p.spec().out_channels)) {
    const auto taps = static_cast<double>(set.lattice.tap_count());
    const double outputs = set.size();
    const double points = p.kernels.dot.points[set.size() - 1];
    const double product = 0.15 * lanes + 0.8 * outputs / points + 0.22 * outputs;
    const double point = 13.0 * outputs + taps * (1.2 + 16.0 / points + vectors * product);
    operations += point * static_cast<double>(set.lattice.points() * p.geometry.batch);
  }
  return operations;
}

}  // namespace

std::optional<Objection> refuse_dot(const Problem& p) {
  const ConvSpec& spec = p.spec();
  if (spec.groups > 1) return Objection{"serves no groups"};
  if (spec.out_channels > kMaxDotOutputs) {
    return Objection{"serves at most " + std::to_string(kMaxDotOutputs) + " output channels"};
  }
  if (spec.transposed && has_many_phases(spec, p.geometry)) return Objection{kManyPhases};
  const double cost = dot_cost(p);
  if (spec.transposed) {
    if (std::min(subpixel_cost(p, false), subpixel_cost(p, true)) < cost)
      return Objection{"would fill fewer lanes than phases as channels", true};
    return std::nullopt;
  }
  if (gemm_cost(p) < cost) return Objection{"has too few input channels for vectors of them to pay", true};
  if (folded_cost(p) < cost) return Objection{"would fill fewer lanes than folded columns", true};
  if (filtered_cost(p) < cost) return Objection{"would cost more than minimal filtering", true};
  return std::nullopt;
}

std::unique_ptr<const Executor> make_dot(const Problem& p) { return std::make_unique<Dot>(p); }

}  // namespace convolith
