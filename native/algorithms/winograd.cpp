// Winograd F(4×4, 3×3) over blocks of tiles: transform the inputs, 36 products of tiles × channels by
// channels × outputs, transform back. A block's transformed inputs and one panel's sums stay in cache. With
// dilation d the map is d × d interleaved undilated ones, which is only a matter of which pixels a tile
// points at.

#include <algorithm>

#include "algorithms/candidates.h"
#include "algorithms/epilogue_data.h"
#include "algorithms/lattice.h"
#include "algorithms/panels.h"
#include "algorithms/staging.h"
#include "base/arena.h"

namespace convolith {

namespace {

constexpr Index kFloat = sizeof(float);
constexpr int kOut = kWinogradOut;
constexpr int kIn = kWinogradIn;
constexpr int kPoints = kWinogradPoints;

/** Transformed inputs of a block. */
constexpr Index kInputBudget = Index{768} << 10;

/** Tiles along one axis: `dilation` interleaved maps, each of `tiles` tiles. */
struct TileAxis {
  Index outputs = 0, dilation = 1, first_input = 0, tiles = 0;

  TileAxis(const LatticeAxis& axis, Index dilation_)
      : outputs(axis.count),
        dilation(dilation_),
        first_input(axis.taps.front().offset),
        tiles(ceil_div(ceil_div(outputs, dilation_), kOut)) {}

