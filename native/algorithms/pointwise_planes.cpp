// Channels-first 1x1 layers as they lie: output channels by input channels times input channels by pixels.
// The pixels are in the lanes, so that nothing is transposed: a panel is rows of the map side by side,
// copied, and sums are stored where they belong.

#include "algorithms/pointwise_planes.h"

#include <algorithm>
#include <cstring>

#include "algorithms/cut.h"
#include "algorithms/epilogue_data.h"
#include "algorithms/staging.h"
#include "base/arena.h"

namespace convolith {

namespace {

constexpr Index kFloat = sizeof(float);

/** Panels of a block stay in the second-level cache while every row of weights passes them. */
constexpr Index kPanelBudget = Index{192} << 10;
/** Of the lanes that the last vectors of a map leave empty, at the most. */
constexpr double kMostEmpty = 0.1;

class PointwisePlanes final : public Executor {
 public:
  PointwisePlanes(const Problem& p, Index out_channel)
      : kernels_(p.kernels),
        epilogue_(p.stage()),
        batch_(p.geometry.batch),
        groups_(p.spec().groups),
        depth_(p.spec().group_in()),
        channels_(p.spec().group_out()),
        output_(p.geometry.output),
        stride_(p.spec().stride),
        in_(false, p.spec().in_channels, p.geometry.input),
        out_channel_(out_channel),
        out_image_(p.spec().out_channels * out_channel),
        pixels_(output_.volume()),
        // Rows of weights a multiple of 4 KiB apart would share the sets of a first-level cache.
        pitch_(depth_ * kFloat % 4096 == 0 ? depth_ + 16 : depth_) {
    const GemmKernels& gemm = kernels_.gemm;
    width_ = Index{gemm.preferred_vectors} * gemm.lanes;
    tile_rows_ = gemm.tile_rows(gemm.preferred_vectors, depth_);
    const Index panels = ceil_div(pixels_, width_);
    const Index fitting = std::clamp<Index>(kPanelBudget / (depth_ * width_ * kFloat), 1, panels);
    blocks_ = ceil_div(panels, fitting);
    block_panels_ = ceil_div(panels, blocks_);
    row_tiles_ = ceil_div(channels_, tile_rows_);
    packed_ = p.weights.packed("pointwise planes", [&] { return pack(p.stage()); });
  }

  Index tasks(int threads) const override { return batch_ * groups_ * blocks_ * parts(threads); }
  void run(const Buffers& buffers, Index task, int threads, float* scratch) const override;
  Index workspace_bytes() const override {
    Scratch measure;
    take_work(measure);
    return measure.used();
  }
  Index packed_bytes() const override { return packed_->bytes(); }
  std::string tile() const override {
    return std::to_string(tile_rows_) + "x" + std::to_string(width_ / kernels_.lanes) + " planes";
  }

 private:
  struct Work {
    float* panels;   // [panel][input channel][width]
    Index* sources;  // [pixel of the block], where the stride is not 1
  };

  Index parts(int threads) const {
    const Index blocks = batch_ * groups_ * blocks_;
    if (threads == 1 || blocks >= Index{4} * threads) return 1;
    return std::min(row_tiles_, ceil_div(Index{4} * threads, blocks));
  }

  Work take_work(Scratch& scratch) const {
    Work w{};
    w.panels = scratch.take<float>(block_panels_ * depth_ * width_);
    w.sources = scratch.take<Index>(block_panels_ * width_);
    return w;
  }

  AlignedBuffer pack(const Stage& stage) const;
  void fill_panels(const float* map, Index first, Index count, Work& w) const;

