// Convolution to few output channels, standard or transposed by phases: input channels in the lanes.

#include <algorithm>

#include "algorithms/candidates.h"
#include "algorithms/epilogue_data.h"
#include "algorithms/lattice.h"
#include "algorithms/staging.h"
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

class Dot final : public Executor {
 public:
  explicit Dot(const Problem& p)
      : kernels_(p.kernels),
        lattices_(lattices_of(p)),
        epilogue_(p.stage()),
        channels_(p.spec().in_channels),
        outputs_(p.spec().out_channels),
        pitch_(round_up(channels_, kPadding)),
        pixels_(p.kernels.dot.pixels[outputs_ - 1]),
        channels_last_(p.spec().channels_last),
        batch_(p.geometry.batch),
        in_(channels_last_, channels_, p.geometry.input),
        out_(channels_last_, outputs_, p.geometry.output),
        slices_(most(lattices_, &Lattice::z)),
        height_(most(lattices_, &Lattice::y)),
        columns_(span_of(lattices_, &Lattice::x, 0, most(lattices_, &Lattice::x))),
        zeros_(channels_) {
    for (const Lattice& lattice : lattices_) {
      packed_.push_back(
          p.weights.packed("dot " + lattice_key(lattice), [&] { return pack(p.stage(), lattice); }));
      most_taps_ = std::max(most_taps_, lattice.tap_count());
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
    for (std::size_t i = 0; i < lattices_.size(); ++i) {
      const Lattice& lattice = lattices_[i];
      if (z0 >= lattice.z.count) continue;
      const Index last = std::min(lattice.y.count, y0 + rows_);
      for (Index y = y0; y < last; ++y) run_row(lattice, packed_[i]->data(), z0, y, at, work);
    }
  }

  Index workspace_bytes() const override {
    Scratch measure;
    take_work(measure);
    return measure.used();
  }
  Index packed_bytes() const override {
    Index bytes = 0;
    for (const auto& packed : packed_) bytes += packed->bytes();
    return bytes;
  }
  std::string tile() const override { return std::to_string(pixels_) + "x" + std::to_string(outputs_); }

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

  /** [output][tap][channel, padded]. */
  AlignedBuffer pack(const Stage& stage, const Lattice& lattice) const;
  Work take_work(Scratch& scratch) const;
  void locate(const float* image, Index z0, Index y0, Work& w) const;
  void run_row(const Lattice& lattice, const float* weight, Index z, Index y, const Buffers& map,
               Work& w) const;

  const KernelTable& kernels_;
  const std::vector<Lattice> lattices_;
  const EpilogueData epilogue_;
  const Index channels_, outputs_, pitch_;
  const int pixels_;
  const bool channels_last_;
  const Index batch_;
  const MapStrides in_, out_;
  const Index slices_, height_;
  const Span columns_;
  AlignedBuffer zeros_;
  std::vector<std::shared_ptr<const AlignedBuffer>> packed_;
  Index most_taps_ = 0, rows_ = 1, strips_ = 1;
};

AlignedBuffer Dot::pack(const Stage& stage, const Lattice& lattice) const {
  const ConvSpec& spec = stage.spec;
  const Index taps = spec.kernel.volume();
  const Index in_step = spec.transposed ? outputs_ * taps : taps;
  const Index out_step = spec.transposed ? taps : channels_ * taps;
  AlignedBuffer packed(std::max<Index>(outputs_ * lattice.tap_count() * pitch_, 1));
  float* to = packed.data();
  for (Index j = 0; j < outputs_; ++j) {
    for (const auto& z : lattice.z.taps) {
      for (const auto& y : lattice.y.taps) {
        for (const auto& x : lattice.x.taps) {
          const float* from = stage.weight.data() + j * out_step +
                              (z.kernel * spec.kernel.h + y.kernel) * spec.kernel.w + x.kernel;
          for (Index c = 0; c < channels_; ++c) to[c] = from[c * in_step];
          to += pitch_;
        }
      }
    }
  }
  return packed;
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
  w.rows = scratch.take<const float*>(most_taps_ * pixels_);
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

/** Points of a row, `pixels_` at a time; pointers past the last point repeat it. */
void Dot::run_row(const Lattice& lattice, const float* weight, Index z, Index y, const Buffers& map,
                  Work& w) const {
  const LatticeAxis& x_axis = lattice.x;
  const Epilogue epilogue = epilogue_.at(0);
  const Index out_row = (lattice.z.out_start + z * lattice.z.out_step) * out_.z +
                        (lattice.y.out_start + y * lattice.y.out_step) * out_.y + x_axis.out_start * out_.x;
  DotTile t;
  t.rows = w.rows;
  t.run_start = w.run_start;
  t.run_length = channels_;
  t.weight = weight;
  t.weight_output = lattice.tap_count() * pitch_;
  t.out_step = x_axis.out_step * out_.x;
  t.out_channel = out_.channel;
  t.epilogue = &epilogue;
  const Index taps = x_axis.tap_count();
  for (Index x0 = 0; x0 < x_axis.count; x0 += pixels_) {
    t.pixels = static_cast<int>(std::min<Index>(pixels_, x_axis.count - x0));
    const Index last = x0 + t.pixels - 1;
    const bool inner =
        taps > 0 && x_axis.coordinate(x0, 0) >= 0 && x_axis.coordinate(last, taps - 1) < x_axis.in_size;
    t.runs = 0;
    Index start = 0;
    for (Index tz = 0; tz < lattice.z.tap_count(); ++tz) {
      const Index z_offset = w.z_offset[lattice.z.coordinate(z, tz) - w.z.begin];
      for (Index ty = 0; ty < lattice.y.tap_count(); ++ty, start += taps * pitch_) {
        const Index y_offset = w.y_offset[lattice.y.coordinate(y, ty) - w.y.begin];
        if ((z_offset | y_offset) < 0) continue;
        const float* row = w.base + z_offset + y_offset;
        for (Index tx = 0; tx < taps; ++tx) {
          const Index* x_offset = w.x_offset + (x_axis.coordinate(x0, tx) - columns_.begin);
          const float** rows = w.rows + t.runs * pixels_;
          bool any = inner;
          if (inner) {
            const float* first = row + x_offset[0];
            const Index step = t.pixels > 1 ? x_offset[x_axis.in_step] - x_offset[0] : 0;
            for (int i = 0; i < t.pixels; ++i) rows[i] = first + i * step;
          } else {
            for (int i = 0; i < t.pixels; ++i) {
              const Index x = x_offset[i * x_axis.in_step];
              rows[i] = x < 0 ? zeros_.data() : row + x;
              any |= x >= 0;
            }
          }
          if (!any) continue;
          for (int i = t.pixels; i < pixels_; ++i) rows[i] = rows[t.pixels - 1];
          w.run_start[t.runs++] = start + tx * pitch_;
        }
      }
    }
    t.out = map.output + out_row + x0 * t.out_step;
    t.residual = map.residual == nullptr ? nullptr : map.residual + out_row + x0 * t.out_step;
    kernels_.dot.tile[outputs_ - 1](t);
  }
}

}  // namespace

std::optional<Objection> refuse_dot(const Problem& p) {
  const ConvSpec& spec = p.spec();
  if (spec.groups > 1) return Objection{"serves no groups"};
  if (spec.out_channels > kMaxDotOutputs) {
    return Objection{"serves at most " + std::to_string(kMaxDotOutputs) + " output channels"};
  }
  // A product fills out_channels of a vector's lanes, this fills in_channels, less the sum across them: about
  // five operations a vector of sums.
  const Index lanes = p.kernels.lanes;
  const double vectors = static_cast<double>(ceil_div(spec.in_channels, lanes) * spec.kernel.volume());
  const double filled =
      static_cast<double>(spec.in_channels) / static_cast<double>(round_up(spec.in_channels, lanes));
  const double here = 0.8 * filled * vectors / (vectors + 5.0);
  const double product = static_cast<double>(spec.out_channels) / static_cast<double>(lanes);
  if (here < product) return Objection{"has too few input channels for vectors of them to pay", true};
  return std::nullopt;
}

std::unique_ptr<const Executor> make_dot(const Problem& p) { return std::make_unique<Dot>(p); }

}  // namespace convolith
