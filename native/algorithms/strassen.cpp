// Strassen's product in Winograd's form: of pairs of neighbouring pixels, halves of the input channels and
// halves of the output channels seven products for eight. For 1×1 kernels, and transposed ones as large as
// their stride, of which each tap is a 1×1 kernel of its own.

#include <algorithm>
#include <array>
#include <cstdint>

#include "algorithms/candidates.h"
#include "algorithms/cut.h"
#include "algorithms/epilogue_data.h"
#include "algorithms/panels.h"
#include "algorithms/pitched_rows.h"
#include "algorithms/staging.h"
#include "base/arena.h"
#include "base/cpu.h"

namespace convolith {

namespace {

constexpr Index kFloat = sizeof(float);

/** From so many on any number of pairs is some tiles of the most rows and some of one less. */
constexpr Index least_pairs(const ProductKernels& kernels) {
  return Index{kernels.tile_rows - 1} * (kernels.tile_rows - 2);
}

/** Sums of a block's pixels, beside which a panel of weights stays in a second-level cache of 512 KiB, as
 * machines without AVX-512 have, or of 1 MiB. There 512 channels of 14x14 pass in one block in place of two:
 * 0.94 of the time where weights come from memory, others within 2% (Zen 5). */
constexpr Index sums_budget(const KernelTable& kernels) {
  return Index{kernels.lanes == kLineFloats ? 512 : 256} << 10;
}
constexpr Index kLeastTiles = 6;
/** Of a block's time, what its parts do anew. */
constexpr double kSumsShare = 0.02;
/** Pixels times panels of each half. */
constexpr Index kLeastWork = 120;

/** The sums of StrassenSums, and behind them the halves of two pixels as they lie. */
enum class Operand : std::uint8_t { sum0, sum1, sum2, sum3, first_low, first_high, second_low, second_high };
constexpr auto kFirstHalf = static_cast<Index>(Operand::first_low);
enum class Held : std::uint8_t { none, x, y };

/** What a product of the seven reads and what becomes of it. The products and their order are those of
 * Winograd's form: 7 products and 15 additions, 4 of pixels' halves, 4 of weights' and 7 of products. */
struct Product {
  Operand rows;
  Held start, keep, keep_with, add;
  /** Which pixel of a pair and which half of the output channels it completes. */
  bool completes = false;
  int pixel = 0, half = 0;
};

constexpr std::array<Product, 7> kProducts = {{
    {Operand::first_low, Held::none, Held::x, Held::none, Held::none},
    {Operand::first_high, Held::x, Held::none, Held::none, Held::none, true, 0, 0},
    {Operand::sum1, Held::x, Held::x, Held::none, Held::none},
    {Operand::sum2, Held::x, Held::y, Held::none, Held::none},
    {Operand::second_high, Held::y, Held::none, Held::none, Held::none, true, 1, 0},
    {Operand::sum0, Held::none, Held::x, Held::x, Held::y, true, 1, 1},
    {Operand::sum3, Held::x, Held::none, Held::none, Held::none, true, 0, 1},
}};
constexpr auto kProductCount = static_cast<Index>(kProducts.size());

/** The weights of each product, of a column of the first half of the output channels and one of the second:
 * [half of the inputs][half of the outputs]. */
std::array<float, 7> combine(float b11, float b12, float b21, float b22) {
  const float t1 = b12 - b11, t2 = b22 - t1;
  return {b11, b21, t2, b22 - b12, b21 - t2, t1, b22};
}

/** Whether taps are more than one, each a 1×1 kernel of its own. */
bool scatters(const ConvSpec& spec) { return spec.transposed && spec.kernel.volume() > 1; }

/** Of all taps. */
Index columns_of(const ConvSpec& spec) { return spec.out_channels * spec.kernel.volume(); }

const Size3& pixels_of(const Problem& p) {
  return p.spec().transposed ? p.geometry.input : p.geometry.output;
}

/**
 * Whether the eighth product costs more than the additions. With AVX2, or AVX-512 by halves, layers of 104
 * input channels and more take 0.89 to 0.97 of the time, of 96 0.98 to 1.02, of 64 1.01 to 1.07. A core that
 * multiplies twice as much meanwhile waits for the weights, 7/4 as many. On Zen 5 outputs of 192 channels and
 * more take 0.90 to 0.99 of the time, of 128 0.99 to 1.01; on Emerald Rapids 256 to 1024 channels took 0.92,
 * 512 to 512 0.96, 1024 to 256 0.97 to 1.03 and 128 to 128 1.07.
 */
bool pays(const Problem& p) {
  const Index inputs = p.spec().in_channels, columns = columns_of(p.spec());
  const bool avx2 = p.kernels.lanes == 8;
  // Elsewhere it was not measured; and longer sums round too often.
  if ((!avx2 && p.kernels.lanes != kLineFloats) || inputs > 2 * kLongestSum) return false;
  // Few pixels by few panels are too few tasks for two threads: 1024 to 128 channels of 7x7 1.23, by one
  // 0.98.
  const Index panels = columns / (Index{2} * p.kernels.product.vectors * p.kernels.lanes);
  if (pixels_of(p).volume() * p.geometry.batch * panels < kLeastWork) return false;
  // Columns that are stored apart are copied, by 16 with AVX2: 128 to 64 channels of 56x56, 2×2, took 1.26.
  if (scatters(p.spec()) && avx2) return inputs >= 512;
  // To 64 channels and fewer the sums of inputs serve too little: 1.01 to 1.09 with AVX2.
  if (avx2 || cpu_halves_avx512()) return inputs > 96 && columns > 64;
  return cpu_is_amd() ? inputs > 96 && columns >= 192 : inputs >= 192 && inputs <= 512 && columns >= 256;
}

/** Blocks of pairs, of which the pixels are added up first; then of each two panels the seven products, each
 * over all tiles of the block. */
class Strassen final : public Executor {
 public:
  explicit Strassen(const Problem& p);

