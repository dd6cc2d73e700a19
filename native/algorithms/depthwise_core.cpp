#include "algorithms/depthwise_core.h"

#include <algorithm>

namespace convolith {

namespace {

Index span(const LatticeAxis& axis) {
  return axis.taps.empty() ? 1 : axis.taps.back().offset - axis.taps.front().offset + 1;
}

AlignedBuffer pack_taps(const Stage& stage, const Lattice& lattice, Index stride) {
  const ConvSpec& spec = stage.spec;
  const Index kernel_taps = spec.kernel.volume();
  AlignedBuffer packed(std::max<Index>(lattice.tap_count() * stride, 1));
  float* to = packed.data();
  for (const auto& z : lattice.z.taps) {
    for (const auto& y : lattice.y.taps) {
      for (const auto& x : lattice.x.taps) {
        const Index tap = (z.kernel * spec.kernel.h + y.kernel) * spec.kernel.w + x.kernel;
        // [channels * multiplier, 1, taps], and [channels, multiplier, taps] where transposed: the same
        // order.
        for (Index c = 0; c < spec.out_channels; ++c)
          to[c] = stage.weight[static_cast<std::size_t>(c * kernel_taps + tap)];
        to += stride;
      }
    }
  }
  return packed;
}

/** Input rows that `points` output points of an axis meet. */
Index rows_met(const LatticeAxis& axis, Index points) {
  return std::min((points - 1) * axis.in_step + span(axis), points * axis.tap_count());
}

/** The dilation of an axis whose taps are all there, evenly apart and none left out; 0 otherwise. */
Index even_dilation(const LatticeAxis& axis, Index kernel) {
  if (axis.tap_count() != kernel) return 0;
  if (kernel == 1) return 1;
  return axis.taps[1].offset - axis.taps[0].offset;
}

}  // namespace

DepthwiseCore::DepthwiseCore(const Problem& p, const Lattice& lattice)
    : kernels_(p.kernels),
      lattice_(lattice),
      epilogue_(p.stage()),
      channels_(p.spec().out_channels),
      multiplier_(p.spec().group_out()),
      in_(p.spec().channels_last, p.spec().in_channels, p.geometry.input),
      staged_(!p.spec().channels_last || multiplier_ > 1),
      weight_stride_(round_up(p.spec().out_channels, 16) + 16),
      zeros_(p.spec().out_channels) {
  packed_ = p.weights.packed("depthwise " + lattice_key(lattice),
                             [&] { return pack_taps(p.stage(), lattice_, weight_stride_); });
  block_ = choose_block();
}

const DepthwiseBlock* DepthwiseCore::choose_block() const {
  if (lattice_.z.tap_count() != 1 || lattice_.z.source(lattice_.z.coordinate(0, 0)) != 0 || lattice_.z.count != 1) {
    return nullptr;
  }
  const DepthwiseBlock* best = nullptr;
  Index least = 0;
  for (const DepthwiseBlock& b : kernels_.depthwise.block) {
    const Index dilation_y = even_dilation(lattice_.y, b.kernel_h);
    const Index dilation_x = even_dilation(lattice_.x, b.kernel_w);
    if (dilation_y == 0 || dilation_x == 0) continue;
    if (lattice_.y.in_step != b.stride_h || lattice_.x.in_step != b.stride_w) continue;
    // A dilated block's outputs are a dilation apart; with a stride besides, they would share no input.
    if (b.stride_h * b.stride_w > 1 && dilation_y * dilation_x > 1) continue;
    const Index columns = lattice_.x.count / dilation_x;
    const Index rows = lattice_.y.count / dilation_y;
    if (columns < b.columns || rows < b.rows) continue;
    // Columns computed, those of the overlap twice; a narrow block loads more a sum.
    const Index computed = ceil_div(columns, b.columns) * b.columns * 16 + 16 * columns / b.columns;
    if (best == nullptr || computed < least) {
      best = &b;
      least = computed;
    }
  }
  return best;
}

std::string DepthwiseCore::tile() const {
  if (block_ == nullptr) return "1x" + std::to_string(kMaxDepthwisePixels);
  return std::to_string(block_->rows) + "x" + std::to_string(block_->columns);
}

Index DepthwiseCore::input_bytes_a_row() const {
  return ((lattice_.x.count - 1) * lattice_.x.in_step + span(lattice_.x)) * 4;
}

DepthwiseCore::Work DepthwiseCore::take_work(Scratch& scratch, Index rows, Index channels) const {
  const Index range = (rows - 1) * lattice_.y.in_step + span(lattice_.y);
  const Index columns = (lattice_.x.count - 1) * lattice_.x.in_step + span(lattice_.x);
  Work w;
  w.staged = scratch.take<float>(staged_ ? lattice_.z.tap_count() * rows_met(lattice_.y, rows) * columns * channels : 0);
  w.z_list = scratch.take<Index>(lattice_.z.tap_count());
  w.y_list = scratch.take<Index>(rows_met(lattice_.y, rows));
  w.y_offset = scratch.take<Index>(range);
  w.x_offset = scratch.take<Index>(columns);
  w.inputs = scratch.take<const float*>(std::max<Index>(kMaxDepthwisePixels * lattice_.tap_count(), kMaxBlockWindow));
  w.out_offset = scratch.take<Index>(std::max(kMaxDepthwisePixels, kMaxBlockPixels));
  return w;
}

/** Fills the offset tables, and the staged rows where there are any; the base that the offsets count from. */
const float* DepthwiseCore::locate(const Strip& strip, const float* image, Work& w, Index& z_stride) const {
  const LatticeAxis& z = lattice_.z;
  const LatticeAxis& y = lattice_.y;
  const LatticeAxis& x = lattice_.x;
  const Index range = (strip.rows - 1) * y.in_step + span(y);
  const Index height = rows_met(y, strip.rows);
  const Index y_begin = y.taps.empty() ? 0 : y.coordinate(strip.y0, 0);
  const Index x_begin = x.taps.empty() ? 0 : x.taps.front().offset;
  const Index columns = (x.count - 1) * x.in_step + span(x);
  const Index x_stride = staged_ ? strip.channels : in_.x;
  const Index y_stride = staged_ ? columns * x_stride : in_.y;
  z_stride = staged_ ? height * y_stride : in_.z;
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
  if (!staged_) return image + strip.channel;
  for (Index t = 0; t < z.tap_count(); ++t) w.z_list[t] = z.coordinate(strip.z, t);
  const Region region{w.z_list, w.y_list, z.tap_count(), height, x_begin, columns};
  // A strip's channels are whole multiples of the multiplier.
  stage_region(lattice_, region, image, in_,
               {strip.channel / multiplier_, strip.channels / multiplier_, multiplier_, strip.channels}, kernels_,
               w.staged);
  return w.staged;
}

void DepthwiseCore::run(const Strip& strip, const float* image, const Target& target, Work& w) const {
  Index z_stride = 0;
  const float* base = locate(strip, image, w, z_stride);
  const Epilogue epilogue = epilogue_.at(strip.channel);
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
  if (block_ != nullptr && strip.rows / even_dilation(lattice_.y, block_->kernel_h) >= block_->rows) {
    run_blocks(strip, base, target, t, w);
  } else {
    run_pixels(strip, base, z_stride, target, t, w);
  }
}

/**
 * Blocks side by side, the last of a row or column moved back over its neighbour where it would stick out: some outputs
 * are computed twice, with the same result. With dilation d, for each of the d × d interleaved maps.
 */
void DepthwiseCore::run_blocks(const Strip& strip, const float* base, const Target& target, DepthwiseTile& t,
                               Work& w) const {
  const DepthwiseBlock& b = *block_;
  const Index dy = even_dilation(lattice_.y, b.kernel_h);
  const Index dx = even_dilation(lattice_.x, b.kernel_w);
  const Index window_h = b.window_h();
  const Index window_w = b.window_w();
  for (Index phase_y = 0; phase_y < dy; ++phase_y) {
    const Index rows = ceil_div(strip.rows - phase_y, dy);
    for (Index tile_y = 0; tile_y < rows; tile_y += b.rows) {
      const Index y0 = phase_y + std::min(tile_y, rows - b.rows) * dy;
      for (Index phase_x = 0; phase_x < dx; ++phase_x) {
        const Index columns = ceil_div(lattice_.x.count - phase_x, dx);
        for (Index tile_x = 0; tile_x < columns; tile_x += b.columns) {
          const Index x0 = phase_x + std::min(tile_x, columns - b.columns) * dx;
          const float** inputs = w.inputs;
          for (Index i = 0; i < window_h; ++i) {
            const Index y_offset = w.y_offset[y0 * b.stride_h + i * dy];
            const Index* x_offset = w.x_offset + x0 * b.stride_w;
            for (Index j = 0; j < window_w; ++j) {
              const Index x = x_offset[j * dx];
              *inputs++ = (y_offset | x) < 0 ? zeros_.data() : base + y_offset + x;
            }
          }
          for (Index i = 0; i < b.rows; ++i) {
            for (Index j = 0; j < b.columns; ++j) {
              w.out_offset[i * b.columns + j] = (y0 + i * dy) * target.row + (x0 + j * dx) * target.pixel;
            }
          }
          b.kernel(t);
        }
      }
    }
  }
}

/** Any kernel: rows of pixels, one pointer a pixel and tap. */
void DepthwiseCore::run_pixels(const Strip& strip, const float* base, Index z_stride, const Target& target,
                               DepthwiseTile& t, Work& w) const {
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
          const Index z_offset = z < 0 ? z : (staged_ ? tz : z) * z_stride;
          for (Index ty = 0; ty < y_axis.tap_count(); ++ty) {
            const Index y_offset = w.y_offset[y_axis.coordinate(strip.y0 + y, ty) - y_begin];
            const Index zy = (z_offset | y_offset) < 0 ? -1 : z_offset + y_offset;
            for (Index tx = 0; tx < x_axis.tap_count(); ++tx) {
              const Index x_offset = w.x_offset[x_axis.coordinate(x0 + i, tx) - x_begin];
              *inputs++ = (zy | x_offset) < 0 ? zeros_.data() : base + zy + x_offset;
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
