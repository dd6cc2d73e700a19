#include "algorithms/staging.h"

#include <algorithm>
#include <cstring>

namespace convolith {

namespace {

void stage_pixel(const float* from, const MapStrides& strides, const StagedChannels& c, float* to) {
  if (strides.channel == 1 && c.repeat == 1) {
    std::memcpy(to, from + c.first, static_cast<std::size_t>(c.count) * sizeof(float));
    return;
  }
  for (Index i = 0; i < c.count; ++i) {
    const float value = from[(c.first + i) * strides.channel];
    for (Index r = 0; r < c.repeat; ++r) to[i * c.repeat + r] = value;
  }
}

/** Pixels of `Floats` channels that lie apart. Of 16 a call of memcpy each was 4% of the time of 13 groups on
 * 14x14, and 15% of 10 on 20x20 by a stride of 2. */
template <Index Floats>
void copy_pixels(const float* from, Index from_step, float* to, Index to_step, Index count) {
  for (Index i = 0; i < count; ++i)
    std::memcpy(to + i * to_step, from + i * from_step, Floats * sizeof(float));
}

/** Columns [x, x + count) of the input, all inside, into consecutive staged pixels. */
void stage_columns(const float* row, Index x, Index count, const MapStrides& strides, const StagedChannels& c,
                   const KernelTable& kernels, float* to) {
  const bool dense = c.count == c.pitch && strides.x == c.pitch && (strides.channel == 1 || c.count == 1);
  const bool together = strides.channel == 1 && c.repeat == 1;
  if (dense && c.repeat == 1) {
    std::memcpy(to, row + x * strides.x + c.first * strides.channel,
                static_cast<std::size_t>(count * c.pitch) * sizeof(float));
  } else if (strides.channel != 1 && c.repeat == 1) {
    kernels.transpose({row + c.first * strides.channel + x, to, strides.channel, c.pitch, c.count, count});
  } else if (together && c.count == 8) {
    copy_pixels<8>(row + x * strides.x + c.first, strides.x, to, c.pitch, count);
  } else if (together && c.count == 16) {
    copy_pixels<16>(row + x * strides.x + c.first, strides.x, to, c.pitch, count);
  } else {
    for (Index i = 0; i < count; ++i) stage_pixel(row + (x + i) * strides.x, strides, c, to + i * c.pitch);
  }
}

void stage_row(const LatticeAxis& axis, const Region& region, const float* row, const MapStrides& strides,
               const StagedChannels& c, const KernelTable& kernels, float* to) {
  const Index inside_begin = std::clamp(-region.x0, Index{0}, region.width);
  const Index inside_end = std::clamp(axis.in_size - region.x0, inside_begin, region.width);
  const auto border = [&](Index begin, Index end) {
    if (axis.mode == PaddingMode::zeros) {
      for (Index i = begin * c.pitch; i < end * c.pitch; ++i) to[i] = 0.0F;
      return;
    }
    for (Index i = begin; i < end; ++i) {
      const Index x = axis.source(region.x0 + i);
      if (x == LatticeAxis::kOutside) {
        std::memset(to + i * c.pitch, 0, static_cast<std::size_t>(c.count * c.repeat) * sizeof(float));
      } else {
        stage_pixel(row + x * strides.x, strides, c, to + i * c.pitch);
      }
    }
  };
  border(0, inside_begin);
  if (inside_end > inside_begin) {
    stage_columns(row, region.x0 + inside_begin, inside_end - inside_begin, strides, c, kernels,
                  to + inside_begin * c.pitch);
  }
  border(inside_end, region.width);
}

}  // namespace

void stage_region(const Lattice& lattice, const Region& region, const float* image, const MapStrides& strides,
                  const StagedChannels& channels, const KernelTable& kernels, float* to) {
  const Index row_length = region.width * channels.pitch;
  for (Index dz = 0; dz < region.depth; ++dz) {
    const Index z = lattice.z.source(region.z[dz]);
    for (Index dy = 0; dy < region.height; ++dy, to += row_length) {
      const Index y = lattice.y.source(region.y[dy]);
      if (z == LatticeAxis::kOutside || y == LatticeAxis::kOutside) {
        std::memset(to, 0, static_cast<std::size_t>(row_length) * sizeof(float));
      } else {
        stage_row(lattice.x, region, image + z * strides.z + y * strides.y, strides, channels, kernels, to);
      }
    }
  }
}

}  // namespace convolith
