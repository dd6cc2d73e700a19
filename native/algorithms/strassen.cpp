// Strassen's product in Winograd's form: of pairs of neighbouring pixels, halves of the input channels and
// halves of the output channels seven products for eight, and each of the seven, where it is large enough, by
// seven of halves of those. For 1×1 kernels, and transposed ones as large as their stride, of which each tap
// is a 1×1 kernel of its own.

#include <algorithm>
#include <array>
#include <cstdint>

#include "algorithms/candidates.h"
#include "algorithms/cut.h"
#include "algorithms/epilogue_data.h"
#include "algorithms/panels.h"
#include "algorithms/pitched_rows.h"
#include "algorithms/staging.h"
#include "algorithms/strassen_products.h"
#include "base/arena.h"
#include "base/cpu.h"

namespace convolith {

namespace {

constexpr Index kFloat = sizeof(float);

/** From so many on any number of rows is some tiles of the most rows and some of one less. */
constexpr Index least_rows(const ProductKernels& kernels) {
  return Index{kernels.tile_rows - 1} * (kernels.tile_rows - 2);
}

/** Sums of a block's pixels, beside which a panel of weights stays in a second-level cache of 512 KiB, as
 * machines without AVX-512 have, or of 1 MiB. There 512 channels of 14x14 pass in one block in place of two:
 * 0.94 of the time where weights come from memory, others within 2% (Zen 5). */
constexpr Index sums_budget(const KernelTable& kernels) {
  return Index{kernels.lanes == kLineFloats ? 512 : 256} << 10;
}
/** Of two levels, with what the outer one hands on. By 512 KiB 256 to 1024 and 512 to 1024 channels of 14x14
 * take 1.01, 1024 to 1024 1.03 of the time. */
constexpr Index kTwoLevelsBudget = Index{2} << 20;
constexpr Index kLeastTiles = 6;
/** Of a block's time, what its parts do anew. */
constexpr double kSumsShare = 0.02;
/** Pixels times panels of each half. */
constexpr Index kLeastWork = 120;

constexpr auto kFirstHalf = static_cast<Index>(StrassenOperand::first_low);
constexpr auto kProductCount = static_cast<Index>(kStrassenProducts.size());

/** What takes the place of the outer level's products where there is one level: all rows and all columns. */
constexpr StrassenProduct kWhole = {.completes = true};

/** The weights of all products of `from`: its second columns begin `columns` floats behind the first, the
 * second half of its inputs `inputs`. Each is `count` floats, and each product's begin `pitch` floats apart.
 */
void combine(const float* from, Index columns, Index inputs, Index count, float* to, Index pitch) {
  for (Index i = 0; i < count; ++i, ++from, ++to) {
    const auto weights = strassen_weights(from[0], from[columns], from[inputs], from[columns + inputs]);
    for (Index m = 0; m < kProductCount; ++m) to[m * pitch] = weights[static_cast<std::size_t>(m)];
  }
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

/**
 * Whether each of the seven products is worth seven of its own, of 49/16 of the weights. With AVX2 and on
 * Zen 5 160 input channels and 256 output channels and more take 0.91 to 0.98 of the time of one level, from
 * memory too; 128 to 512 channels of 28x28 0.96 to 0.99, 128 to 256 1.03 to 1.1. Other cores were not
 * measured.
 */
bool pays_twice(const Problem& p) {
  const ProductKernels& kernels = p.kernels.product;
  const Index inputs = p.spec().in_channels, columns = columns_of(p.spec());
  const Index two_panels = Index{2} * kernels.vectors * p.kernels.lanes;
  const bool measured = p.kernels.lanes == 8 || (cpu_is_amd() && !cpu_halves_avx512());
  const bool fits = inputs % 16 == 0 && columns % (2 * two_panels) == columns % two_panels;
  return measured && fits && inputs >= 160 && columns >= 256 &&
         ceil_div(pixels_of(p).volume(), Index{4}) >= least_rows(kernels);
}

/** Blocks of bundles of pixels, which are added up first; then of each set of panels, one of each part of the
 * output channels, the products, each over all tiles of the block. */
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
    return std::to_string(tiles_of_.tile_rows) + "x" + std::to_string(tiles_of_.vectors) +
           (two_levels() ? " of 49/64" : " of 7/8");
  }
  /** Two rows of an odd width are whole pairs of pixels, but no whole bundles of four. */
  bool serves_rows() const override { return !two_levels(); }

