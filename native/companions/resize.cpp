#include "companions/resize.h"

#include <cstring>

#include "base/arena.h"
#include "companions/parallel.h"
#include "isa/isa.h"
#include "kernels/table.h"

namespace convolith {

/** Rows are blended whole before their pixels are: half the work where maps grow, and whole vectors even of
 * one channel. */
void run_resize_bilinear(const ResizeShape& s, const float* x, const BilinearTables& tables, float* out) {
  const ResampleKernels& kernels = current_kernels().resample;
  const Index input_row = s.input_width * s.channels;
  const Index row_size = s.width * s.channels;
  parallel_rows(s.batch * s.height, row_size, [&](Index begin, Index end) {
    float* blended = thread_arena(input_row * static_cast<Index>(sizeof(float)));
    for (Index i = begin; i < end; ++i) {
      const Index row = i % s.height;
      const float* map = x + i / s.height * s.input_height * input_row;
      const float* source = map + tables.low[row] * input_row;
      if (tables.high[row] != tables.low[row] && tables.fraction[row] != 0.0F) {
        kernels.blend({source, map + tables.high[row] * input_row, blended, input_row, tables.fraction[row]});
        source = blended;
      }
      kernels.blend_pixels({source, tables.low + s.height, tables.high + s.height, tables.fraction + s.height,
                            out + i * row_size, s.width, s.channels});
    }
  });
}

void run_resize_nearest(const ResizeShape& s, const float* x, const std::int32_t* places, float* out) {
  const Index row_size = s.width * s.channels;
  const auto row_bytes = static_cast<std::size_t>(row_size) * sizeof(float);
  const auto pixel_bytes = static_cast<std::size_t>(s.channels) * sizeof(float);
  parallel_rows(s.batch * s.height, row_size, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index row = i % s.height;
      float* to = out + i * row_size;
      if (i > begin && row > 0 && places[row] == places[row - 1]) {
        std::memcpy(to, to - row_size, row_bytes);
        continue;
      }
      const float* from = x + (i / s.height * s.input_height + places[row]) * s.input_width * s.channels;
      for (Index column = 0; column < s.width; ++column, to += s.channels) {
        const float* pixel = from + places[s.height + column] * s.channels;
        if (s.channels <= 4) {
          for (Index c = 0; c < s.channels; ++c) to[c] = pixel[c];
        } else {
          std::memcpy(to, pixel, pixel_bytes);
        }
      }
    }
  });
}

}  // namespace convolith
