#include "algorithms/depthwise_core.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "base/cpu.h"

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

/** Rows of a window, of one vector of channels each, that stay in the second-level cache while other channels
 * pass. */
constexpr Index kSlideBudget = Index{256} << 10;
constexpr Index kMaxSlideColumns = 128;
/** Bytes of an image from which on its rows are not found in the second-level cache. */
constexpr Index kFarImage = Index{1} << 20;
/** Bytes of a cache line. */
constexpr std::uintptr_t kLine = 64;
constexpr Index kMinSlideColumns = 14;
/** Wider rows go line by line: the list of a row's pieces is part of the plan. */
constexpr Index kMostListedColumns = Index{1} << 15;
/**
 * Columns of 3×3 and less, of which all channels follow before the next ones. A row of one vector of channels
 * at a time meets every second line, or fewer, of as many streams as there are rows: 32 channels of 112x112
 * took 0.198 ms, now 0.166, 128 of 56x56 0.201 and 0.160, with AVX2 0.26 and 0.18, 0.27 and 0.19. Where the
 * second-level cache has the map, 256 channels of 28x28 gain 5% in two pieces, being so far apart that a row
 * fills few sets of the first-level cache; 200 channels lose 8% with AVX2. On AMD's cores
 * pieces take 1.06 to 1.3 of the time.
 */
constexpr Index kFarSlideColumns = 8;
constexpr Index kNearSlideColumns = 14;
constexpr Index kCollidingChannels = 128;

}  // namespace

bool packs_groups(const Problem& p, const Lattice& lattice) {
  const ConvSpec& spec = p.spec();
  const Index lanes = p.kernels.lanes;
  return spec.group_out() > 1 && spec.group_out() < lanes && lanes % spec.group_out() == 0 &&
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
      zeros_(p.spec().out_channels + p.kernels.lanes),
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
  const bool far = !staged_ && in_.image * 4 > kFarImage;
  far_ = far && slide_y_.phases == 1 && slide_x_.phases == 1;
  if (slider_ != nullptr) {
    const Index column = Index{slider_->window()} * slider_->stride * channels_ * 4;
    slide_columns_ = std::clamp(kSlideBudget / column, kMinSlideColumns, kMaxSlideColumns);
    if (!cpu_is_amd() && !grouped_ && slider_->kernel <= 3 && channels_ > kLineFloats) {
      const Index columns = ceil_div(lattice_.x.count, slide_x_.phases);
      const Index least = far ? kFarSlideColumns : kNearSlideColumns;
      // Between least and twice as many, none of them much shorter.
      if (far || channels_ % kCollidingChannels == 0)
        slide_columns_ = ceil_div(columns, std::max<Index>(columns / least, 1));
    }
    walk_ = walk_of(slide_x_);
    const bool pairs = slider_->pairs != nullptr && slide_x_.phases == 1 && slide_x_.step == 1 &&
                       channels_ % kernels_.lanes == kernels_.lanes / 2 && lattice_.x.count > 1;
    if (pairs) pairs_ = walk_of({2, 2, 1});
  }
}

DepthwiseCore::SlideAxis DepthwiseCore::slide_axis(const LatticeAxis& axis) {
  if (axis.taps.empty()) return {};
  if (axis.tap_count() == 1) return {1, axis.in_step, 1};
  const Index dilation = axis.spacing();
  if (dilation == 0) return {};
  const Index common = std::gcd(dilation, axis.in_step);
  return {dilation / common, axis.in_step / common, dilation};
}

const DepthwiseSlider* DepthwiseCore::choose_slider() const {
  if (lattice_.z.tap_count() != 1 || slide_y_.phases == 0 || slide_x_.phases == 0) return nullptr;
  if (lattice_.x.count > kMostListedColumns) return nullptr;
  for (const DepthwiseSlider& s : kernels_.depthwise.slider) {
    if ((s.grouped != nullptr) != grouped_) continue;
    if (lattice_.y.tap_count() == s.kernel && lattice_.x.tap_count() == s.kernel &&
        slide_y_.stride == s.stride && slide_x_.stride == s.stride &&
        lattice_.y.count / slide_y_.phases >= s.rows) {
      return &s;
    }
  }
  return nullptr;
}

std::string DepthwiseCore::tile() const {
  if (slider_ == nullptr) return "1x" + std::to_string(kLinePixels);
  return std::to_string(slider_->rows) + "x1";
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
      std::max<Index>(kMaxDepthwisePixels * lattice_.tap_count(), kMaxSliderWindow));
  w.out_offset = scratch.take<Index>(
      std::max<Index>(kMaxDepthwisePixels, lattice_.z.tap_count() * lattice_.y.tap_count()));
  w.lag = scratch.take<float>(slider_ == nullptr ? 0 : slide_columns_ * slider_->rows * kernels_.lanes);
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

