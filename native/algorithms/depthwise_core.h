#pragma once

#include <string>

#include "algorithms/algorithm.h"
#include "algorithms/epilogue_data.h"
#include "algorithms/lattice.h"
#include "algorithms/staging.h"
#include "base/arena.h"

namespace convolith {

/** Whether some groups of a problem, or one, fill a vector, as the kernels over GroupLanes have them. */
bool packs_groups(const Problem& problem, const Lattice& lattice);

/** Channels from which on lines by strides of more than 1 begin with an aligned vector: on Zen 5 7x7 by 2 of
 * 128 takes 0.91 of the time, 5 taps by 2 of 256 0.78, 11x11 by 2 of 576 0.80 (AVX2 0.96, 1.0, 0.87), but of
 * 64 channels, of which one vector in four is then computed twice, 1.05. By a stride of 1 it is 0.95 to 1.06.
 */
inline constexpr Index kAlignedLine = 128;

/**
 * Depthwise convolution of a strip of output rows, channels last in the lanes; of groups of few channels too.
 * Shared by the depthwise algorithm, which writes maps, and by the separable one, whose pointwise product
 * reads the strip from cache.
 */
class DepthwiseCore {
 public:
  /** An axis whose taps are evenly apart, as `phases` interleaved axes without dilation: output phase + i *
   * phases meets window places i * stride to i * stride + taps - 1, `step` apart in the input. */
  struct SlideAxis {
    Index phases = 0, stride = 0, step = 0;
  };

  static SlideAxis slide_axis(const LatticeAxis& axis);

  DepthwiseCore(const Problem& problem, const Lattice& lattice);

  /** Rows [y0, y0 + rows) of slice `z` of one image, `count` channels from output channel `channel`. */
  struct Strip {
    Index z = 0, y0 = 0, rows = 0, channel = 0, channels = 0;
  };
  /** Where the strip goes: pixel (y - y0, x) of channel c at out[(y - y0) * row + x * pixel + c - channel].
   */
  struct Target {
    float* out = nullptr;
    const float* residual = nullptr;
    Index row = 0, pixel = 0;
  };
  struct Work {
    float* staged = nullptr;
    Index* z_list = nullptr;
    Index* y_list = nullptr;
    // Of the rows and columns of the window that the strip meets, by padded coordinate; kOutside for zeros.
    Index* y_offset = nullptr;
    Index* x_offset = nullptr;
    const float** inputs = nullptr;
    Index* out_offset = nullptr;
    float* lag = nullptr;
    TapRun* runs = nullptr;
  };

  /** `image`: the input of one image. */
  void run(const Strip& strip, const float* image, const Target& target, Work& work) const;
  /** Scratch of strips of at most `rows` rows and `channels` channels. */
  Work take_work(Scratch& scratch, Index rows, Index channels) const;

  Index packed_bytes() const { return packed_->bytes(); }
  Index input_bytes_a_row() const;
  /** A strip's rows are best a multiple of this. */
  Index rows_together() const { return slider_ == nullptr ? 1 : tallest().rows * slide_y_.phases; }
  /** Strips of fewer rows are no slides, whose sums may differ in the last bit. */
  Index least_rows() const { return slider_ == nullptr ? 1 : slider_->rows * slide_y_.phases; }
  const Lattice& lattice() const { return lattice_; }
  std::string tile() const;