  Index count() const { return std::min(dilation, outputs) * tiles; }
  /** Output coordinate `i` of tile `t`, which may lie outside. */
  Index output(Index t, Index i) const { return t / tiles + (t % tiles * kOut + i) * dilation; }
  /** Input coordinate `i` of tile `t`. */
  Index input(Index t, Index i) const { return output(t, i) + first_input; }
};

/** G g Gᵀ with G of F(4, 3), in double. */
void transform_weights(const float* g, double (&u)[kPoints]) {
  static constexpr double kG[kIn][3] = {{1.0 / 4, 0, 0},
                                        {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                        {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                        {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                        {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                        {0, 0, 1}};
  double half[kIn][3];
  for (int i = 0; i < kIn; ++i) {
    for (int j = 0; j < 3; ++j) half[i][j] = kG[i][0] * g[j] + kG[i][1] * g[3 + j] + kG[i][2] * g[6 + j];
  }
  for (int i = 0; i < kIn; ++i) {
    for (int j = 0; j < kIn; ++j) {
      u[i * kIn + j] = half[i][0] * kG[j][0] + half[i][1] * kG[j][1] + half[i][2] * kG[j][2];
    }
  }
}

class Winograd final : public Executor {
 public:
  explicit Winograd(const Problem& p)
      : kernels_(p.kernels),
        lattice_(full_lattice(p)),
        rows_(lattice_.y, p.spec().dilation.h),
        columns_(lattice_.x, p.spec().dilation.w),
        epilogue_(p.stage()),
        batch_(p.geometry.batch),
        channels_(p.spec().in_channels),
        channels_last_(p.spec().channels_last),
        in_(channels_last_, channels_, p.geometry.input),
        out_(channels_last_, p.spec().out_channels, p.geometry.output),
        panels_(p.spec().out_channels, channels_, p.kernels.gemm),
        pitch_(round_up(channels_, 16) + 16),
        zeros_(std::max<Index>(channels_, kMaxTileVectors * 16)) {
    const Index most = std::max<Index>(kInputBudget / (kPoints * pitch_ * kFloat), panels_.tile_rows);
    block_columns_ = std::min(columns_.count(), most);
    block_columns_ = ceil_div(columns_.count(), ceil_div(columns_.count(), block_columns_));
    block_rows_ = std::clamp<Index>(most / block_columns_, 1, rows_.count());
    block_rows_ = ceil_div(rows_.count(), ceil_div(rows_.count(), block_rows_));
    packed_ =
        p.weights.packed("winograd lanes " + std::to_string(panels_.lanes), [&] { return pack(p.stage()); });
  }

  Index tasks(int threads) const override { return blocks() * parts(threads); }
  void run(const Buffers& buffers, Index task, int threads, float* scratch) const override;
  Index workspace_bytes() const override {
    Scratch measure;
    take_work(measure);
    return measure.used();
  }
  Index packed_bytes() const override { return packed_->bytes(); }
  std::string tile() const override {
    return "F(4x4,3x3) " + std::to_string(panels_.tile_rows) + "x" +
           std::to_string(panels_.max_width() / panels_.lanes);
  }

 private:
  /** A rectangle of tiles of one image. */
  struct Block {
    Index image = 0, row = 0, column = 0, rows = 0, columns = 0;
    Index tiles() const { return rows * columns; }
  };
  struct Work {
    float* staged;
    Index* y_list;
    Index* y_row;        // [rows][6], among the staged ones
    Index* y_offset;     // [rows][6]
    Index* x_offset;     // [columns][6]
    float* inputs;       // [point][tile][pitch]
    const float** rows;  // [point][tile]
    float* sums;         // [point][tile][width of a panel]
    Index* sum_offset;   // [tile]
    Index* out_offset;   // [tile][4][4] of the output map, or of the planes where channels come first
    float* planes;       // [tile][4][4][width of a panel]
    float* residual_planes;
  };

  /** With all nine taps, those that meet only padding included. */
  static Lattice full_lattice(const Problem& p) {
    Lattice lattice = standard_lattice(p.spec(), p.geometry);
    const auto refill = [](LatticeAxis& axis, Index dilation, Index pad) {
      axis.taps.clear();
      for (Index k = 0; k < 3; ++k) axis.taps.push_back({k, k * dilation - pad});
    };
    refill(lattice.y, p.spec().dilation.h, p.geometry.pad_before.h);
    refill(lattice.x, p.spec().dilation.w, p.geometry.pad_before.w);
    return lattice;
  }

  Index blocks() const {
    return batch_ * ceil_div(rows_.count(), block_rows_) * ceil_div(columns_.count(), block_columns_);
  }
  Index parts(int threads) const {
    if (threads == 1 || blocks() >= Index{4} * threads) return 1;
    return std::min(panels_.count(), ceil_div(Index{2} * threads, blocks()));
  }
  Index point_stride() const { return block_rows_ * block_columns_ * pitch_ + 16; }

  AlignedBuffer pack(const Stage& stage) const;
  Work take_work(Scratch& scratch) const;
  const float* locate(const Block& block, const Buffers& buffers, Work& w) const;
  void transform_inputs(const Block& block, const float* base, Work& w) const;
  void compute_panel(const Block& block, const Buffers& buffers, Index panel, Work& w) const;
  Index plane_pixel(const Block& block, Index tile, Index output) const;
  void move_planes(const Block& block, const float* from, float* to, Index panel, Work& w) const;

  const KernelTable& kernels_;
  const Lattice lattice_;
  const TileAxis rows_, columns_;
  const EpilogueData epilogue_;
  const Index batch_, channels_;
  const bool channels_last_;
  const MapStrides in_, out_;
  const Panels panels_;
  const Index pitch_;
  const AlignedBuffer zeros_;
  Index block_rows_ = 1, block_columns_ = 1;
  std::shared_ptr<const AlignedBuffer> packed_;  // [panel][point][channel][width]
};

AlignedBuffer Winograd::pack(const Stage& stage) const {
  AlignedBuffer packed(kPoints * channels_ * panels_.padded_channels());
  for (Index i = 0; i < panels_.count(); ++i) {
    const int width = panels_.width(i);
    float* panel = packed.data() + kPoints * channels_ * panels_[i].column;
    // Columns innermost: 36 streams of neighbouring floats instead of 36 scattered ones.
    for (Index c = 0; c < channels_; ++c) {
      for (int j = 0; j < panels_[i].columns; ++j) {
        double u[kPoints];
        transform_weights(stage.weight.data() + ((panels_[i].column + j) * channels_ + c) * 9, u);
        for (int p = 0; p < kPoints; ++p) panel[(p * channels_ + c) * width + j] = static_cast<float>(u[p]);
      }
    }
  }
  return packed;
}

Winograd::Work Winograd::take_work(Scratch& scratch) const {
  const Index tiles = block_rows_ * block_columns_;
  const Index planes = channels_last_ ? 0 : tiles * kOut * kOut * panels_.max_width();
  // Staged columns of a block: all that lie between its first and last; interleaved maps span the whole row.
  const Index span = columns_.dilation > 1
                         ? columns_.input(columns_.count() - 1, kIn - 1) - columns_.input(0, 0) + 1
                         : block_columns_ * kOut + 2;
  Work w{};
  w.staged = scratch.take<float>(channels_last_ ? 0 : block_rows_ * kIn * span * channels_);
  w.y_list = scratch.take<Index>(block_rows_ * kIn);
  w.y_row = scratch.take<Index>(block_rows_ * kIn);
  w.y_offset = scratch.take<Index>(block_rows_ * kIn);
  w.x_offset = scratch.take<Index>(block_columns_ * kIn);
  w.inputs = scratch.take<float>(kPoints * point_stride());
  w.rows = scratch.take<const float*>(kPoints * tiles);
  w.sums = scratch.take<float>(kPoints * (tiles * panels_.max_width() + 16));
  w.sum_offset = scratch.take<Index>(tiles);
  w.out_offset = scratch.take<Index>(tiles * kOut * kOut);
  w.planes = scratch.take<float>(planes);
  w.residual_planes = scratch.take<float>(planes);
  return w;
}

/** Offset tables of the block's tiles, and the staged rows where channels come first; what the offsets count
 * from. */
const float* Winograd::locate(const Block& block, const Buffers& buffers, Work& w) const {
  const float* image = buffers.input + block.image * in_.image;
  Index first = columns_.input(block.column, 0);
  Index last = first;
  for (Index t = 0; t < block.columns; ++t) {
    first = std::min(first, columns_.input(block.column + t, 0));
    last = std::max(last, columns_.input(block.column + t, kIn - 1));
  }
  const Index width = last - first + 1;
  Index staged_rows = 0;
  for (Index t = 0; t < block.rows; ++t) {
    for (Index i = 0; i < kIn; ++i) {
      const Index at = rows_.input(block.row + t, i);
      // A tile's first two rows are the last two of the one before it, unless that is of another interleaved
      // map.
      const bool shared = t > 0 && i < kIn - kOut && at == rows_.input(block.row + t - 1, i + kOut);
      Index& row = w.y_row[t * kIn + i];
      row = shared ? w.y_row[(t - 1) * kIn + i + kOut] : staged_rows;
      if (!shared) w.y_list[staged_rows++] = at;
      const Index source = lattice_.y.source(at);
      w.y_offset[t * kIn + i] = source < 0       ? source
                                : channels_last_ ? source * in_.y
                                                 : row * width * channels_;
    }
  }
  for (Index t = 0; t < block.columns; ++t) {
    for (Index i = 0; i < kIn; ++i) {
      const Index at = columns_.input(block.column + t, i);
      const Index source = lattice_.x.source(at);
      const Index offset = channels_last_ ? source * in_.x : (at - first) * channels_;
      w.x_offset[t * kIn + i] = source < 0 ? source : offset;
    }
  }
  if (channels_last_) return image;
  const Index slice = 0;
  const Region region{&slice, w.y_list, 1, staged_rows, first, width};
  stage_region(lattice_, region, image, in_, {0, channels_, 1, channels_}, kernels_, w.staged);
  return w.staged;
}

void Winograd::transform_inputs(const Block& block, const float* base, Work& w) const {
  const float* pixels[kPoints];
  WinogradInput t;
  t.pixels = pixels;
  t.point_stride = point_stride();
  t.channels = channels_;
  for (Index row = 0; row < block.rows; ++row) {
    for (Index column = 0; column < block.columns; ++column) {
      for (int i = 0; i < kIn; ++i) {
        const Index y = w.y_offset[row * kIn + i];
        for (int j = 0; j < kIn; ++j) {
          const Index x = w.x_offset[column * kIn + j];
          pixels[i * kIn + j] = (y | x) < 0 ? zeros_.data() : base + y + x;
        }
      }
      const Index tile = row * block.columns + column;
      t.out = w.inputs + tile * pitch_;
      kernels_.winograd.input(t);
      for (int p = 0; p < kPoints; ++p) w.rows[p * block.tiles() + tile] = t.out + p * t.point_stride;
      for (int i = 0; i < kOut; ++i) {
        const Index y = rows_.output(block.row + row, i);
        for (int j = 0; j < kOut; ++j) {
          const Index x = columns_.output(block.column + column, j);
          const bool inside = y < rows_.outputs && x < columns_.outputs;
          w.out_offset[(tile * kOut + i) * kOut + j] = inside ? y * out_.y + x * out_.x : -1;
        }
      }
    }
  }
}

void Winograd::compute_panel(const Block& block, const Buffers& buffers, Index panel, Work& w) const {
  const Index tiles = block.tiles();
  const int width = panels_.width(panel);
  const Index point_stride = tiles * width + 16;
  const Index channel = panels_[panel].column;
  const Index map = block.image * out_.image + channel * out_.channel;
  const float* weights = packed_->data() + kPoints * channels_ * channel;
  for (Index i = 0; i < tiles; ++i) w.sum_offset[i] = i * width;

  // Sums alone: bias and activation follow the transform back.
  Epilogue none;
  none.bias = zeros_.data();
  none.linear = true;
  const std::int32_t start = 0;
  GemmTile g;
  g.run_start = &start;
  g.runs = 1;
  g.k_end = channels_;
  g.columns = width;
  g.epilogue = &none;
  const GemmKernel* kernels = kernels_.gemm.tile[panels_[panel].vectors - 1];
  const Index cuts = ceil_div(tiles, panels_.tile_rows);
  for (int p = 0; p < kPoints; ++p) {
    g.panel = weights + p * channels_ * width;
    g.out = w.sums + p * point_stride;
    for (Index i = 0; i < cuts; ++i) {
      const Index first = tiles * i / cuts;
      const Index rows = tiles * (i + 1) / cuts - first;
      g.rows = w.rows + p * tiles + first;
      g.out_offset = w.sum_offset + first;
      kernels[rows - 1](g);
    }
  }

  const Epilogue epilogue = epilogue_.at(channel);
  WinogradOutput t;
  t.point_stride = point_stride;
  t.columns = panels_[panel].columns;
  t.epilogue = &epilogue;
  Index plane_offset[kOut * kOut];
  if (channels_last_) {
    t.out = buffers.output + map;
    t.residual = buffers.residual == nullptr ? nullptr : buffers.residual + map;
  } else {
    t.out = w.planes;
    if (buffers.residual != nullptr) {
      move_planes(block, buffers.residual + map, nullptr, panel, w);
      t.residual = w.residual_planes;
    }
  }
  for (Index i = 0; i < tiles; ++i) {
    const Index* offset = w.out_offset + i * kOut * kOut;
    t.sums = w.sums + i * width;
    t.out_offset = offset;
    if (!channels_last_) {
      for (int o = 0; o < kOut * kOut; ++o) {
        plane_offset[o] = offset[o] < 0 ? -1 : plane_pixel(block, i, o) * width;
      }
      t.out_offset = plane_offset;
    }
    kernels_.winograd.output(t);
  }
  if (!channels_last_) move_planes(block, nullptr, buffers.output + map, panel, w);
}

/** Where output `o` of a tile lies in the planes: rows of pixels, those of tiles side by side in sequence. */
Index Winograd::plane_pixel(const Block& block, Index tile, Index o) const {
  const Index row = tile / block.columns * kOut + o / kOut;
  return (row * block.columns + tile % block.columns) * kOut + o % kOut;
}

/** Between a channels-first map and the planes: into them from `from`, or out of them to `to`. */
void Winograd::move_planes(const Block& block, const float* from, float* to, Index panel, Work& w) const {
  const int width = panels_.width(panel);
  const Index columns = panels_[panel].columns;
  const Index tiles_a_run = columns_.dilation == 1 ? block.columns : 1;
  for (Index row = 0; row < block.rows * kOut; ++row) {
    for (Index first = 0; first < block.columns; first += tiles_a_run) {
      const Index* offset = w.out_offset + ((row / kOut * block.columns + first) * kOut + row % kOut) * kOut;
      if (offset[0] < 0) continue;
      const Index pixel = (row * block.columns + first) * kOut;
      const Index inside =
          ceil_div(columns_.outputs - columns_.output(block.column + first, 0), columns_.dilation);
      const Index count = std::min(tiles_a_run * kOut, inside);
      float* planes = (to == nullptr ? w.residual_planes : w.planes) + pixel * width;
      if (columns_.dilation == 1 && to != nullptr) {
        kernels_.transpose({planes, to + offset[0], width, out_.channel, count, columns});
      } else if (columns_.dilation == 1) {
        kernels_.transpose({from + offset[0], planes, out_.channel, width, columns, count});
      } else {
        for (Index i = 0; i < count; ++i) {
          for (Index c = 0; c < columns; ++c) {
            const Index at = offset[i] + c * out_.channel;
            if (to != nullptr) {
              to[at] = planes[i * width + c];
            } else {
              planes[i * width + c] = from[at];
            }
          }
        }
      }
    }
  }
}

void Winograd::run(const Buffers& buffers, Index task, int threads, float* scratch) const {
  const Index cuts = parts(threads);
  Index index = task / cuts;
  const Index blocks_x = ceil_div(columns_.count(), block_columns_);
  const Index blocks_y = ceil_div(rows_.count(), block_rows_);
  Block block;
  block.column = index % blocks_x * block_columns_;
  index /= blocks_x;
  block.row = index % blocks_y * block_rows_;
  block.image = index / blocks_y;
  block.columns = std::min(block_columns_, columns_.count() - block.column);
  block.rows = std::min(block_rows_, rows_.count() - block.row);

  Scratch memory(scratch);
  Work work = take_work(memory);
  transform_inputs(block, locate(block, buffers, work), work);
  const Index part = task % cuts;
  for (Index i = panels_.count() * part / cuts; i < panels_.count() * (part + 1) / cuts; ++i) {
    compute_panel(block, buffers, i, work);
  }
}

}  // namespace

std::optional<Objection> refuse_winograd(const Problem& p) {
  const ConvSpec& spec = p.spec();
  const ConvGeometry& g = p.geometry;
  if (spec.transposed) return Objection{"serves no transposed convolution"};
  if (!spec.fast_math) return Objection{"changes the rounding, which math 'strict' rules out"};
  if (spec.kernel != Size3{1, 3, 3} || g.input.d != 1 || g.output.d != 1 || g.pad_before.d != 0) {
    return Objection{"needs a 3x3 kernel"};
  }
  if (spec.stride.volume() != 1) return Objection{"needs stride 1"};
  if (spec.groups != 1) return Objection{"needs one group"};
  if (spec.in_channels < 16 || spec.out_channels < 16) {
    return Objection{"would transform for too few channels: fewer than 16", true};
  }
  const Lattice lattice = standard_lattice(spec, g);
  if (lattice.tap_count() == 0) return Objection{"has nothing to transform: every tap meets only padding"};
  // Multiplications a pair of channels: small maps and large dilations leave tiles half empty, while the
  // direct way leaves out the taps in the padding. 1.15: 3x3 on 33x33 at dilation 6 has 1.46 of them to spare
  // and gains 1.27.
  const TileAxis rows(lattice.y, spec.dilation.h);
  const TileAxis columns(lattice.x, spec.dilation.w);
  const Index transformed = rows.count() * columns.count() * kPoints;
  const Index direct = lattice.y.pairs_inside() * lattice.x.pairs_inside();
  if (static_cast<double>(transformed) * 1.15 > static_cast<double>(direct)) {
    return Objection{"would multiply more on this map than im2col-gemm", true};
  }
  return std::nullopt;
}

std::unique_ptr<const Executor> make_winograd(const Problem& p) { return std::make_unique<Winograd>(p); }

}  // namespace convolith
