#include "companions/copy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "companions/parallel.h"
#include "isa/isa.h"
#include "kernels/table.h"

namespace convolith {

namespace {

/** A walk over the outer axes of a region, from any row on. */
class Rows {
 public:
  Rows(const CopyRegion& region, int axes, Index first) : region_(region), axes_(axes) {
    for (int i = axes - 1; i >= 0; --i) {
      const CopyAxis& axis = region.axis[i];
      place_[i] = first % axis.size;
      first /= axis.size;
      from += place_[i] * axis.from_step;
      to += place_[i] * axis.to_step;
    }
  }

  void next() {
    for (int i = axes_ - 1; i >= 0; --i) {
      const CopyAxis& axis = region_.axis[i];
      from += axis.from_step;
      to += axis.to_step;
      if (++place_[i] < axis.size) return;
      place_[i] = 0;
      from -= axis.size * axis.from_step;
      to -= axis.size * axis.to_step;
    }
  }

  /** Offsets of the row's first element. */
  Index from = 0, to = 0;

 private:
  const CopyRegion& region_;
  const int axes_;
  Index place_[kMaxCopyRank] = {};
};

Index rows_of(const CopyRegion& region, int axes) {
  Index rows = 1;
  for (int i = 0; i < axes; ++i) rows *= region.axis[i].size;
  return rows;
}

template <class T>
void copy_row(const T* from, T* to, const CopyAxis& axis) {
  if (axis.to_step == 1 && axis.from_step == 1) {
    // A call of memcpy costs more than a few elements: rows of 3 channels are common.
    if (axis.size <= 8) {
      for (Index i = 0; i < axis.size; ++i) to[i] = from[i];
    } else {
      std::memcpy(to, from, static_cast<std::size_t>(axis.size) * sizeof(T));
    }
  } else if (axis.to_step == 1 && axis.from_step == 0) {
    std::fill_n(to, axis.size, *from);
  } else {
    for (Index i = 0; i < axis.size; ++i) to[i * axis.to_step] = from[i * axis.from_step];
  }
}

template <class T>
void copy_rows(const CopyRegion& region, T* out) {
  const T* from = reinterpret_cast<const T*>(region.from);
  T* to = out + region.to;
  if (region.rank == 0) {
    *to = *from;
    return;
  }
  const CopyAxis inner = region.axis[region.rank - 1];
  if (region.rank == 1) {
    parallel_ranges(inner.size, kTaskValues, [&](Index begin, Index end) {
      copy_row(from + begin * inner.from_step, to + begin * inner.to_step,
               {end - begin, inner.from_step, inner.to_step});
    });
    return;
  }
  const int axes = region.rank - 1;
  parallel_rows(rows_of(region, axes), inner.size, [&](Index begin, Index end) {
    Rows row(region, axes, begin);
    for (Index i = begin; i < end; ++i, row.next()) copy_row(from + row.from, to + row.to, inner);
  });
}

/** The axis along which the source is consecutive while the output is along the innermost one; -1 for none.
 */
int transposed_axis(const CopyRegion& region) {
  if (region.rank < 2) return -1;
  const CopyAxis& inner = region.axis[region.rank - 1];
  if (inner.to_step != 1 || inner.from_step <= 1 || inner.size < 4) return -1;
  for (int i = 0; i < region.rank - 1; ++i) {
    const CopyAxis& axis = region.axis[i];
    if (axis.from_step == 1 && axis.size >= 4 && axis.to_step > 0) return i;
  }
  return -1;
}

/** Matrices are transposed in squares of vectors; the other axes say where each matrix lies. */
void copy_transposed(const CopyRegion& region, float* out, int across) {
  const auto transpose = current_kernels().transpose;
  CopyRegion outer = region;
  const CopyAxis down = region.axis[region.rank - 1];
  const CopyAxis along = region.axis[across];
  for (int i = across; i < region.rank - 2; ++i) outer.axis[i] = region.axis[i + 1];
  outer.rank = region.rank - 2;
  const auto* from = reinterpret_cast<const float*>(region.from);
  float* to = out + region.to;
  const Index matrices = rows_of(outer, outer.rank);
  // A task takes some columns of some matrices.
  constexpr Index kColumns = 64;
  const Index strips = ceil_div(along.size, kColumns);
  parallel_rows(matrices * strips, kColumns * down.size, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Rows matrix(outer, outer.rank, i / strips);
      const Index column = i % strips * kColumns;
      Transposition t;
      t.from = from + matrix.from + column;
      t.to = to + matrix.to + column * along.to_step;
      t.from_stride = down.from_step;
      t.to_stride = along.to_step;
      t.rows = down.size;
      t.columns = std::min(kColumns, along.size - column);
      transpose(t);
    }
  });
}

}  // namespace

void run_copy(const std::vector<CopyRegion>& regions, std::byte* out, Index element_bytes) {
  for (const CopyRegion& region : regions) {
    if (element_bytes == 1) {
      copy_rows(region, reinterpret_cast<std::uint8_t*>(out));
      continue;
    }
    const int across = transposed_axis(region);
    if (across >= 0) {
      copy_transposed(region, reinterpret_cast<float*>(out), across);
    } else {
      copy_rows(region, reinterpret_cast<std::uint32_t*>(out));
    }
  }
}

}  // namespace convolith
