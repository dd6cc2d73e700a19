#pragma once

#include "algorithms/algorithm.h"
#include "algorithms/lattice.h"

namespace convolith {

/** An image's place in a batch: strides in floats between channels, columns, rows and slices, whatever the
 * layout. */
struct MapStrides {
  Index channel = 0, x = 0, y = 0, z = 0, image = 0;

  MapStrides(bool channels_last, Index channels, const Size3& size)
      : channel(channels_last ? 1 : size.volume()),
        x(channels_last ? channels : 1),
        y(x * size.w),
        z(y * size.h),
        image(channels * size.volume()) {}
};

/**
 * Rows of padded input coordinates to be copied: those of the listed slices and rows, columns [x0, x0 +
 * width). A list, not a box, since a kernel of large dilation meets few of the rows that it spans.
 */
struct Region {
  const Index* z = nullptr;
  const Index* y = nullptr;
  Index depth = 0, height = 0, x0 = 0, width = 0;
};

/** Channels [first, first + count) of a staged region, each repeated `repeat` times; pixel pitch in floats.
 */
struct StagedChannels {
  Index first = 0, count = 0, repeat = 1, pitch = 0;
};

/**
 * Copies a region of one image into scratch, channels last, padding filled in: to[((z * height + y) * width +
 * x) * pitch + c]. The transposition of channels-first maps happens here, on a piece small enough to be read
 * from cache by the kernel.
 */
void stage_region(const Lattice& lattice, const Region& region, const float* image, const MapStrides& strides,
                  const StagedChannels& channels, const KernelTable& kernels, float* to);

}  // namespace convolith