bool DepthwiseCore::slides(const Strip& strip) const {
  return slider_ != nullptr && strip.channels >= kernels_.lanes &&
         strip.rows / slide_y_.phases >= slider_->rows &&
         lattice_.z.source(lattice_.z.coordinate(strip.z, 0)) != LatticeAxis::kOutside;
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

/**
 * Rows of blocks, the last one moved back over its neighbour where it would stick out: some outputs are
 * computed twice, with the same result.
 */
void DepthwiseCore::run_slides(const Strip& strip, const Source& source, const Target& target,
                               const Epilogue& epilogue, Work& w) const {
  const Index z = lattice_.z.source(lattice_.z.coordinate(strip.z, 0));
  Source slice = source;
  slice.base += (staged_ ? 0 : z) * source.z_stride;
  DepthwiseSlide t;
  t.weight = packed_->data() + strip.channel;
  t.weight_stride = weight_stride_;
  t.channels = strip.channels;
  t.epilogue = &epilogue;
  t.out_row = slide_y_.phases * target.row;
  const auto to = reinterpret_cast<std::uintptr_t>(target.out);
  // Where pixels lie whole KiB apart, a page holds the same channels again and again. Channels of input and
  // output that agree in those bits meet, which AMD's cores do not bear: the output's then lag by a vector.
  constexpr Index kib = 1024;
  const auto apart = reinterpret_cast<std::uintptr_t>(slice.base) - to;
  const bool meet = target.pixel * 4 % kib == 0 && source.x_stride * 4 % kib == 0 && apart % kib < kLine;
  t.lag = cpu_is_amd() && meet && !grouped_ && strip.channels % kernels_.lanes == 0 ? w.lag : nullptr;
  t.together = epilogue.op == ActivationOp::clip && walks_together(meet, apart % kLine == 0);
  if (t.together) t.lag = nullptr;
  // Where pixels are whole vectors, or pairs of pixels are, all begin as far from the next aligned one.
  const auto vector = static_cast<std::uintptr_t>(kernels_.lanes) * 4;
  const bool aligns = !grouped_ && slider_->shifts && to % 4 == 0 && epilogue.op == ActivationOp::clip;
  const bool dense = aligns && t.lag == nullptr && !staged_ && lattice_.x.in_step == 1 &&
                     slice.x_stride == strip.channels && target.pixel == strip.channels &&
                     lattice_.x.count >= slide_x_.phases;
  // Pairs are aligned where rows are whole pairs. Where every second pixel is aligned anyway they gain
  // nothing.
  const bool pairs = dense && !pairs_.pieces.empty() && strip.channels == channels_ &&
                     to % (vector / 2) != 0 && target.row % kernels_.lanes == 0;
  const bool whole = target.pixel % kernels_.lanes == 0 && strip.channels % kernels_.lanes == 0;
  const bool shifts = aligns && (whole || pairs);
  t.next.runs_on = dense && shifts;
  const Walk& walk = pairs ? pairs_ : walk_;
  t.out_step = walk.axis.phases * target.pixel;
  for (Index phase_y = 0; phase_y < slide_y_.phases; ++phase_y) {
    const Index rows = ceil_div(strip.rows - phase_y, slide_y_.phases);
    for (Index tile_y = 0; tile_y < rows; tile_y += slider_->rows) {
      const Index y = phase_y + std::min(tile_y, rows - slider_->rows) * slide_y_.phases;
      t.out = target.out + y * target.row;
      t.residual = target.residual == nullptr ? nullptr : target.residual + y * target.row;
      slide_rows(t, slice, w.y_offset + y * lattice_.y.in_step, target.pixel, walk, shifts, w);
    }
  }
}

/**
 * Where input and output begin differently in a vector, whether the input's count. A store that meets two
 * lines costs more than a load, but 3×3 by a stride of 2 has five loads for a store: 480 and 576 channels of
 * 14x14 take 0.82 of the time so, 144 of 31x31 1.05. 512 of 14x14 by a stride of 1 would take 1.28.
 */
bool DepthwiseCore::aligns_inputs() const { return slider_->stride > 1 || slider_->kernel > 3; }

/**
 * Two vectors at a time have their weights in memory. 3×3 by a stride of 1 has few loads beside them: 512
 * channels of 14x14 take 0.92 of the time so, 256 of 28x28 0.93, 128 of 17x17 1.03 and 144 of 28x28 1.06. By
 * a stride of 2 it is 0.82 of 576 and 192 channels, 0.9 of 64 of 112x112 and 0.95 of 5×5, of 2×2 0.85 of 256.
 * Of half a line each, as AVX2's, they spare loads of the same line: by a stride of 2 64 channels of 112x112
 * take 0.78 to 0.9 of the time, 144 and 240 0.86, 2×2 0.74 to 0.87; by 1 512 of 14x14 0.6 to 0.84, 128 of
 * 56x56 0.75 to 0.91, but 144 and 160 1.1.
 */
bool DepthwiseCore::walks_together(bool meets, bool alike) const {
  if (slider_->together == 1) return false;
  const bool whole_line = kernels_.lanes == kLineFloats;
  if (whole_line && cpu_is_amd()) {
    return cpu_halves_avx512() ? walks_halved_together(meets, alike) : walks_full_together(meets && alike);
  }
  const Index far_apart = whole_line ? 256 : 128;
  return slider_->kernel != 3 || slider_->stride > 1 || channels_ % far_apart == 0;
}

/**
 * Of whole lines that AMD's Zen 4 computes by halves, where input and output do not begin alike in one, so
 * that loads or stores meet two: 512 channels of 14x14 take 0.73 to 0.87 of the time, where they meet outputs
 * 0.64, 256 of 33x33 dilated by 2 0.74 to 0.91 and 0.66, 1024 of 7x7 0.55 to 0.74; 256 of 28x28 0.81 to 0.91
 * where they meet, 0.97 to 1.12 where not. Where both begin alike it is 1.04 to 1.32. By a stride of 2 it is
 * 0.99 to 1.13, 2×2 0.92 to 1.2.
 */
bool DepthwiseCore::walks_halved_together(bool meets, bool alike) const {
  if (alike || slider_->kernel != 3 || slider_->stride > 1 || channels_ % 256 != 0) return false;
  return meets || channels_ % 512 == 0 || slide_x_.phases > 1;
}

/**
 * The same where a vector is computed at once, as on Zen 5. Pixels of 512 bytes or a multiple: 3×3 by a
 * stride of 2 of 256 channels of 28x28 takes 0.77 to 1.05 of the time by arrays' places, of 512 of 14x14 0.81
 * to 0.93, 5×5 0.95, 2×2 0.67 to 0.92; by 1 256 of 14x14 0.75, 128 of 56x56 0.84 to 0.95, 128 dilated by 2
 * 0.63 to 0.82, but 384 of 14x14 1.02, and 512 of 14x14 at the same place of a page, where they may
 * lag, 1.12. Of other channels maps that the second-level cache does not hold, by a stride of 2: 64 and 96 of
 * 112x112 take 0.96; smaller ones 1.05 to 1.09.
 */
bool DepthwiseCore::walks_full_together(bool same_place) const {
  const bool slides_by_one = slider_->kernel == 3 && slider_->stride == 1;
  if (same_place && slides_by_one && channels_ % 256 == 0) return false;
  return channels_ % 128 == 0 || (far_ && slider_->kernel == 3 && slider_->stride == 2);
}

/** From `p` to the next aligned vector. */
int DepthwiseCore::floats_to_vector(const float* p) const {
  const auto vector = static_cast<std::uintptr_t>(kernels_.lanes) * 4;
  return static_cast<int>(((vector - reinterpret_cast<std::uintptr_t>(p) % vector) % vector) / 4);
}

/** Columns from lattice column `at` on: staged ones all exist. */
DepthwiseCore::Columns DepthwiseCore::columns_at(Index at, Index step, Index count) const {
  if (staged_) return {at, step, 0, count};
  const Index origin = at + lattice_.x.taps.front().offset;
  const Index begin = std::min(origin >= 0 ? 0 : ceil_div(-origin, step), count);
  return {origin, step, begin, std::clamp(ceil_div(lattice_.x.in_size - origin, step), begin, count)};
}

/**
 * The pieces that slides walk a row in, and phase by phase of each. Listed once a plan: what it takes to find
 * one, seven divisions at first, took as long as half a piece of 32 channels, and 8% without divisions.
 */
DepthwiseCore::Walk DepthwiseCore::walk_of(const SlideAxis& slide) const {
  Walk walk{slide, {}};
  const LatticeAxis& axis = lattice_.x;
  const Index phases = slide.phases, step = slide.step;
  const Index pieces = ceil_div(ceil_div(axis.count, slide_x_.phases), slide_columns_);
  for (Index i = 0; i < pieces; ++i) {
    for (Index phase = 0; phase < phases; ++phase) {
      const Index columns = ceil_div(axis.count - phase, phases);
      const Index first = columns * i / pieces;
      Piece piece;
      piece.outputs = columns * (i + 1) / pieces - first;
      if (piece.outputs == 0) continue;
      piece.point = phase + first * phases;
      const Index at = piece.point * axis.in_step;
      const Index window = (piece.outputs - 1) * slide.stride + slider_->kernel;
      piece.met = columns_at(at, step, window);
      // The first pixel of all is the next one of a pixel that does not exist, of the last phase.
      const bool leads = first == 0 && phase == phases - 1;
      const Index lead = leads ? slide.stride : 0;
      const Columns next = columns_at(at + 1 - lead * step, step, lead + window);
      piece.next = {true, leads, next.begin - lead, next.end - lead,
                    std::min(piece.outputs, ceil_div(axis.count - 1 - piece.point, phases))};
      walk.pieces.push_back(piece);
    }
  }
  return walk;
}

/** One block of rows, piece by piece. */
void DepthwiseCore::slide_rows(DepthwiseSlide& t, const Source& source, const Index* y_offset, Index pixel,
                               const Walk& walk, bool shifts, Work& w) const {
  float* const out = t.out;
  const float* const residual = t.residual;
  t.rows = w.inputs;
  t.row_step = w.out_offset;
  const int window = slider_->window();
  t.pitch = y_offset[slide_y_.step] - y_offset[0];
  for (int row = 0; row < window; ++row) {
    const Index y = y_offset[row * slide_y_.step];
    w.out_offset[row] = y < 0 ? 0 : walk.axis.step * source.x_stride;
    if (y < 0 || y != y_offset[0] + row * t.pitch) t.pitch = 0;
  }
  const Index last = y_offset[(window - 1) * slide_y_.step];
  t.ahead_row = in_.y;
  const bool runs_on = t.next.runs_on;
  const bool by_pairs = &walk == &pairs_;
  // Pixels are whole vectors, or pairs of pixels are: then the two differ.
  const float* const aligned = aligns_inputs() ? source.base : t.out;
  t.shift = shifts ? floats_to_vector(aligned) : 0;
  const auto in_line = reinterpret_cast<std::uintptr_t>(aligned + t.shift) % kLine;
  t.alone = pixel % kLineFloats == 0 && in_line >= static_cast<std::uintptr_t>(kernels_.lanes) * 4;
  for (const Piece& piece : walk.pieces) {
    const float* base = source.base + piece.met.place() * source.x_stride;
    for (int row = 0; row < window; ++row) {
      const Index y = y_offset[row * slide_y_.step];
      w.inputs[row] = y < 0 ? zeros_.data() : base + y;
    }
    t.begin = piece.met.begin;
    t.end = piece.met.end;
    t.outputs = piece.outputs;
    t.ahead = far_ && last >= 0 ? base + last + in_.y : nullptr;
    if (runs_on) t.next = piece.next;
    t.out = out + piece.point * pixel;
    t.residual = residual == nullptr ? nullptr : residual + piece.point * pixel;
    if (by_pairs) t.shift = floats_to_vector(t.out);
    if (grouped_) {
      slider_->grouped(t, lanes_);
    } else if (by_pairs) {
      slider_->pairs(t);
    } else {
      slider_->slide(t);
    }
  }
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
    for (Index x0 = 0; x0 < x_axis.count; x0 += kMaxDepthwisePixels) {
      const int pixels = static_cast<int>(std::min<Index>(kMaxDepthwisePixels, x_axis.count - x0));
      const float** inputs = w.inputs;
      for (int i = 0; i < pixels; ++i) {
        for (Index tz = 0; tz < lattice_.z.tap_count(); ++tz) {
          const Index z = lattice_.z.source(lattice_.z.coordinate(strip.z, tz));
          const Index z_offset = z < 0 ? z : (staged_ ? tz : z) * source.z_stride;
          for (Index ty = 0; ty < y_axis.tap_count(); ++ty) {
            const Index y_offset = w.y_offset[y_axis.coordinate(strip.y0 + y, ty) - y_begin];
            const Index zy = (z_offset | y_offset) < 0 ? -1 : z_offset + y_offset;
            for (Index tx = 0; tx < x_axis.tap_count(); ++tx) {
              const Index x_offset = w.x_offset[x_axis.coordinate(x0 + i, tx) - x_begin];
              *inputs++ = (zy | x_offset) < 0 ? zeros_.data() : source.base + zy + x_offset;
            }
          }
        }
        w.out_offset[i] = y * target.row + (x0 + i) * target.pixel;
      }
      kernels_.depthwise.tile[pixels - 1](t);
    }
  }
}

}  // namespace convolith