  Index tasks(int threads) const override { return images_ * blocks(threads) * parts(threads); }
  void run(const Buffers& buffers, Index task, int threads, float* scratch) const override;
  Index workspace_bytes() const override {
    Scratch measure;
    take_work(measure);
    return measure.used();
  }
  Index packed_bytes() const override { return packed_->bytes(); }
  std::string tile() const override {
    return std::to_string(tiles_of_.tile_rows) + "x" + std::to_string(tiles_of_.vectors) + " of 7/8";
  }

 private:
  struct Work {
    float* staged;
    float* sum[4];
    float* held[2];
    // Outputs and residuals of a stretch that do not lie at one pitch.
    float* apart;
    float* apart_residual;
  };
  /** Tiles of as many rows, side by side; pairs from the block's first one on. */
  struct Stretch {
    Index first = 0, tiles = 0;
    int rows = 0;
    bool ragged = false;
  };
  struct Block {
    Index first = 0, pairs = 0, tiles = 0;
    const float* pixels = nullptr;
    std::array<Stretch, 3> stretches;
    std::size_t stretch_count = 0;

    void add(Index pair, Index tiles, int rows, bool ragged) {
      if (tiles > 0) stretches[stretch_count++] = {pair - first, tiles, rows, ragged};
    }
  };

  AlignedBuffer pack(const Stage& stage) const;
  Work take_work(Scratch& scratch) const;
  /**
   * Of an image: as many as the caches want, or four tasks a thread, or, where those were too small, as many
   * as give them by their panels, whose parts each add up the block's pixels. Two threads were 1.65 times as
   * fast as one by parts, for 256 to 512 channels of 56x56 by a stride of 2, and are 1.89 times; 128 to 512
   * of 28x28 1.89 and 2.0.
   */
  Index blocks(int threads) const {
    if (threads == 1) return blocks_;
    const Index tasks = ceil_div(Index{4} * threads, images_);
    if (tasks * kLeastTiles <= tiles_) return std::max(tasks, blocks_);
    return std::clamp(ceil_div(tasks, panels_), blocks_, std::max(blocks_, tiles_ / 2));
  }
  Index parts(int threads) const {
    const Index count = images_ * blocks(threads);
    return fitting_parts(count, panels_, threads, kSumsShare, ceil_div(Index{4} * threads, count));
  }
  bool odd() const { return pixels_ % 2 != 0; }
  Index panel_floats() const { return half_ * width_; }
  /** Whole vectors. */
  Index sum_pitch() const { return round_up(half_, kernels_.lanes); }
  Index place(Index pixel, Index column) const;
  Index first_pair(Index tile) const { return tile * tiles_of_.tile_rows - std::max<Index>(tile - full_, 0); }
  Block block_of(Index index, Index blocks) const;
  void stage_pixels(const float* image, const Block& block, float* to) const;
  void multiply_panel(const Buffers& maps, const Block& block, Index panel, const Work& w) const;
  void complete_apart(ProductRows g, const Buffers& maps, Index pixel, Index column, const Stretch& stretch,
                      const Work& w) const;
  void multiply_rest(const Buffers& maps, const Block& block) const;

