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
}

Index DepthwiseCore::input_bytes_a_row() const {
  return ((lattice_.x.count - 1) * lattice_.x.in_step + span(lattice_.x)) * 4;
}

DepthwiseCore::Work DepthwiseCore::take_work(Scratch& scratch, Index rows, Index channels) const {
  const Index taps_y = lattice_.y.tap_count();
  const Index input_rows = std::min((rows - 1) * lattice_.y.in_step + span(lattice_.y), rows * taps_y);
  const Index columns = (lattice_.x.count - 1) * lattice_.x.in_step + span(lattice_.x);
  Work w;
  w.staged = scratch.take<float>(staged_ ? lattice_.z.tap_count() * input_rows * columns * channels : 0);
  w.z_list = scratch.take<Index>(lattice_.z.tap_count());
  w.y_list = scratch.take<Index>(input_rows);
  w.y_offset = scratch.take<Index>(rows * taps_y);
  w.x_offset = scratch.take<Index>(lattice_.x.count * lattice_.x.tap_count());
  w.inputs = scratch.take<const float*>(kMaxDepthwisePixels * lattice_.tap_count());
  w.out_offset = scratch.take<Index>(kMaxDepthwisePixels);
  return w;
}

/** Fills the offset tables, and the staged rows where there are any; the base that the offsets count from. */
const float* DepthwiseCore::stage(const Strip& strip, const float* image, Work& w, Index& z_stride) const {
  const LatticeAxis& z = lattice_.z;
  const LatticeAxis& y = lattice_.y;
  const LatticeAxis& x = lattice_.x;
  const Index range = (strip.rows - 1) * y.in_step + span(y);
  const Index height = std::min(range, strip.rows * y.tap_count());
  const bool row_major = height == range;
  const Index y_begin = y.taps.empty() ? 0 : y.coordinate(strip.y0, 0);
  const Index x_begin = x.taps.empty() ? 0 : x.taps.front().offset;
  const Index columns = (x.count - 1) * x.in_step + span(x);
  const Index x_stride = staged_ ? strip.channels : in_.x;
  const Index y_stride = staged_ ? columns * x_stride : in_.y;
  z_stride = staged_ ? height * y_stride : in_.z;
  for (Index i = 0; i < strip.rows; ++i) {
    for (Index t = 0; t < y.tap_count(); ++t) {
      const Index at = y.coordinate(strip.y0 + i, t);
      const Index source = y.source(at);
      const Index local = row_major ? at - y_begin : t * strip.rows + i;
      w.y_offset[i * y.tap_count() + t] = source < 0 ? source : (staged_ ? local : source) * y_stride;
    }
  }
  for (Index i = 0; i < x.count; ++i) {
    for (Index t = 0; t < x.tap_count(); ++t) {
      const Index at = x.coordinate(i, t);
      const Index source = x.source(at);
      w.x_offset[i * x.tap_count() + t] = source < 0 ? source : (staged_ ? at - x_begin : source) * x_stride;
    }
  }
  if (!staged_) return image + strip.channel;
  if (row_major) {
    for (Index i = 0; i < height; ++i) w.y_list[i] = y_begin + i;
  } else {
    for (Index t = 0; t < y.tap_count(); ++t) {
      for (Index i = 0; i < strip.rows; ++i) w.y_list[t * strip.rows + i] = y.coordinate(strip.y0 + i, t);
    }
  }
  for (Index t = 0; t < z.tap_count(); ++t) w.z_list[t] = z.coordinate(strip.z, t);
  const Region region{w.z_list, w.y_list, z.tap_count(), height, x_begin, columns};
  // A strip's channels are whole multiples of the multiplier.
  stage_region(lattice_, region, image, in_,
               {strip.channel / multiplier_, strip.channels / multiplier_, multiplier_, strip.channels},
               kernels_, w.staged);
  return w.staged;
}

void DepthwiseCore::run(const Strip& strip, const float* image, const Target& target, Work& w) const {
  Index z_stride = 0;
  const float* base = stage(strip, image, w, z_stride);
  const Index taps_z = lattice_.z.tap_count();
  const Index taps_y = lattice_.y.tap_count();
  const Index taps_x = lattice_.x.tap_count();
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
  for (Index y = 0; y < strip.rows; ++y) {
    for (Index x0 = 0; x0 < lattice_.x.count; x0 += kMaxDepthwisePixels) {
      const int pixels = static_cast<int>(std::min<Index>(kMaxDepthwisePixels, lattice_.x.count - x0));
      const float** inputs = w.inputs;
      for (int i = 0; i < pixels; ++i) {
        const Index* x_offset = w.x_offset + (x0 + i) * taps_x;
        for (Index tz = 0; tz < taps_z; ++tz) {
          const Index z = lattice_.z.source(lattice_.z.coordinate(strip.z, tz));
          const Index z_offset = z < 0 ? z : (staged_ ? tz : z) * z_stride;
          for (Index ty = 0; ty < taps_y; ++ty) {
            const Index zy =
                (z_offset | w.y_offset[y * taps_y + ty]) < 0 ? -1 : z_offset + w.y_offset[y * taps_y + ty];
            for (Index tx = 0; tx < taps_x; ++tx) {
              *inputs++ = (zy | x_offset[tx]) < 0 ? zeros_.data() : base + zy + x_offset[tx];
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