 private:
  using Sums = std::array<float*, 4>;
  struct Work {
    float* staged;
    /** Of two levels: the outer one's, of each two neighbouring pixels. */
    Sums outer_sums;
    /** Of what a product of the outer level reads. */
    Sums sums;
    float* held[2];
    /** [panel][bundle][width], of each part of a bundle and of the columns that the outer level's products
     * have. */
    float* outer_held[2][2][2];
    // Outputs and residuals of a stretch that do not lie at one pitch.
    float* apart;
    float* apart_residual;
  };
  /** Halves of channels, rows `step` apart. */
  struct Rows {
    const float* first;
    Index step;
  };
  /** Tiles of as many rows, side by side; bundles from the block's first one on. */
  struct Stretch {
    Index first = 0, tiles = 0;
    int rows = 0;
    bool ragged = false;
  };
  struct Block {
    Index first = 0, bundles = 0, tiles = 0;
    const float* pixels = nullptr;
    std::array<Stretch, 3> stretches;
    std::size_t stretch_count = 0;

    void add(Index bundle, Index tiles, int rows, bool ragged) {
      if (tiles > 0) stretches[stretch_count++] = {bundle - first, tiles, rows, ragged};
    }
  };

  AlignedBuffer pack(const Stage& stage) const;
  Work take_work(Scratch& scratch) const;
  /**
   * Of an image: as many as the caches want, or a task a thread, or, where those were too small, as many as
   * give them by their panels, whose parts each add up the block's pixels. Two threads that had four tasks
   * each took 1.05 of the time, 1024 to 1024 channels of 7x7 1.1, 2048 to 512 1.17.
   */
  Index blocks(int threads) const {
    if (threads == 1) return blocks_;
    const Index tasks = ceil_div(Index{threads}, images_);
    if (tasks * kLeastTiles <= tiles_) return std::max(tasks, blocks_);
    return std::clamp(ceil_div(tasks, panels_), blocks_, std::max(blocks_, tiles_ / 2));
  }
  Index parts(int threads) const {
    const Index count = images_ * blocks(threads);
    return fitting_parts(count, panels_, threads, kSumsShare, ceil_div(Index{threads}, count));
  }
  bool two_levels() const { return parts_ == 4; }
  Index outer_products() const { return two_levels() ? kProductCount : 1; }
  Index products() const { return outer_products() * kProductCount; }
  bool ragged() const { return pixels_ % parts_ != 0; }
  Index panel_floats() const { return depth_ * width_; }
  /** From a row of sums to the next: whole vectors. */
  Index sum_pitch(Index half) const { return round_up(half, kernels_.lanes); }
  Index place(Index pixel, Index column) const;
  Index first_bundle(Index tile) const {
    return tile * tiles_of_.tile_rows - std::max<Index>(tile - full_, 0);
  }
  Block block_of(Index index, Index blocks) const;
  void stage_pixels(const float* image, const Block& block, float* to) const;
  Rows outer_rows(const Block& block, Index outer, const Work& w) const;
  void add_up(Rows rows, Index pairs, Index half, const Sums& to) const;
  void multiply_panel(const Buffers& maps, const Block& block, Index outer_index, Index panel,
                      const Work& w) const;
  void complete_apart(ProductRows g, const Buffers& maps, Index pixel, Index column, const Stretch& stretch,
                      const Work& w) const;
  void multiply_rest(const Buffers& maps, const Block& block) const;