 private:
  /** A strip's input once located: the map itself, or its staged rows. */
  struct Source {
    const float* base = nullptr;
    Index z_stride = 0, x_stride = 0;
  };
  /** Where a strip's first input channel is; of one group's inputs, and of as many as it has outputs. */
  Index input_channel(Index channel) const { return grouped_ ? channel / group_out_ * group_in_ : channel; }
  /** Columns of the input, `step` apart from `origin` on, of which only [begin, end) exist. */
  struct Columns {
    Index origin = 0, step = 1, begin = 0, end = 0;
    /** Of the first that exists. */
    Index place() const { return origin + begin * step; }
  };
  Columns columns_at(Index at, Index step, Index count) const;
  /** Output columns of a phase that a slide walks: `outputs` of them from `point` on. */
  struct Piece {
    Index point = 0, outputs = 0;
    Columns met;
    DepthwiseSlide::NextPixel next;
  };
  /** Output columns of which every `phases`th is a slide of its own. */
  struct Walk {
    SlideAxis axis;
    std::vector<Piece> pieces;
  };
  Walk walk_of(const SlideAxis& axis) const;
  Source locate(const Strip& strip, const float* image, Work& work) const;
  bool slides_as(const DepthwiseSlider& slider) const;
  const DepthwiseSlider* choose_slider() const;
  const DepthwiseSlider* choose_any_slider() const;
  const DepthwiseSlider* choose_tall_slider() const;
  bool loses_by_four_rows() const;
  bool fills_few_sets() const;
  void plan_walks();
  bool may_run_on() const;
  /** Input rows that a block of a slider's rows meets. */
  Index window(const DepthwiseSlider& slider) const {
    return (slider.rows - 1) * slide_y_.stride + lattice_.y.tap_count();
  }
  const DepthwiseSlider& tallest() const { return tall_slider_ == nullptr ? *slider_ : *tall_slider_; }
  Index zero_row_floats() const;
  bool slides(const Strip& strip) const;
  /** Of a kernel: those from `first` on that meet the input. */
  struct Slices {
    Index first = 0, count = 0;
  };
  Slices slices_met(Index z) const;
  void run_slides(const Strip& strip, const Source& source, const Target& target, const Epilogue& epilogue,
                  Work& work) const;
  bool aligns_inputs() const;
  int vectors_together(Index pixel, bool meets, bool alike) const;
  bool walks_halved_together(bool meets, bool alike) const;
  int whole_vectors_together(Index pixel, bool alike) const;
  int floats_to_vector(const float* p) const;
  /** A block of rows: what computes them, and the input row of each row of its window. */
  struct Block {
    const DepthwiseSlider& slider;
    const Slices& met;
    const Index* y_offset = nullptr;
  };
  void name_rows(DepthwiseSlide& t, const Source& source, const Block& block, const float* zeros,
                 Work& work) const;
  void slide_rows(DepthwiseSlide& t, const Source& source, const Block& block, Index pixel, const Walk& walk,
                  bool shifts, Work& work) const;
  bool lines_up(const Strip& strip) const;
  void run_lines(const Strip& strip, const Source& source, const Target& target, const Epilogue& epilogue,
                 Work& work) const;
  void run_line(DepthwiseLine& t, const Source& source, const Target& target, Index y, Work& work) const;
  void run_pixels(const Strip& strip, const Source& source, const Target& target, const Epilogue& epilogue,
                  Work& work) const;

  const KernelTable& kernels_;
  const Lattice lattice_;
  const EpilogueData epilogue_;
  const Index channels_, group_in_, group_out_;
  const MapStrides in_;
  /** Several groups share a vector; otherwise a group has one input channel, copied once for each of its
   * outputs. */
  const bool grouped_;
  /** Channels first, an input channel that serves several output channels, or a padding that is not zeros:
   * copied into scratch. */
  bool staged_ = false;
  std::vector<std::int32_t> from_;
  GroupLanes lanes_;
  std::shared_ptr<const AlignedBuffer> packed_;  // [taps][channels, padded]
  Index weight_stride_ = 0;
  /** What padding is read from: a pixel, and a row as long as any piece. */
  std::shared_ptr<const AlignedBuffer> zeros_;
  /** Whether the map, read where it lies, is more than the second-level cache holds. */
  bool far_ = false;
  SlideAxis slide_y_, slide_x_;
  /** Null where none serves. */
  const DepthwiseSlider* slider_ = nullptr;
  /** Of more rows, for all blocks but the last ones; null where there is none, where nothing is gained by it,
   * and with other activations than `clip`. */
  const DepthwiseSlider* tall_slider_ = nullptr;
  /** Output columns of a slide, at the most. */
  Index slide_columns_ = 1;
  Walk walk_;
  /** By every second column, where the slider's `pairs` may serve; without pieces where not. */
  Walk pairs_;
};

}  // namespace convolith