  const KernelTable& kernels_;
  const ProductKernels& tiles_of_;
  const EpilogueData epilogue_;
  const Index out_channels_;
  /** A transposed layer stores the columns of each tap apart. */
  const bool scatters_;
  /** Of pixels in the input, and of taps in the output. */
  const Size3 stride_, kernel_;
  /** The pixels: of the output, or of a transposed layer's input. */
  const Size3 grid_;
  const MapStrides in_, out_;
  /** Of the input channels; columns of a panel; panels of each half of the output channels. */
  const Index half_, width_, panels_;
  /** Of the output channels beyond those. */
  const Panels rest_;
  const bool strided_;
  Index images_ = 1, pixels_ = 0, tiles_ = 0, blocks_ = 1;
  /** Tiles of the most rows, which come first. */
  Index full_ = 0;
  std::shared_ptr<const AlignedBuffer> packed_;
};

Strassen::Strassen(const Problem& p)
    : kernels_(p.kernels),
      tiles_of_(p.kernels.product),
      epilogue_(p.stage()),
      out_channels_(p.spec().out_channels),
      scatters_(scatters(p.spec())),
      stride_(p.spec().transposed ? Size3{1, 1, 1} : p.spec().stride),
      kernel_(p.spec().kernel),
      grid_(pixels_of(p)),
      in_(true, p.spec().in_channels, p.geometry.input),
      out_(true, p.spec().out_channels, p.geometry.output),
      half_(p.spec().in_channels / 2),
      width_(Index{tiles_of_.vectors} * p.kernels.lanes),
      panels_(columns_of(p.spec()) / (2 * width_)),
      rest_(columns_of(p.spec()) - 2 * panels_ * width_, p.spec().in_channels,
            p.geometry.batch * grid_.volume(), p.kernels.gemm),
      strided_(stride_.volume() > 1) {
  const Index pixels = grid_.volume();
  // Where no pair is of two images the pixels of a whole batch are one row.
  const bool one_row = !strided_ && !scatters_ && pixels % 2 == 0;
  images_ = one_row ? 1 : p.geometry.batch;
  pixels_ = one_row ? pixels * p.geometry.batch : pixels;
  const Index rows = tiles_of_.tile_rows;
  const NearFullPieces tiles(ceil_div(pixels_, Index{2}), tiles_of_.tile_rows);
  tiles_ = tiles.count();
  full_ = tiles.full();
  blocks_ = ceil_div(tiles_, std::max(sums_budget(kernels_) / (4 * half_ * kFloat * rows), kLeastTiles));
  packed_ = p.weights.packed("strassen" + rest_.key(), [this, &stage = p.stage()] { return pack(stage); });
}

AlignedBuffer Strassen::pack(const Stage& stage) const {
  const WeightStrides stride(stage.spec);
  const Index channels = 2 * half_;
  Index floats = panels_ * kProductCount * panel_floats();
  for (Index i = 0; i < rest_.count(); ++i) floats += channels * rest_.width(i);
  AlignedBuffer packed = AlignedBuffer::uncleared(floats);
  AlignedBuffer columns = AlignedBuffer::uncleared(2 * channels * width_);
  float* const first = columns.data();
  float* const second = first + channels * width_;
  const auto turn = [&](Index column, float* panel, Index width, Index count) {
    const float* from = stage.weight.data() + column % out_channels_ * stride.out + column / out_channels_;
    if (stride.in == 1) return kernels_.transpose({from, panel, stride.out, width, count, channels});
    for (Index k = 0; k < channels; ++k, from += stride.in, panel += width) {
      for (Index i = 0; i < count; ++i) panel[i] = from[i * stride.out];
    }
  };
  float* to = packed.data();
  for (Index j = 0; j < panels_; ++j, to += kProductCount * panel_floats()) {
    turn(j * width_, first, width_, width_);
    turn((panels_ + j) * width_, second, width_, width_);
    for (Index i = 0; i < panel_floats(); ++i) {
      const auto weights =
          combine(first[i], second[i], first[panel_floats() + i], second[panel_floats() + i]);
      for (Index m = 0; m < kProductCount; ++m)
        to[m * panel_floats() + i] = weights[static_cast<std::size_t>(m)];
    }
  }
  for (Index i = 0; i < rest_.count(); ++i) {
    const Index width = rest_.width(i);
    if (rest_[i].columns < width) std::fill_n(to, channels * width, 0.0F);
    turn(2 * panels_ * width_ + rest_[i].column, to, width, rest_[i].columns);
    to += channels * width;
  }
  return packed;
}

Strassen::Work Strassen::take_work(Scratch& scratch) const {
  const Index pairs = ceil_div(tiles_, blocks_) * tiles_of_.tile_rows;
  const Index apart = scatters_ ? pairs : odd() ? tiles_of_.tile_rows : 0;
  Work w{};
  w.staged = scratch.take<float>(strided_ || odd() ? 4 * pairs * half_ : 0);
  for (float*& sum : w.sum) sum = scratch.take<float>(pairs * sum_pitch());
  for (float*& held : w.held) held = scratch.take<float>(pairs * width_);
  w.apart = scratch.take<float>(apart * width_);
  w.apart_residual = scratch.take<float>(apart * width_);
  return w;
}

Strassen::Block Strassen::block_of(Index index, Index blocks) const {
  const Index begin = tiles_ * index / blocks, end = tiles_ * (index + 1) / blocks;
  Block block;
  block.first = first_pair(begin);
  block.pairs = first_pair(end) - block.first;
  block.tiles = end - begin;
  const bool ragged = odd() && end == tiles_;
  const Index whole = ragged ? end - 1 : end;
  const Index turn = std::clamp(full_, begin, whole);
  const int rows = tiles_of_.tile_rows;
  block.add(first_pair(begin), turn - begin, rows, false);
  block.add(first_pair(turn), whole - turn, rows - 1, false);
  if (ragged) block.add(first_pair(whole), 1, whole < full_ ? rows : rows - 1, true);
  return block;
}

/** Side by side, a pixel that does not exist as zeros. */
void Strassen::stage_pixels(const float* image, const Block& block, float* to) const {
  const Index channels = 2 * half_;
  const Index end = 2 * (block.first + block.pairs);
  for (Index pixel = 2 * block.first; pixel < end; ++pixel, to += channels) {
    if (pixel >= pixels_) {
      std::fill_n(to, channels, 0.0F);
      continue;
    }
    const Index x = pixel % grid_.w, y = pixel / grid_.w % grid_.h, z = pixel / grid_.w / grid_.h;
    const float* from = image + z * stride_.d * in_.z + y * stride_.h * in_.y + x * stride_.w * in_.x;
    std::copy_n(from, channels, to);
  }
}

void Strassen::run(const Buffers& buffers, Index task, int threads, float* scratch) const {
  const Index pieces = blocks(threads), cuts = parts(threads);
  const PartOfBlock at(task, images_ * pieces, cuts, brings_weights(packed_->bytes()));
  const Index image = at.block / pieces;
  const Buffers maps{buffers.input + image * in_.image, buffers.output + image * out_.image,
                     buffers.residual == nullptr ? nullptr : buffers.residual + image * out_.image};
  Block block = block_of(at.block % pieces, pieces);
  Scratch memory(scratch);
  const Work w = take_work(memory);
  block.pixels = maps.input + 2 * block.first * in_.x;
  if (strided_ || block.stretches[block.stretch_count - 1].ragged) {
    stage_pixels(maps.input, block, w.staged);
    block.pixels = w.staged;
  }
  StrassenSums sums{block.pixels, block.pairs, half_, {}, sum_pitch()};
  std::copy_n(w.sum, 4, sums.sum);
  kernels_.strassen_sums(sums);
  const Index end = piece_begin(panels_, cuts, at.part + 1);
  for (Index i = piece_begin(panels_, cuts, at.part); i < end; ++i) multiply_panel(maps, block, i, w);
  if (end == panels_) multiply_rest(maps, block);
}

void Strassen::multiply_panel(const Buffers& maps, const Block& block, Index panel, const Work& w) const {
  const float* const end = packed_->data() + packed_->bytes() / kFloat;
  ProductRows g;
  g.depth = half_;
  g.panel = packed_->data() + panel * kProductCount * panel_floats();
  g.out_pitch = 2 * out_.x;
  if (brings_weights(packed_->bytes())) g.ahead_lines = ceil_div(width_, 4 * block.tiles);
  for (const Product& product : kProducts) {
    const auto operand = static_cast<Index>(product.rows);
    const bool summed = operand < kFirstHalf;
    g.pitch = summed ? sum_pitch() : 4 * half_;
    const float* rows = summed ? w.sum[operand] : block.pixels + (operand - kFirstHalf) * half_;
    const Index column = (product.half * panels_ + panel) * width_;
    const Epilogue epilogue = epilogue_.at(column % out_channels_);
    g.epilogue = &epilogue;
    const float* ahead = g.panel + panel_floats();
    g.ahead_end = std::min(ahead + panel_floats(), end);
    for (std::size_t i = 0; i < block.stretch_count; ++i) {
      const Stretch& stretch = block.stretches[i];
      const auto held = [&](Held which) -> float* {
        return which == Held::none ? nullptr : w.held[which == Held::y] + stretch.first * width_;
      };
      g.rows = rows + stretch.first * g.pitch;
      g.start = held(product.start);
      g.add = held(product.add);
      g.keep_with = held(product.keep_with);
      g.keep = held(product.keep);
      g.ahead = ahead;
      ahead += stretch.tiles * (half_ / 4) * g.ahead_lines * kLineFloats;
      g.out = nullptr;
      g.residual = nullptr;
      if (product.completes) {
        const Index pixel = 2 * (block.first + stretch.first) + product.pixel;
        if (scatters_ || (stretch.ragged && product.pixel == 1)) {
          complete_apart(g, maps, pixel, column, stretch, w);
          continue;
        }
        g.out = maps.output + place(pixel, column);
        if (maps.residual != nullptr) g.residual = maps.residual + place(pixel, column);
      }
      tiles_of_.of(stretch.rows)(g, stretch.tiles);
    }
    g.panel += panel_floats();
  }
}

/** Of a pixel's output, or of that of one of its taps. */
Index Strassen::place(Index pixel, Index column) const {
  if (!scatters_) return pixel * out_.x + column;
  const Index x = pixel % grid_.w, y = pixel / grid_.w % grid_.h, z = pixel / grid_.w / grid_.h;
  const Index tap = column / out_channels_;
  const Index tap_x = tap % kernel_.w, tap_y = tap / kernel_.w % kernel_.h,
              tap_z = tap / kernel_.w / kernel_.h;
  return (z * kernel_.d + tap_z) * out_.z + (y * kernel_.h + tap_y) * out_.y +
         (x * kernel_.w + tap_x) * out_.x + column % out_channels_;
}

/** Of every second pixel from `pixel` on, as far as they exist. */
void Strassen::complete_apart(ProductRows g, const Buffers& maps, Index pixel, Index column,
                              const Stretch& stretch, const Work& w) const {
  const Index rows = stretch.tiles * stretch.rows;
  const Index existing = std::min(rows, ceil_div(pixels_ - pixel, Index{2}));
  if (maps.residual != nullptr) {
    for (Index i = 0; i < existing; ++i)
      std::copy_n(maps.residual + place(pixel + 2 * i, column), width_, w.apart_residual + i * width_);
    std::fill_n(w.apart_residual + existing * width_, (rows - existing) * width_, 0.0F);
    g.residual = w.apart_residual;
  }
  g.out = w.apart;
  g.out_pitch = width_;
  tiles_of_.of(stretch.rows)(g, stretch.tiles);
  for (Index i = 0; i < existing; ++i)
    std::copy_n(w.apart + i * width_, width_, maps.output + place(pixel + 2 * i, column));
}

/** The output channels that fill no two panels, by the plain product. */
void Strassen::multiply_rest(const Buffers& maps, const Block& block) const {
  const Index pixels = std::min(2 * block.pairs, pixels_ - 2 * block.first);
  GemmRows g;
  g.rows = block.pixels;
  g.pitch = g.depth = 2 * half_;
  g.run_offset = &kOneRunOffset;
  g.run_start = &kOneRunStart;
  g.panel = packed_->data() + panels_ * kProductCount * panel_floats();
  g.out_pitch = out_.x;
  for (Index i = 0; i < rest_.count(); ++i) {
    const Index channel = 2 * panels_ * width_ + rest_[i].column;
    const Index place = 2 * block.first * out_.x + channel;
    const Epilogue epilogue = epilogue_.at(channel);
    g.epilogue = &epilogue;
    g.out = maps.output + place;
    g.residual = maps.residual == nullptr ? nullptr : maps.residual + place;
    g.columns = rest_[i].columns;
    PitchedStretch(kernels_.gemm, rest_[i].vectors, g.depth, pixels).run(g);
    g.panel += 2 * half_ * rest_.width(i);
  }
}

}  // namespace

std::optional<Objection> refuse_strassen(const Problem& p) {
  const ConvSpec& spec = p.spec();
  const ProductKernels& kernels = p.kernels.product;
  if (!spec.fast_math) return Objection{"changes the rounding, which math 'strict' rules out"};
  if (spec.transposed ? spec.kernel != spec.stride : spec.kernel.volume() != 1)
    return Objection{"needs a kernel of 1, or a transposed one as large as its stride"};
  const Size3 none{0, 0, 0}, one{1, 1, 1};
  const Size3& input = p.geometry.input;
  const Size3 grown{input.d * spec.kernel.d, input.h * spec.kernel.h, input.w * spec.kernel.w};
  const bool padded = p.geometry.pad_before != none || p.geometry.pad_after != none;
  if (padded || (spec.transposed && (spec.dilation != one || p.geometry.output != grown)))
    return Objection{"needs an input without padding, and taps side by side"};
  if (spec.groups != 1) return Objection{"needs one group"};
  if (!spec.channels_last) return Objection{"needs channels last"};
  if (spec.activation.op != ActivationOp::clip) return Objection{"needs an activation that only bounds"};
  const Index width = Index{kernels.vectors} * p.kernels.lanes, columns = columns_of(spec);
  if (spec.in_channels % 8 != 0 || columns < 2 * width ||
      (scatters(spec) && spec.out_channels % width != 0)) {
    return Objection{"needs input channels by eights and at least " + std::to_string(2 * width) +
                     " output channels, transposed by " + std::to_string(width)};
  }
  if (columns % (2 * width) != 0 &&
      (scatters(spec) || spec.in_channels > kLongestSum || p.kernels.gemm.pitched[0][0].run == nullptr)) {
    return Objection{"needs output channels by " + std::to_string(2 * width) + " for these input channels"};
  }
  const Index fewest = 2 * least_pairs(kernels) - 1;
  if (pixels_of(p).volume() < fewest)
    return Objection{"needs at least " + std::to_string(fewest) + " pixels"};
  if (!pays(p)) return Objection{"would add more than it saves", true};
  return std::nullopt;
}

std::unique_ptr<const Executor> make_strassen(const Problem& p) { return std::make_unique<Strassen>(p); }

}  // namespace convolith
