#include "algorithms/depthwise_core.h"

#include <algorithm>
#include <cstdint>

namespace convolith {

namespace {

Index span(const LatticeAxis& axis) {
  return axis.taps.empty() ? 1 : axis.taps.back().offset - axis.taps.front().offset + 1;
}

AlignedBuffer pack_taps(const Stage& stage, const Lattice& lattice, Index stride) {
  const ConvSpec& spec = stage.spec;
  const Index kernel_taps = spec.kernel.volume();
  AlignedBuffer packed(std::max<Index>(spec.group_in() * lattice.tap_count() * stride, 1));
  float* to = packed.data();
  for (Index i = 0; i < spec.group_in(); ++i) {
    for (const auto& z : lattice.z.taps) {
      for (const auto& y : lattice.y.taps) {
        for (const auto& x : lattice.x.taps) {
          const Index tap = (z.kernel * spec.kernel.h + y.kernel) * spec.kernel.w + x.kernel;
          const float* from = stage.weight.data() + i * kernel_taps + tap;
          for (Index c = 0; c < spec.out_channels; ++c) to[c] = from[c * spec.group_in() * kernel_taps];
          to += stride;
        }
      }
    }
  }
  return packed;
}

/** Input rows that `points` output points of an axis meet. */
Index rows_met(const LatticeAxis& axis, Index points) {
  return std::min((points - 1) * axis.in_step + span(axis), points * axis.tap_count());
}

}  // namespace

bool packs_groups(const Problem& p, const Lattice& lattice) {
  const ConvSpec& spec = p.spec();
  const Index lanes = p.kernels.lanes;
  return spec.group_out() > 1 && spec.group_out() <= lanes && lanes % spec.group_out() == 0 &&
         spec.group_in() <= spec.group_out() && spec.out_channels >= lanes &&
         DepthwiseCore::slide_axis(lattice.x).phases > 0;
}

DepthwiseCore::DepthwiseCore(const Problem& p, const Lattice& lattice)
    : kernels_(p.kernels),
      lattice_(lattice),
      epilogue_(p.stage()),
      channels_(p.spec().out_channels),
      group_in_(p.spec().group_in()),
      group_out_(p.spec().group_out()),
      in_(p.spec().channels_last, p.spec().in_channels, p.geometry.input),
      grouped_(packs_groups(p, lattice)),
      weight_stride_(round_up(p.spec().out_channels, 16) + 16),
      slide_y_(slide_axis(lattice.y)),
      slide_x_(slide_axis(lattice.x)) {
  packed_ = p.weights.packed("depthwise " + lattice_key(lattice),
                             [&] { return pack_taps(p.stage(), lattice_, weight_stride_); });
  slider_ = choose_slider();
  staged_ = !p.spec().channels_last || p.spec().padding_mode != PaddingMode::zeros;
  if (grouped_) {
    for (Index i = 0; i < group_in_; ++i) {
      for (Index lane = 0; lane < kernels_.lanes; ++lane) {
        from_.push_back(static_cast<std::int32_t>(lane / group_out_ * group_in_ + i));
      }
    }
    lanes_ = {group_in_, group_out_, from_.data(), lattice_.tap_count() * weight_stride_};
    // A line of groups has no pixel kernel for its ends.
    const bool whole_lines = slider_ != nullptr || meets_no_padding(lattice_.x);
    staged_ = staged_ || !whole_lines || p.geometry.input.d > 1 || p.geometry.output.d > 1;
  } else {
    staged_ = staged_ || group_out_ > 1;
  }
  if (slider_ != nullptr) plan_walks();
  // The phases of a transposed layer share them.
  const Index zeros = std::max(channels_ + kernels_.lanes, zero_row_floats());
  zeros_ = p.weights.packed("zeros " + std::to_string(zeros), [zeros] { return AlignedBuffer(zeros); });
}

std::string DepthwiseCore::tile() const {
  if (slider_ == nullptr) return "1x" + std::to_string(kLinePixels);
  return std::to_string(tallest().rows) + "x1";
}

Index DepthwiseCore::input_bytes_a_row() const {
  return ((lattice_.x.count - 1) * lattice_.x.in_step + span(lattice_.x)) * 4;
}

DepthwiseCore::Work DepthwiseCore::take_work(Scratch& scratch, Index rows, Index channels) const {
  const Index range = (rows - 1) * lattice_.y.in_step + span(lattice_.y);
  const Index columns = (lattice_.x.count - 1) * lattice_.x.in_step + span(lattice_.x);
  Work w;
  w.staged = scratch.take<float>(
      staged_ ? lattice_.z.tap_count() * rows_met(lattice_.y, rows) * columns * channels : 0);
  w.z_list = scratch.take<Index>(lattice_.z.tap_count());
  w.y_list = scratch.take<Index>(rows_met(lattice_.y, rows));
  w.y_offset = scratch.take<Index>(range);
  w.x_offset = scratch.take<Index>(columns);
  w.inputs = scratch.take<const float*>(
      std::max(kMaxDepthwisePixels * lattice_.tap_count(),
               slider_ == nullptr ? 0 : lattice_.z.tap_count() * window(tallest())));
  w.out_offset = scratch.take<Index>(
      std::max<Index>(kMaxDepthwisePixels, lattice_.z.tap_count() * lattice_.y.tap_count()));
  w.runs =
      scratch.take<TapRun>(slider_ == nullptr || !slider_->any()
                               ? 0
                               : lattice_.z.tap_count() * std::min(slide_y_.stride, lattice_.y.tap_count()));
  w.lag = scratch.take<float>(slider_ == nullptr ? 0 : slide_columns_ * tallest().rows * kernels_.lanes);
  return w;
}

/** Fills the offset tables, and the staged rows where there are any. */
DepthwiseCore::Source DepthwiseCore::locate(const Strip& strip, const float* image, Work& w) const {
  const LatticeAxis& z = lattice_.z;
  const LatticeAxis& y = lattice_.y;
  const LatticeAxis& x = lattice_.x;
  const Index range = (strip.rows - 1) * y.in_step + span(y);
  const Index height = rows_met(y, strip.rows);
  const Index y_begin = y.taps.empty() ? 0 : y.coordinate(strip.y0, 0);
  const Index x_begin = x.taps.empty() ? 0 : x.taps.front().offset;
  const Index columns = (x.count - 1) * x.in_step + span(x);
  const Index pitch = input_channel(strip.channels);
  const Index x_stride = staged_ ? pitch : in_.x;
  const Index y_stride = staged_ ? columns * x_stride : in_.y;
  const Index z_stride = staged_ ? height * y_stride : in_.z;
  for (Index i = 0; i < columns; ++i) {
    const Index source = x.source(x_begin + i);
    w.x_offset[i] = source < 0 ? source : (staged_ ? i : source) * x_stride;
  }
  if (!staged_ || height == range) {
    for (Index i = 0; i < range; ++i) {
      const Index source = y.source(y_begin + i);
      w.y_offset[i] = source < 0 ? source : (staged_ ? i : source) * y_stride;
      if (staged_) w.y_list[i] = y_begin + i;
    }
  } else {
    // A large dilation spans more rows than it meets: one list of rows a tap.
    for (Index t = 0; t < y.tap_count(); ++t) {
      for (Index i = 0; i < strip.rows; ++i) {
        const Index at = y.coordinate(strip.y0 + i, t);
        const Index row = t * strip.rows + i;
        w.y_list[row] = at;
        w.y_offset[at - y_begin] = y.source(at) < 0 ? LatticeAxis::kOutside : row * y_stride;
      }
    }
  }
  if (!staged_) return {image + input_channel(strip.channel), z_stride, x_stride};
  for (Index t = 0; t < z.tap_count(); ++t) w.z_list[t] = z.coordinate(strip.z, t);
  const Region region{w.z_list, w.y_list, z.tap_count(), height, x_begin, columns};
  // A strip's channels are whole groups.
  StagedChannels channels{input_channel(strip.channel), pitch, 1, pitch};
  if (!grouped_) channels = {strip.channel / group_out_, strip.channels / group_out_, group_out_, pitch};
  stage_region(lattice_, region, image, in_, channels, kernels_, w.staged);
  return {w.staged, z_stride, x_stride};
}

void DepthwiseCore::run(const Strip& strip, const float* image, const Target& target, Work& w) const {
  const Source source = locate(strip, image, w);
  const Epilogue epilogue = epilogue_.at(strip.channel);
  if (slides(strip)) {
    run_slides(strip, source, target, epilogue, w);
  } else if (lines_up(strip)) {
    run_lines(strip, source, target, epilogue, w);
  } else {
    run_pixels(strip, source, target, epilogue, w);
  }
}

/** Columns from lattice column `at` on: staged ones all exist. */
DepthwiseCore::Columns DepthwiseCore::columns_at(Index at, Index step, Index count) const {
  if (staged_) return {at, step, 0, count};
  const Index origin = at + lattice_.x.taps.front().offset;
  const Index begin = std::min(origin >= 0 ? 0 : ceil_div(-origin, step), count);
  return {origin, step, begin, std::clamp(ceil_div(lattice_.x.in_size - origin, step), begin, count)};
}

bool DepthwiseCore::lines_up(const Strip& strip) const {
  return grouped_ || (slide_x_.phases > 0 && strip.channels >= kernels_.lanes);
}

/** Any kernel whose taps are evenly apart: a row of outputs at a time. */
void DepthwiseCore::run_lines(const Strip& strip, const Source& source, const Target& target,
                              const Epilogue& epilogue, Work& w) const {
  const LatticeAxis& z_axis = lattice_.z;
  const LatticeAxis& y_axis = lattice_.y;
  DepthwiseLine t;
  t.rows = w.inputs;
  t.row_tap = w.out_offset;
  t.row_taps = lattice_.x.tap_count();
  t.weight = packed_->data() + strip.channel;
  t.weight_stride = weight_stride_;
  t.channels = strip.channels;
  t.epilogue = &epilogue;
  const Index y_begin = y_axis.taps.empty() ? 0 : y_axis.coordinate(strip.y0, 0);
  for (Index y = 0; y < strip.rows; ++y) {
    t.row_count = 0;
    for (Index tz = 0; tz < z_axis.tap_count(); ++tz) {
      const Index z = z_axis.source(z_axis.coordinate(strip.z, tz));
      if (z < 0) continue;
      for (Index ty = 0; ty < y_axis.tap_count(); ++ty) {
        const Index y_offset = w.y_offset[y_axis.coordinate(strip.y0 + y, ty) - y_begin];
        if (y_offset < 0) continue;
        w.inputs[t.row_count] = source.base + (staged_ ? tz : z) * source.z_stride + y_offset;
        w.out_offset[t.row_count++] = (tz * y_axis.tap_count() + ty) * t.row_taps;
      }
    }
    run_line(t, source, target, y, w);
  }
}

/**
 * One row of outputs. Those of a dilated kernel are interleaved lines of one without dilation, where each is
 * long enough; strides of more than 2 share no columns worth it.
 */
void DepthwiseCore::run_line(DepthwiseLine& t, const Source& source, const Target& target, Index y,
                             Work& w) const {
  const LatticeAxis& axis = lattice_.x;
  const bool shares = !grouped_ && slide_x_.stride <= 2 && axis.count >= slide_x_.phases * (kLinePixels - 2);
  const Index phases = shares ? slide_x_.phases : 1;
  const Index step = shares ? slide_x_.step : 1;
  t.stride = shares ? slide_x_.stride : axis.in_step;
  t.spacing = shares ? 1 : slide_x_.step;
  t.column_step = step * source.x_stride;
  t.out_step = phases * target.pixel;
  const bool aligns = t.stride > 1 && t.channels >= kAlignedLine && source.x_stride % kernels_.lanes == 0;
  t.shift = aligns && t.row_count > 0 ? floats_to_vector(t.rows[0]) : 0;
  Index moved = 0;
  for (Index phase = 0; phase < phases; ++phase) {
    t.outputs = ceil_div(axis.count - phase, phases);
    if (t.outputs <= 0) return;
    const Columns met =
        columns_at(phase * axis.in_step, step, (t.outputs - 1) * t.stride + (t.row_taps - 1) * t.spacing + 1);
    t.begin = met.begin;
    t.end = met.end;
    const Index move = met.place() * source.x_stride - moved;
    for (Index r = 0; r < t.row_count; ++r) w.inputs[r] += move;
    moved += move;
    const Index at = y * target.row + phase * target.pixel;
    t.out = target.out + at;
    t.residual = target.residual == nullptr ? nullptr : target.residual + at;
    if (grouped_) {
      kernels_.depthwise.grouped_line(t, lanes_);
    } else {
      kernels_.depthwise.line[shares ? t.stride : 0](t);
    }
  }
}

/** Any layer, one pointer a pixel and tap: fewer channels than lanes, or taps that are not evenly apart. */
void DepthwiseCore::run_pixels(const Strip& strip, const Source& source, const Target& target,
                               const Epilogue& epilogue, Work& w) const {
  DepthwiseTile t;
  t.inputs = w.inputs;
  t.weight = packed_->data() + strip.channel;
  t.weight_stride = weight_stride_;
  t.taps = static_cast<int>(lattice_.tap_count());
  t.out = target.out;
  t.out_offset = w.out_offset;
  t.residual = target.residual;
  t.channels = strip.channels;
  t.epilogue = &epilogue;
  const LatticeAxis& y_axis = lattice_.y;
  const LatticeAxis& x_axis = lattice_.x;
  const Index y_begin = y_axis.taps.empty() ? 0 : y_axis.coordinate(strip.y0, 0);
  const Index x_begin = x_axis.taps.empty() ? 0 : x_axis.taps.front().offset;
  for (Index y = 0; y < strip.rows; ++y) {
    for (Index x0 = 0, tile = 0; x0 < x_axis.count; x0 += Index{1} << tile) {
      tile = largest_tile(x_axis.count - x0);
      const float** inputs = w.inputs;
      for (Index i = 0; i < Index{1} << tile; ++i) {
        for (Index tz = 0; tz < lattice_.z.tap_count(); ++tz) {
          const Index z = lattice_.z.source(lattice_.z.coordinate(strip.z, tz));
          const Index z_offset = z < 0 ? z : (staged_ ? tz : z) * source.z_stride;
          for (Index ty = 0; ty < y_axis.tap_count(); ++ty) {
            const Index y_offset = w.y_offset[y_axis.coordinate(strip.y0 + y, ty) - y_begin];
            const Index zy = (z_offset | y_offset) < 0 ? -1 : z_offset + y_offset;
            for (Index tx = 0; tx < x_axis.tap_count(); ++tx) {
              const Index x_offset = w.x_offset[x_axis.coordinate(x0 + i, tx) - x_begin];
              *inputs++ = (zy | x_offset) < 0 ? zeros_->data() : source.base + zy + x_offset;
            }
          }
        }
        w.out_offset[i] = y * target.row + (x0 + i) * target.pixel;
      }
      kernels_.depthwise.tile[tile](t);
    }
  }
}

}  // namespace convolith