  const KernelTable& kernels_;
  const ProductKernels& tiles_of_;
  const EpilogueData epilogue_;
  const Index channels_, out_channels_;
  /** A transposed layer stores the columns of each tap apart. */
  const bool scatters_;
  /** Of pixels in the input, and of taps in the output. */
  const Size3 stride_, kernel_;
  /** The pixels: of the output, or of a transposed layer's input. */
  const Size3 grid_;
  const MapStrides in_, out_;
  /** Input channels of a part; columns of a panel; panels of each part of the output channels. */
  const Index parts_, depth_, width_, panels_;
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
      channels_(p.spec().in_channels),
      out_channels_(p.spec().out_channels),
      scatters_(scatters(p.spec())),
      stride_(p.spec().transposed ? Size3{1, 1, 1} : p.spec().stride),
      kernel_(p.spec().kernel),
      grid_(pixels_of(p)),
      in_(true, p.spec().in_channels, p.geometry.input),
      out_(true, p.spec().out_channels, p.geometry.output),
      parts_(pays_twice(p) ? 4 : 2),
      depth_(channels_ / parts_),
      width_(Index{tiles_of_.vectors} * p.kernels.lanes),
      panels_(columns_of(p.spec()) / (parts_ * width_)),
      rest_(columns_of(p.spec()) - parts_ * panels_ * width_, channels_, p.geometry.batch * grid_.volume(),
            p.kernels.gemm),
      strided_(stride_.volume() > 1) {
  const Index pixels = grid_.volume();
  // Where no bundle is of two images the pixels of a whole batch are one row.
  const bool one_row = !strided_ && !scatters_ && pixels % parts_ == 0;
  images_ = one_row ? 1 : p.geometry.batch;
  pixels_ = one_row ? pixels * p.geometry.batch : pixels;
  const Index rows = tiles_of_.tile_rows;
  const NearFullPieces tiles(ceil_div(pixels_, parts_), tiles_of_.tile_rows);
  tiles_ = tiles.count();
  full_ = tiles.full();
  const Index outer = two_levels() ? 8 * (sum_pitch(2 * depth_) + panels_ * width_) : 0;
  const Index sums = 4 * sum_pitch(depth_) + outer;
  blocks_ = ceil_div(
      tiles_, std::max((two_levels() ? kTwoLevelsBudget : sums_budget(kernels_)) / (sums * kFloat * rows),
                       kLeastTiles));
  packed_ = p.weights.packed("strassen by " + std::to_string(parts_) + rest_.key(),
                             [this, &stage = p.stage()] { return pack(stage); });
}

AlignedBuffer Strassen::pack(const Stage& stage) const {
  const WeightStrides stride(stage.spec);
  Index floats = panels_ * products() * panel_floats();
  for (Index i = 0; i < rest_.count(); ++i) floats += channels_ * rest_.width(i);
  AlignedBuffer packed = AlignedBuffer::uncleared(floats);
  const auto turn = [&](Index column, float* panel, Index width, Index count) {
    const float* from = stage.weight.data() + column % out_channels_ * stride.out + column / out_channels_;
    if (stride.in == 1) return kernels_.transpose({from, panel, stride.out, width, count, channels_});
    for (Index k = 0; k < channels_; ++k, from += stride.in, panel += width) {
      for (Index i = 0; i < count; ++i) panel[i] = from[i * stride.out];
    }
  };
  // Of a panel of each part of the columns, and of one that a product of the outer level leaves to the inner.
  AlignedBuffer columns = AlignedBuffer::uncleared(parts_ * channels_ * width_);
  AlignedBuffer combined = AlignedBuffer::uncleared(two_levels() ? kProductCount * 4 * panel_floats() : 0);
  float* to = packed.data();
  const Index product = panel_floats(), panel = kProductCount * product, column = channels_ * width_;
  for (Index j = 0; j < panels_; ++j, to += panel) {
    for (Index part = 0; part < parts_; ++part)
      turn((part * panels_ + j) * width_, columns.data() + part * column, width_, width_);
    if (!two_levels()) {
      combine(columns.data(), column, product, product, to, product);
      continue;
    }
    for (Index half = 0; half < 2; ++half) {
      combine(columns.data() + half * column, 2 * column, 2 * product, 2 * product,
              combined.data() + half * 2 * product, 4 * product);
    }
    for (Index outer = 0; outer < kProductCount; ++outer) {
      combine(combined.data() + outer * 4 * product, 2 * product, product, product,
              to + outer * panels_ * panel, product);
    }
  }
  to = packed.data() + panels_ * products() * product;
  for (Index i = 0; i < rest_.count(); ++i) {
    const Index width = rest_.width(i);
    if (rest_[i].columns < width) std::fill_n(to, channels_ * width, 0.0F);
    turn(parts_ * panels_ * width_ + rest_[i].column, to, width, rest_[i].columns);
    to += channels_ * width;
  }
  return packed;
}

Strassen::Work Strassen::take_work(Scratch& scratch) const {
  const Index bundles = ceil_div(tiles_, blocks_) * tiles_of_.tile_rows;
  const Index apart = scatters_ ? bundles : ragged() ? tiles_of_.tile_rows : 0;
  Work w{};
  w.staged = scratch.take<float>(strided_ || ragged() ? bundles * parts_ * channels_ : 0);
  for (float*& sum : w.sums) sum = scratch.take<float>(bundles * sum_pitch(depth_));
  for (float*& held : w.held) held = scratch.take<float>(bundles * width_);
  if (two_levels()) {
    for (float*& sum : w.outer_sums) sum = scratch.take<float>(2 * bundles * sum_pitch(2 * depth_));
    for (auto& held : w.outer_held) {
      for (auto& row : held) {
        for (float*& half : row) half = scratch.take<float>(panels_ * bundles * width_);
      }
    }
  }
  w.apart = scratch.take<float>(apart * width_);
  w.apart_residual = scratch.take<float>(apart * width_);
  return w;
}

Strassen::Block Strassen::block_of(Index index, Index blocks) const {
  const Index begin = tiles_ * index / blocks, end = tiles_ * (index + 1) / blocks;
  Block block;
  block.first = first_bundle(begin);
  block.bundles = first_bundle(end) - block.first;
  block.tiles = end - begin;
  const bool last_ragged = ragged() && end == tiles_;
  const Index whole = last_ragged ? end - 1 : end;
  const Index turn = std::clamp(full_, begin, whole);
  const int rows = tiles_of_.tile_rows;
  block.add(first_bundle(begin), turn - begin, rows, false);
  block.add(first_bundle(turn), whole - turn, rows - 1, false);
  if (last_ragged) block.add(first_bundle(whole), 1, whole < full_ ? rows : rows - 1, true);
  return block;
}

/** Side by side, a pixel that does not exist as zeros. */
void Strassen::stage_pixels(const float* image, const Block& block, float* to) const {
  const Index end = parts_ * (block.first + block.bundles);
  for (Index pixel = parts_ * block.first; pixel < end; ++pixel, to += channels_) {
    if (pixel >= pixels_) {
      std::fill_n(to, channels_, 0.0F);
      continue;
    }
    const Index x = pixel % grid_.w, y = pixel / grid_.w % grid_.h, z = pixel / grid_.w / grid_.h;
    const float* from = image + z * stride_.d * in_.z + y * stride_.h * in_.y + x * stride_.w * in_.x;
    std::copy_n(from, channels_, to);
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
  block.pixels = maps.input + parts_ * block.first * in_.x;
  if (strided_ || block.stretches[block.stretch_count - 1].ragged) {
    stage_pixels(maps.input, block, w.staged);
    block.pixels = w.staged;
  }
  const Index begin = piece_begin(panels_, cuts, at.part), end = piece_begin(panels_, cuts, at.part + 1);
  if (two_levels()) add_up({block.pixels, channels_}, 2 * block.bundles, 2 * depth_, w.outer_sums);
  for (Index outer = 0; outer < outer_products(); ++outer) {
    add_up(outer_rows(block, outer, w), block.bundles, depth_, w.sums);
    for (Index i = begin; i < end; ++i) multiply_panel(maps, block, outer, i, w);
  }
  if (end == panels_) multiply_rest(maps, block);
}

/** What a product of the outer level reads: of each two pixels half as many channels. */
Strassen::Rows Strassen::outer_rows(const Block& block, Index outer, const Work& w) const {
  if (!two_levels()) return {block.pixels, channels_};
  const auto operand = static_cast<Index>(kStrassenProducts[static_cast<std::size_t>(outer)].rows);
  if (operand < kFirstHalf) return {w.outer_sums[static_cast<std::size_t>(operand)], sum_pitch(2 * depth_)};
  return {block.pixels + (operand - kFirstHalf) * 2 * depth_, 2 * channels_};
}

void Strassen::add_up(Rows rows, Index pairs, Index half, const Sums& to) const {
  StrassenSums sums{rows.first, rows.step, pairs, half, {}, sum_pitch(half)};
  std::copy_n(to.data(), to.size(), sums.sum);
  kernels_.strassen_sums(sums);
}

/** The inner level's products of a panel. */
void Strassen::multiply_panel(const Buffers& maps, const Block& block, Index outer_index, Index panel,
                              const Work& w) const {
  const float* const end = packed_->data() + packed_->bytes() / kFloat;
  const Rows from = outer_rows(block, outer_index, w);
  const StrassenProduct& outer =
      two_levels() ? kStrassenProducts[static_cast<std::size_t>(outer_index)] : kWhole;
  ProductRows g;
  g.depth = depth_;
  g.panel = packed_->data() + (outer_index * panels_ + panel) * kProductCount * panel_floats();
  g.out_pitch = parts_ * out_.x;
  if (brings_weights(packed_->bytes())) g.ahead_lines = ceil_div(width_, 4 * block.tiles);
  for (const StrassenProduct& inner : kStrassenProducts) {
    const auto operand = static_cast<Index>(inner.rows);
    const float* rows = nullptr;
    if (operand < kFirstHalf) {
      rows = w.sums[static_cast<std::size_t>(operand)];
      g.pitch = sum_pitch(depth_);
    } else {
      const Index half = operand - kFirstHalf;
      rows = from.first + half / 2 * from.step + half % 2 * depth_;
      g.pitch = 2 * from.step;
    }
    const Index column = ((2 * outer.half + inner.half) * panels_ + panel) * width_;
    const Epilogue epilogue = epilogue_.at(column % out_channels_);
    g.epilogue = &epilogue;
    const float* ahead = g.panel + panel_floats();
    g.ahead_end = std::min(ahead + panel_floats(), end);
    for (std::size_t s = 0; s < block.stretch_count; ++s) {
      const Stretch& stretch = block.stretches[s];
      const auto hands = [&](const StrassenProduct& product, const auto& held) -> HandedSums {
        const auto sums = [&](StrassenHeld which) {
          return which == StrassenHeld::none ? nullptr
                                             : held(which == StrassenHeld::y) + stretch.first * width_;
        };
        return {sums(product.start), sums(product.add), sums(product.keep_with), sums(product.keep)};
      };
      g.rows = rows + stretch.first * g.pitch;
      g.inner = hands(inner, [&](bool y) { return w.held[y]; });
      g.outer = {};
      if (inner.completes)
        g.outer = hands(outer, [&](bool y) {
          return w.outer_held[y][inner.row][inner.half] + panel * block.bundles * width_;
        });
      g.ahead = ahead;
      ahead += stretch.tiles * (depth_ / 4) * g.ahead_lines * kLineFloats;
      g.out = nullptr;
      g.residual = nullptr;
      if (inner.completes && outer.completes) {
        // Outer rows are pixels of pairs, inner ones pairs of bundles.
        const Index of_bundle = parts_ / 2 * inner.row + outer.row;
        const Index pixel = parts_ * (block.first + stretch.first) + of_bundle;
        if (scatters_ || (stretch.ragged && of_bundle > 0)) {
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

/** Of a pixel of every bundle from `pixel` on, as far as they exist. */
void Strassen::complete_apart(ProductRows g, const Buffers& maps, Index pixel, Index column,
                              const Stretch& stretch, const Work& w) const {
  const Index rows = stretch.tiles * stretch.rows;
  const Index existing = std::clamp<Index>(ceil_div(pixels_ - pixel, parts_), 0, rows);
  if (maps.residual != nullptr) {
    for (Index i = 0; i < existing; ++i)
      std::copy_n(maps.residual + place(pixel + parts_ * i, column), width_, w.apart_residual + i * width_);
    std::fill_n(w.apart_residual + existing * width_, (rows - existing) * width_, 0.0F);
    g.residual = w.apart_residual;
  }
  g.out = w.apart;
  g.out_pitch = width_;
  tiles_of_.of(stretch.rows)(g, stretch.tiles);
  for (Index i = 0; i < existing; ++i)
    std::copy_n(w.apart + i * width_, width_, maps.output + place(pixel + parts_ * i, column));
}

/** The output channels that fill no panel of each part, by the plain product. */
void Strassen::multiply_rest(const Buffers& maps, const Block& block) const {
  const Index pixels = std::min(parts_ * block.bundles, pixels_ - parts_ * block.first);
  GemmRows g;
  g.rows = block.pixels;
  g.pitch = g.depth = channels_;
  g.run_offset = &kOneRunOffset;
  g.run_start = &kOneRunStart;
  g.panel = packed_->data() + panels_ * products() * panel_floats();
  g.out_pitch = out_.x;
  for (Index i = 0; i < rest_.count(); ++i) {
    const Index channel = parts_ * panels_ * width_ + rest_[i].column;
    const Index place = parts_ * block.first * out_.x + channel;
    const Epilogue epilogue = epilogue_.at(channel);
    g.epilogue = &epilogue;
    g.out = maps.output + place;
    g.residual = maps.residual == nullptr ? nullptr : maps.residual + place;
    g.columns = rest_[i].columns;
    PitchedStretch(kernels_.gemm, rest_[i].vectors, g.depth, pixels).run(g);
    g.panel += channels_ * rest_.width(i);
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
  const Index fewest = 2 * least_rows(kernels) - 1;
  if (pixels_of(p).volume() < fewest)
    return Objection{"needs at least " + std::to_string(fewest) + " pixels"};
  if (!pays(p)) return Objection{"would add more than it saves", true};
  return std::nullopt;
}

std::unique_ptr<const Executor> make_strassen(const Problem& p) { return std::make_unique<Strassen>(p); }

}  // namespace convolith