  const KernelTable& kernels_;
  const EpilogueData epilogue_;
  const Index batch_, groups_, depth_, channels_;
  const Size3 output_, stride_;
  const MapStrides in_;
  const Index out_channel_, out_image_;
  const Index pixels_, pitch_;
  Index width_ = 1, blocks_ = 1, block_panels_ = 1, row_tiles_ = 1;
  int tile_rows_ = 1;
  std::shared_ptr<const AlignedBuffer> packed_;  // [output channel][pitch]
};

AlignedBuffer PointwisePlanes::pack(const Stage& stage) const {
  AlignedBuffer packed(groups_ * channels_ * pitch_);
  for (Index c = 0; c < groups_ * channels_; ++c) {
    std::memcpy(packed.data() + c * pitch_, stage.weight.data() + c * depth_,
                static_cast<std::size_t>(depth_ * kFloat));
  }
  return packed;
}

/** Pixels [first, first + count) of a group's planes into panels, those missing in the last one as zeros. */
void PointwisePlanes::fill_panels(const float* map, Index first, Index count, Work& w) const {
  const bool dense = stride_.volume() == 1;
  for (Index i = 0; i < count && !dense; ++i) {
    const Index x = (first + i) % output_.w;
    const Index row = (first + i) / output_.w;
    w.sources[i] = row / output_.h * stride_.d * in_.z + row % output_.h * stride_.h * in_.y + x * stride_.w;
  }
  for (Index c = 0; c < depth_; ++c) {
    const float* plane = map + c * in_.channel;
    for (Index i = 0; i < count; i += width_) {
      float* to = w.panels + i * depth_ + c * width_;
      const Index here = std::min(width_, count - i);
      if (dense) {
        std::memcpy(to, plane + first + i, static_cast<std::size_t>(here * kFloat));
      } else {
        for (Index j = 0; j < here; ++j) to[j] = plane[w.sources[i + j]];
      }
      for (Index j = here; j < width_; ++j) to[j] = 0.0F;
    }
  }
}

void PointwisePlanes::run(const Buffers& buffers, Index task, int threads, float* scratch) const {
  const Index cuts = parts(threads);
  const Index part = task % cuts;
  Index index = task / cuts;
  const Index first = index % blocks_ * block_panels_ * width_;
  index /= blocks_;
  const Index group = index % groups_;
  const Index image = index / groups_;
  const Index count = std::min(block_panels_ * width_, pixels_ - first);
  if (count <= 0) return;

  Scratch memory(scratch);
  Work w = take_work(memory);
  fill_panels(buffers.input + image * in_.image + group * depth_ * in_.channel, first, count, w);

  const Index map = image * out_image_ + group * channels_ * out_channel_ + first;
  const Epilogue epilogue = epilogue_.at(group * channels_);
  const float* rows[kMaxTileRows];
  Index offsets[kMaxTileRows];
  const std::int32_t start = 0;
  GemmTile t;
  // Rows of 64 pixels from as many planes as a tile has rows: no prefetcher follows them.
  t.fetch_out = true;
  t.rows = rows;
  t.run_start = &start;
  t.runs = 1;
  t.k_end = depth_;
  t.out_offset = offsets;
  t.epilogue = &epilogue;
  const EvenPieces tiles(channels_, row_tiles_);
  for (Index tile = row_tiles_ * part / cuts; tile < row_tiles_ * (part + 1) / cuts; ++tile) {
    const Index channel = tiles.begin(tile);
    const int row_count = tiles.size(tile);
    for (int i = 0; i < row_count; ++i) {
      rows[i] = packed_->data() + (group * channels_ + channel + i) * pitch_;
      offsets[i] = (channel + i) * out_channel_;
    }
    t.row_bias = epilogue.bias + channel;
    for (Index i = 0; i < count; i += width_) {
      t.columns = static_cast<int>(std::min(width_, count - i));
      t.panel = w.panels + i * depth_;
      t.out = buffers.output + map + i;
      t.residual = buffers.residual == nullptr ? nullptr : buffers.residual + map + i;
      kernels_.gemm.tile[width_ / kernels_.lanes - 1][row_count - 1](t);
    }
  }
}

}  // namespace

bool suits_planes(const ConvSpec& spec, const Size3& output, const KernelTable& kernels) {
  // A slope an output channel is a slope a column to the kernels.
  if (spec.channels_last || spec.activation.op == ActivationOp::prelu) return false;
  const Index pixels = output.volume();
  const Index lanes = Index{kernels.gemm.preferred_vectors} * kernels.lanes;
  const auto padded = static_cast<double>(round_up(pixels, lanes));
  return padded - static_cast<double>(pixels) <= kMostEmpty * padded;
}

std::unique_ptr<const Executor> make_pointwise_planes(const Problem& p) {
  return make_pointwise_planes(p, p.geometry.output.volume());
}

std::unique_ptr<const Executor> make_pointwise_planes(const Problem& p, Index out_channel) {
  return std::make_unique<PointwisePlanes>(p, out_channel);
}

}  // namespace convolith
