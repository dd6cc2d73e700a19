#include "companions/window.h"

#include <algorithm>
#include <vector>

#include "companions/parallel.h"
#include "isa/isa.h"
#include "kernels/table.h"

namespace convolith {

namespace {

/** The taps of a window along one axis that lie inside of the map. */
struct Span {
  Index first = 0, count = 0;
};

Span span_of(const PoolShape& s, int axis, Index output) {
  const Index corner = output * s.stride[axis] - s.padding[axis];
  const Index step = s.dilation[axis];
  const Index skipped = corner < 0 ? std::min(ceil_div(-corner, step), s.window[axis]) : 0;
  const Index room = s.input[axis] - corner;
  const Index end = room <= 0 ? 0 : std::min(s.window[axis], ceil_div(room, step));
  return {corner + skipped * step, std::max<Index>(0, end - skipped)};
}

/** Calls back for runs of windows of one row that have the same taps: a border's window each, the inner ones
 * as one. Tap offsets count from the first window's own, in elements. */
class RowWalk {
 public:
  explicit RowWalk(const PoolShape& shape) : s_(shape) {}

  template <class Visit>
  void row(Index z, Index y, const Visit& visit) {
    const Span depths = span_of(s_, 0, z);
    const Span rows = span_of(s_, 1, y);
    Index x = 0;
    while (x < s_.output[2]) {
      const Span columns = span_of(s_, 2, x);
      Index end = x + 1;
      if (columns.count == s_.window[2]) {
        // The last window whose taps are all inside.
        const Index reach = (s_.window[2] - 1) * s_.dilation[2];
        end = std::min(s_.output[2], (s_.input[2] - 1 - reach + s_.padding[2]) / s_.stride[2] + 1);
      }
      set_taps(depths, rows, columns);
      visit(taps_, x, end - x);
      x = end;
    }
  }

 private:
  void set_taps(const Span& depths, const Span& rows, const Span& columns) {
    taps_.clear();
    for (Index i = 0; i < depths.count; ++i) {
      for (Index j = 0; j < rows.count; ++j) {
        for (Index k = 0; k < columns.count; ++k) {
          const Index z = depths.first + i * s_.dilation[0];
          const Index y = rows.first + j * s_.dilation[1];
          const Index x = columns.first + k * s_.dilation[2];
          taps_.push_back(((z * s_.input[1] + y) * s_.input[2] + x) * s_.channels);
        }
      }
    }
  }

  const PoolShape& s_;
  std::vector<Index> taps_;
};

Index input_size(const PoolShape& s) { return s.input[0] * s.input[1] * s.input[2] * s.channels; }
Index output_size(const PoolShape& s) { return s.output[0] * s.output[1] * s.output[2] * s.channels; }

/** Channels of a task of a gradient: overlapping windows write the same values, so tasks share no channel. */
constexpr Index kGradChannels = 64;

}  // namespace

void run_pool(PoolOp op, const PoolShape& s, const float* x, float* out) {
  const WindowKernels& window = current_kernels().window;
  const auto kernel = op == PoolOp::max ? window.max : window.avg;
  const Index rows = s.output[0] * s.output[1];
  const Index row_size = s.output[2] * s.channels;
  const Index work = row_size * s.window[0] * s.window[1] * s.window[2];
  parallel_rows(s.batch * rows, work, [&](Index begin, Index end) {
    RowWalk walk(s);
    for (Index row = begin; row < end; ++row) {
      const Index z = row % rows / s.output[1];
      const float* map = x + row / rows * input_size(s);
      walk.row(z, row % s.output[1], [&](const std::vector<Index>& taps, Index first, Index pixels) {
        PoolRun run;
        run.x = map;
        run.taps = taps.data();
        run.tap_count = static_cast<Index>(taps.size());
        run.step = s.stride[2] * s.channels;
        run.pixels = pixels;
        run.channels = s.channels;
        run.out = out + row * row_size + first * s.channels;
        run.divisor = static_cast<float>(s.empty_is_zero ? std::max<Index>(1, run.tap_count) : run.tap_count);
        kernel(run);
      });
    }
  });
}

void run_pool_grad(const PoolShape& s, const float* dy, const float* x, float* dx, bool last) {
  const WindowKernels& window = current_kernels().window;
  const auto kernel = x == nullptr ? window.avg_grad : window.max_grad;
  std::fill_n(dx, s.batch * input_size(s), 0.0F);
  const Index parts = ceil_div(s.channels, kGradChannels);
  const Index pixels_out = s.output[0] * s.output[1] * s.output[2];
  const Index work = pixels_out * kGradChannels * s.window[0] * s.window[1] * s.window[2];
  parallel_rows(s.batch * parts, work, [&](Index begin, Index end) {
    RowWalk walk(s);
    std::vector<Index> order;
    for (Index part = begin; part < end; ++part) {
      const Index batch = part / parts;
      const Index channel = part % parts * kGradChannels;
      for (Index row = 0; row < s.output[0] * s.output[1]; ++row) {
        walk.row(row / s.output[1], row % s.output[1],
                 [&](const std::vector<Index>& taps, Index first, Index pixels) {
                   order.assign(taps.begin(), taps.end());
                   // The last of equals is the first from behind.
                   if (last) std::reverse(order.begin(), order.end());
                   const Index place = batch * input_size(s) + channel;
                   PoolGradRun run;
                   run.x = x == nullptr ? nullptr : x + place;
                   run.dx = dx + place;
                   run.taps = order.data();
                   run.tap_count = static_cast<Index>(order.size());
                   run.step = s.stride[2] * s.channels;
                   run.pixels = pixels;
                   run.channels = std::min(kGradChannels, s.channels - channel);
                   run.channel_stride = s.channels;
                   run.dy = dy + batch * output_size(s) + (row * s.output[2] + first) * s.channels + channel;
                   run.share = 1.0F / static_cast<float>(s.window[0] * s.window[1] * s.window[2]);
                   kernel(run);
                 });
      }
    }
  });
}

}  // namespace convolith
