#include <algorithm>
#include <cstdint>
#include <numeric>

#include "algorithms/depthwise_core.h"
#include "base/cpu.h"

namespace convolith {

namespace {

/** Rows of a window, of one vector of channels each, that stay in the second-level cache while other channels
 * pass. */
constexpr Index kSlideBudget = Index{256} << 10;
constexpr Index kMaxSlideColumns = 128;
/** Bytes of an image from which on its rows are not found in the second-level cache. */
constexpr Index kFarImage = Index{1} << 20;
/** Of a dilated layer: 160 channels of 56x56 and fewer gain nothing by what 192 do. */
constexpr Index kFarDilatedImage = Index{2} << 20;
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

DepthwiseCore::SlideAxis DepthwiseCore::slide_axis(const LatticeAxis& axis) {
  if (axis.taps.empty()) return {};
  if (axis.tap_count() == 1) return {1, axis.in_step, 1};
  const Index dilation = axis.spacing();
  if (dilation == 0) return {};
  const Index common = std::gcd(dilation, axis.in_step);
  return {dilation / common, axis.in_step / common, dilation};
}

bool DepthwiseCore::slides_as(const DepthwiseSlider& s) const {
  return (s.grouped != nullptr) == grouped_ && s.rows <= lattice_.y.count / slide_y_.phases &&
         lattice_.y.tap_count() == s.kernel && lattice_.x.tap_count() == s.kernel &&
         slide_y_.stride == s.stride && slide_x_.stride == s.stride;
}

const DepthwiseSlider* DepthwiseCore::choose_slider() const {
  if (slide_axis(lattice_.z).phases == 0 || slide_y_.phases == 0 || slide_x_.phases == 0) return nullptr;
  if (lattice_.x.count > kMostListedColumns) return nullptr;
  if (lattice_.z.tap_count() == 1) {
    for (const DepthwiseSlider& s : kernels_.depthwise.slider) {
      if (slides_as(s)) return &s;
    }
  }
  return grouped_ ? nullptr : choose_any_slider();
}

/**
 * Blocks of four rows meet six rows of input where two of two meet eight, and more of a column is at hand;
 * weights are made ready half as often. On Zen 5 3×3 takes 0.81 to 0.9 of the time by them on maps of 28 rows
 * and more, 5×5 0.84 to 0.97, 5×5 by a stride of 2 0.8 to 0.9, 2×2 0.82 to 1.0. On a Zen 4 and an Intel core
 * an earlier program gained nothing by three or four rows at once. Groups take as many rows as a table has,
 * and two for what is left: of 14 rows 0.88 to 0.96 of the time of a fourth block of four.
 */
const DepthwiseSlider* DepthwiseCore::choose_tall_slider() const {
  if (slider_->any()) return nullptr;
  if (!grouped_) {
    if (cpu_family() != CpuFamily::amd || epilogue_.at(0).op != ActivationOp::clip) return nullptr;
    if (fills_few_sets() || loses_by_four_rows()) return nullptr;
  }
  for (const DepthwiseSlider& s : kernels_.depthwise.slider) {
    if (slides_as(s) && s.rows > slider_->rows) return &s;
  }
  return nullptr;
}

/**
 * 3×3 by a stride of 2 of channels that are whole fours of vectors, which two rows have together, or no whole
 * vectors: four rows would take 1.02 to 1.14 of the time of 64, 128 and 256 channels, 1.06 to 1.19 of 72 and
 * 116. They take 0.9 of 48 and 96, 0.92 of 32 and 144 (on 31x31 1.03), 0.87 of 480, 0.96 of 240.
 */
bool DepthwiseCore::loses_by_four_rows() const {
  const Index vector = kernels_.lanes;
  const bool fours = channels_ % vector != 0 || channels_ % (4 * vector) == 0;
  return slider_->kernel == 3 && slider_->stride == 2 && fours;
}

/** Whether all columns of a vector of channels lie 2 KiB apart or a multiple, in 2 of the 64 sets of the
 * first-level cache: four vectors together then gain more than four rows. */
bool DepthwiseCore::fills_few_sets() const {
  return kernels_.lanes == kLineFloats && slider_->kernel == 3 && !staged_ &&
         in_.x * slide_x_.step % 512 == 0;
}

void DepthwiseCore::plan_walks() {
  tall_slider_ = choose_tall_slider();
  const bool far = !staged_ && in_.image * 4 > kFarImage;
  far_ = far && slide_y_.phases == 1 && slide_x_.phases == 1;
  const Index column = lattice_.z.tap_count() * window(tallest()) * slide_x_.stride * channels_ * 4;
  slide_columns_ = std::clamp(kSlideBudget / column, kMinSlideColumns, kMaxSlideColumns);
  if (!cpu_is_amd() && !grouped_ && !slider_->any() && slider_->kernel <= 3 && channels_ > kLineFloats) {
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

/** Whether a row's last channels may share a vector with the next pixel's first. */
bool DepthwiseCore::may_run_on() const {
  return !staged_ && lattice_.x.in_step == 1 && lattice_.x.count >= slide_x_.phases;
}

/** Floats of a row of padding that any piece may be walked in; none where no row is. */
Index DepthwiseCore::zero_row_floats() const {
  if (slider_ == nullptr || meets_no_padding(lattice_.y)) return 0;
  Index columns = 1;
  for (const Piece& piece : walk_.pieces) columns = std::max(columns, piece.met.end - piece.met.begin);
  const Index leads = may_run_on() ? 2 * kLeadColumns : 0;
  const Index pixel = staged_ ? input_channel(channels_) : in_.x;
  return ((columns - 1 + leads) * slide_x_.step + 1) * pixel + kernels_.lanes;
}

bool DepthwiseCore::slides(const Strip& strip) const {
  return slider_ != nullptr && strip.channels >= kernels_.lanes &&
         strip.rows / slide_y_.phases >= slider_->rows && slices_met(strip.z).count > 0;
}

/**
 * Rows of blocks, the last one moved back over its neighbour where it would stick out: some outputs are
 * computed twice, with the same result.
 */
void DepthwiseCore::run_slides(const Strip& strip, const Source& source, const Target& target,
                               const Epilogue& epilogue, Work& w) const {
  const Slices met = slices_met(strip.z);
  const Index z = staged_ ? met.first : lattice_.z.source(lattice_.z.coordinate(strip.z, met.first));
  Source slice = source;
  slice.base += z * source.z_stride;
  if (!staged_) slice.z_stride *= lattice_.z.spacing();
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
  const bool agree = target.pixel * 4 % kib == 0 && source.x_stride * 4 % kib == 0 && apart % kib < kLine;
  t.lag = cpu_is_amd() && agree && !grouped_ && strip.channels % kernels_.lanes == 0 ? w.lag : nullptr;
  const bool alike = apart % kLine == 0;
  t.together = epilogue.op == ActivationOp::clip ? vectors_together(slice.x_stride, agree, alike) : 1;
  if (t.together > 1) t.lag = nullptr;
  // Where pixels are whole vectors, or pairs of pixels are, all begin as far from the next aligned one.
  const auto vector = static_cast<std::uintptr_t>(kernels_.lanes) * 4;
  const bool shifts_pay =
      slider_->any() ? slide_x_.stride > 1 && strip.channels >= kAlignedLine : slider_->shifts;
  const bool aligns = !grouped_ && shifts_pay && to % 4 == 0 && epilogue.op == ActivationOp::clip;
  const bool dense = aligns && t.lag == nullptr && may_run_on() && slice.x_stride == strip.channels &&
                     target.pixel == strip.channels;
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
    for (Index tile_y = 0; tile_y < rows;) {
      const bool tall =
          tall_slider_ != nullptr && rows >= tall_slider_->rows && rows - tile_y > slider_->rows;
      const DepthwiseSlider& slider = tall ? *tall_slider_ : *slider_;
      const Index y = phase_y + std::min(tile_y, rows - slider.rows) * slide_y_.phases;
      t.out = target.out + y * target.row;
      t.residual = target.residual == nullptr ? nullptr : target.residual + y * target.row;
      slide_rows(t, slice, {slider, met, w.y_offset + y * lattice_.y.in_step}, target.pixel, walk, shifts, w);
      tile_y += slider.rows;
    }
  }
}

/**
 * Where input and output begin differently in a vector, whether the input's count. A store that meets two
 * lines costs more than a load, but 3×3 by a stride of 2 has five loads for a store: 480 and 576 channels of
 * 14x14 take 0.82 of the time so, 144 of 31x31 1.05. 512 of 14x14 by a stride of 1 would take 1.28.
 */
bool DepthwiseCore::aligns_inputs() const {
  return slider_->any() || slider_->stride > 1 || slider_->kernel > 3;
}

/**
 * Two vectors at a time have their weights in memory. 3×3 by a stride of 1 has few loads beside them: 512
 * channels of 14x14 take 0.92 of the time so, 256 of 28x28 0.93, 128 of 17x17 1.03 and 144 of 28x28 1.06. By
 * a stride of 2 it is 0.82 of 576 and 192 channels, 0.9 of 64 of 112x112 and 0.95 of 5×5, of 2×2 0.85 of 256.
 * Of half a line each, as AVX2's, they spare loads of the same line: by a stride of 2 64 channels of 112x112
 * take 0.78 to 0.9 of the time, 144 and 240 0.86, 2×2 0.74 to 0.87; by 1 512 of 14x14 0.6 to 0.84, 128 of
 * 56x56 0.75 to 0.91, but 144 and 160 1.1.
 */
int DepthwiseCore::vectors_together(Index pixel, bool meets, bool alike) const {
  if (slider_->together == 1) return 1;
  const bool whole_line = kernels_.lanes == kLineFloats;
  if (whole_line && cpu_family() == CpuFamily::amd) return whole_vectors_together(pixel, alike);
  if (whole_line && cpu_halves_avx512()) return walks_halved_together(meets, alike) ? 2 : 1;
  const Index far_apart = whole_line ? 256 : 128;
  return slider_->kernel != 3 || slider_->stride > 1 || channels_ % far_apart == 0 ? 2 : 1;
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
 * Of whole lines that are computed at once, as on Zen 5. Four, of 3×3 by a stride of 2 (64 of 112x112 0.84 to
 * 0.9 of the time of two, 128 of 31x31 0.83, 128 of 56x56 0.81 to 0.94, 144 of 31x31 0.92, 96 of 112x112 0.92
 * to 1.0, 576 of 14x14 1.03), and if columns fill few sets (512 of 28x28 0.79 to 0.99, 1024 of 7x7 0.75 to
 * 0.9, 256 dilated by 2 0.84 to 1.04). Two, of 5×5 by 2 (0.9 to 1.0 of the time of one) and 2×2 (0.92 to
 * 1.0), if pixels lie 512 bytes apart or a multiple (256 of 28x28 0.65 to 1.0, 128 of 56x56 0.85 to 1.0), and
 * on maps that the second-level cache does not hold where input and output begin alike in a line (64 to 192
 * channels 0.93 to 0.99, otherwise up to 1.08) or columns are a dilation apart (192 and 320 of 56x56 by 2
 * 0.8).
 */
int DepthwiseCore::whole_vectors_together(Index pixel, bool alike) const {
  if (slider_->stride == 2) return slider_->kernel == 3 ? 4 : 2;
  if (fills_few_sets()) return 4;
  const bool leaps = slide_x_.phases > 1 && in_.image * 4 >= kFarDilatedImage;
  return slider_->kernel == 2 || pixel % 128 == 0 || leaps || (far_ && alike) ? 2 : 1;
}

/** From `p` to the next aligned vector. */
int DepthwiseCore::floats_to_vector(const float* p) const {
  const auto vector = static_cast<std::uintptr_t>(kernels_.lanes) * 4;
  return static_cast<int>(((vector - reinterpret_cast<std::uintptr_t>(p) % vector) % vector) / 4);
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
      const Index window = (piece.outputs - 1) * slide.stride + lattice_.x.tap_count();
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
void DepthwiseCore::slide_rows(DepthwiseSlide& t, const Source& source, const Block& block, Index pixel,
                               const Walk& walk, bool shifts, Work& w) const {
  const auto& [slider, met, y_offset] = block;
  float* const out = t.out;
  const float* const residual = t.residual;
  t.rows = w.inputs;
  t.column_step = walk.axis.step * source.x_stride;
  const Index window = this->window(slider);
  t.pitch = y_offset[slide_y_.step] - y_offset[0];
  for (Index row = 0; row < window; ++row) {
    const Index y = y_offset[row * slide_y_.step];
    if (y < 0 || y != y_offset[0] + row * t.pitch) t.pitch = 0;
  }
  const Index last = y_offset[(window - 1) * slide_y_.step];
  t.ahead_row = in_.y;
  const bool brings = far_ && !cpu_is_amd();
  const float* const zeros = zeros_->data() + (may_run_on() ? kLeadColumns * t.column_step : 0);
  const bool runs_on = t.next.runs_on;
  const bool by_pairs = &walk == &pairs_;
  // Pixels are whole vectors, or pairs of pixels are: then the two differ.
  const float* const aligned = aligns_inputs() ? source.base : t.out;
  t.shift = shifts ? floats_to_vector(aligned) : 0;
  const auto in_line = reinterpret_cast<std::uintptr_t>(aligned + t.shift) % kLine;
  t.alone = pixel % kLineFloats == 0 && in_line >= static_cast<std::uintptr_t>(kernels_.lanes) * 4;
  for (const Piece& piece : walk.pieces) {
    const float* base = source.base + piece.met.place() * source.x_stride;
    if (slider.any()) {
      name_rows(t, {base, source.z_stride, source.x_stride}, block, zeros, w);
    } else {
      for (Index row = 0; row < window; ++row) {
        const Index y = y_offset[row * slide_y_.step];
        w.inputs[row] = y < 0 ? zeros : base + y;
      }
    }
    t.begin = piece.met.begin;
    t.end = piece.met.end;
    t.outputs = piece.outputs;
    t.ahead = brings && last >= 0 ? base + last + in_.y : nullptr;
    if (runs_on) t.next = piece.next;
    t.out = out + piece.point * pixel;
    t.residual = residual == nullptr ? nullptr : residual + piece.point * pixel;
    if (by_pairs) t.shift = floats_to_vector(t.out);
    if (grouped_) {
      slider.grouped(t, lanes_);
    } else if (by_pairs) {
      slider.pairs(t);
    } else {
      slider.slide(t);
    }
  }
}

}  // namespace convolith
