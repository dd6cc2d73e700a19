#include <algorithm>

#include "algorithms/depthwise_core.h"

namespace convolith {

/**
 * Of a kernel too wide for one, that of as many equal parts as it takes. Where outputs one below the other
 * share no rows of input, a line at a time is as good: 1×15 would take 1.6 of the time, 1×5 0.95 to 1.1, 4×4
 * by 4 1.2.
 */
const DepthwiseSlider* DepthwiseCore::choose_any_slider() const {
  const Index reach = ceil_div(lattice_.x.tap_count(), slide_x_.stride);
  const Index parts = ceil_div(reach, kMaxReach);
  const DepthwiseSlider& slider = kernels_.depthwise.any_slider[ceil_div(reach, parts) - 1];
  const bool fits = slider.slide != nullptr && slider.rows <= lattice_.y.count / slide_y_.phases;
  return fits && lattice_.y.tap_count() > slide_y_.stride ? &slider : nullptr;
}

/** Those of the kernel's slices that an output slice meets, which lie side by side. */
DepthwiseCore::Slices DepthwiseCore::slices_met(Index z) const {
  const Index taps = lattice_.z.tap_count();
  const auto exists = [&](Index tap) { return lattice_.z.source(lattice_.z.coordinate(z, tap)) >= 0; };
  Slices met;
  while (met.first < taps && !exists(met.first)) ++met.first;
  while (met.first + met.count < taps && exists(met.first + met.count)) ++met.count;
  return met;
}

/**
 * A piece's input rows, run by run: of each slice, the rows of a kernel that are a stride apart. Rows of the
 * kernel that only meet padding are left out.
 */
void DepthwiseCore::name_rows(DepthwiseSlide& t, const Source& source, const Block& block, const float* zeros,
                              Work& w) const {
  const Slices& met = block.met;
  const Index taps = lattice_.y.tap_count(), stride = slide_y_.stride, outputs = block.slider.rows;
  const auto offset = [&](Index row) { return block.y_offset[row * slide_y_.step]; };
  Index above = 0, end = window(block.slider);
  while (above < end && offset(above) < 0) ++above;
  while (end > above && offset(end - 1) < 0) --end;
  const Index first = std::max<Index>(above - (outputs - 1) * stride, 0), last = std::min(end, taps);
  const float** input = w.inputs;
  TapRun* run = w.runs;
  for (Index slice = 0; slice < met.count; ++slice) {
    const float* base = source.base + slice * source.z_stride;
    for (Index tap = first; tap < std::min(first + stride, last); ++tap, ++run) {
      const Index weights = ((met.first + slice) * taps + tap) * lattice_.x.tap_count();
      *run = {input, weights * weight_stride_, ceil_div(last - tap, stride)};
      for (Index i = 0; i < run->taps + outputs - 1; ++i) {
        const Index y = offset(tap + i * stride);
        *input++ = y < 0 ? zeros : base + y;
      }
    }
  }
  t.any = {lattice_.x.tap_count(),
           slide_x_.stride,
           stride * lattice_.x.tap_count() * weight_stride_,
           w.runs,
           run,
           w.lag};
}

}  // namespace convolith
