#include "plan/bands.h"

#include <algorithm>
#include <cstring>

#include "base/thread_pool.h"
#include "kernels/epilogue.h"
#include "spec/spec.h"

namespace convolith {

namespace {

constexpr Index kFloat = sizeof(float);

/** Maps of an image of so many bytes are worth running in bands. */
constexpr Index kFarMap = Index{1} << 20;
/** Lines that stay in the second-level cache beside weights. */
constexpr Index kLineBudget = Index{640} << 10;
/** Fewer rows of the last layer at once make calls too short for what each of them costs. */
constexpr Index kLeastRows = 4;
/** As `Rows::even` has them: a depthwise slide computes two at once, and a single one in another order. */
constexpr Index kTogether = 2;

/** A layer's way down an image: output row o reads input rows [o * stride - pad, … + extent). */
struct RowWalk {
  Index in = 0, out = 0, stride = 1, extent = 1, pad = 0;
  Index in_floats = 0, out_floats = 0;

  explicit RowWalk(const LayerPlan& plan) {
    const ConvSpec& spec = plan.spec();
    const ConvGeometry& g = plan.geometry();
    in = g.input.h;
    out = g.output.h;
    stride = spec.stride.h;
    extent = (spec.kernel.h - 1) * spec.dilation.h + 1;
    pad = g.pad_before.h;
    in_floats = g.input.w * spec.in_channels;
    out_floats = g.output.w * spec.out_channels;
  }

  Index first_in(Index row) const { return std::max<Index>(row * stride - pad, 0); }
  Index end_in(Index end) const { return std::min((end - 1) * stride - pad + extent, in); }
};

/** Dilated rows are interleaved maps, of which even numbers are other rows. */
bool runs_in_bands(const LayerPlan& plan) {
  const ConvSpec& spec = plan.spec();
  const ConvGeometry& g = plan.geometry();
  return plan.serves_rows() && plan.single() && spec.channels_last && !spec.transposed &&
         spec.padding_mode == PaddingMode::zeros && spec.kernel.d == 1 && spec.dilation.h == 1 &&
         g.input.d == 1 && g.output.d == 1 && g.output.h > 1;
}

/** A caller may give maps that are only as long as each other. */
bool fit(const LayerPlan& before, const LayerPlan& after) {
  return before.geometry().batch == after.geometry().batch &&
         before.geometry().output == after.geometry().input &&
         before.spec().out_channels == after.spec().in_channels;
}

Index image_bytes(const LayerPlan& plan) { return plan.output_count() / plan.geometry().batch * kFloat; }

}  // namespace

/** Walks down an image, noting the calls. */
class BandPlanner {
 public:
  explicit BandPlanner(std::span<const std::shared_ptr<const LayerPlan>> layers) : layers_(layers) {
    for (const auto& layer : layers) rows_.emplace_back(*layer);
  }

  /** The most rows of the last layer at once that keep the lines within their budget, as even as they can be;
   * none where they are too few, or leave a thread without any. */
  Index fitting_rows() const {
    const Index all = rows_.back().out;
    const Index most = all / std::max(thread_limit(), 2);
    Index fitting = 0;
    for (Index band = kLeastRows; band <= most && line_floats(band) * kFloat <= kLineBudget;
         band += kTogether) {
      fitting = band;
    }
    return fitting == 0 ? 0 : round_up(ceil_div(all, ceil_div(all, fitting)), kTogether);
  }

  /** Null where an algorithm would not compute a band as it does the whole map. */
  std::unique_ptr<const Bands> plan(Index band) {
    auto bands = std::make_unique<Bands>();
    const Index all = rows_.back().out;
    const Index stripes = std::min<Index>(thread_limit(), ceil_div(all, band));
    const Index each = round_up(ceil_div(all, stripes), kTogether);
    for (Index row = 0; row < all; row += each) {
      const std::vector<Step> steps = walk(row, std::min(row + each, all), band);
      bands->count_ += std::count_if(steps.begin(), steps.end(),
                                     [&](const Step& step) { return step.layer + 1 == rows_.size(); });
      if (!note(steps, *bands)) return nullptr;
    }
    const ConvGeometry& first = layers_.front()->geometry();
    bands->images_ = first.batch;
    bands->input_image_ = layers_.front()->input_count() / first.batch;
    bands->output_image_ = layers_.back()->output_count() / first.batch;
    bands->layer_count_ = static_cast<Index>(rows_.size());
    return bands;
  }

 private:
  /** Rows [begin, end) of a layer, the row at which its lines began before, and the one from which they stay.
   */
  struct Step {
    std::size_t layer;
    Index begin, end;
    Index old_base, base;
  };

  /** Floats of the lines with so many rows of the last layer at once: what each layer needs for the next one.
   */
  Index line_floats(Index band) const {
    Index floats = 0;
    for (std::size_t i = rows_.size() - 1; i > 0; --i) {
      const Index again = std::max<Index>(rows_[i].extent - rows_[i].stride, 0);
      band = std::min(round_up(band * rows_[i].stride, kTogether) + again, rows_[i].in);
      floats += band * rows_[i].in_floats;
    }
    return floats;
  }

  /** The steps of rows [row, row_end) of the last layer. */
  std::vector<Step> walk(Index row, Index row_end, Index band) const {
    const std::size_t count = rows_.size();
    // Of each layer's output: rows computed so far, and the first of them that is kept.
    std::vector<Index> done(count, row), end(count);
    for (std::size_t i = count - 1; i > 0; --i) {
      done[i - 1] = rows_[i].first_in(done[i]) / kTogether * kTogether;
    }
    std::vector<Index> base = done;
    std::vector<Step> steps;
    while (done.back() < row_end) {
      // A short rest goes along with the band before it.
      end.back() = row_end - done.back() <= band + band / 2 ? row_end : done.back() + band;
      for (std::size_t i = count - 1; i > 0; --i) {
        const Index needed = std::min(round_up(rows_[i].end_in(end[i]), kTogether), rows_[i].in);
        end[i - 1] = end[i] > done[i] ? std::max(needed, done[i - 1]) : done[i - 1];
      }
      for (std::size_t i = 0; i < count; ++i) {
        if (end[i] == done[i]) continue;
        const Index old_base = base[i];
        if (i + 1 < count)
          base[i] = std::max(std::min(rows_[i + 1].first_in(done[i + 1]), done[i]), old_base);
        steps.push_back({i, done[i], end[i], old_base, base[i]});
        done[i] = end[i];
      }
    }
    return steps;
  }

  /** Makes a stripe's calls of its steps. */
  bool note(const std::vector<Step>& steps, Bands& bands) const {
    const std::size_t count = rows_.size();
    std::vector<Index> most(count, 0), start(count, 0), base(count, 0);
    for (const Step& step : steps) most[step.layer] = std::max(most[step.layer], step.end - step.base);
    Index floats = 0;
    for (std::size_t i = 0; i + 1 < count; ++i) {
      start[i] = floats;
      floats += round_up(most[i] * rows_[i].out_floats, kLineFloats);
    }
    bands.stripe_floats_ = std::max(bands.stripe_floats_, floats);
    std::vector<Bands::Call> calls;
    for (const Step& step : steps) {
      const std::size_t i = step.layer;
      const RowWalk& rows = rows_[i];
      const LayerPlan* plan = plan_rows(i, step.begin, step.end, bands);
      if (plan == nullptr) return false;
      const Index first_in = rows.first_in(step.begin);
      Bands::Call call{
          plan, 0, 0, 0, first_in * rows.in_floats, step.begin * rows.out_floats, i == 0, i + 1 == count};
      if (!call.first) call.from = start[i - 1] + (first_in - base[i - 1]) * rows.in_floats;
      if (!call.last) {
        base[i] = step.base;
        call.to = start[i] + (step.begin - step.base) * rows.out_floats;
        call.kept_from = start[i] + (step.base - step.old_base) * rows.out_floats;
        call.kept_to = start[i];
        if (step.base > step.old_base) call.kept_floats = (step.begin - step.base) * rows.out_floats;
      }
      calls.push_back(call);
    }
    bands.stripes_.push_back(std::move(calls));
    return true;
  }

  const LayerPlan* plan_rows(std::size_t layer, Index begin, Index end, Bands& bands) const {
    const LayerPlan& whole = *layers_[layer];
    const RowWalk& rows = rows_[layer];
    ConvGeometry g = whole.geometry();
    g.batch = 1;
    g.input.h = rows.end_in(end) - rows.first_in(begin);
    g.output.h = end - begin;
    // At the end of a map some taps might meet none of these rows. A plan would leave them out, and might
    // then choose another kernel, which sums in another order.
    const bool all_taps =
        (end - 1) * rows.stride >= rows.pad && begin * rows.stride - rows.pad + rows.extent <= rows.in;
    // Nor is a single row walked as two are.
    const bool walks = whole.spec().kernel.h == 1 || g.output.h > 1;
    if (!all_taps || !walks) return nullptr;
    g.pad_before.h = std::max<Index>(rows.pad - begin * rows.stride, 0);
    g.pad_after.h = (g.output.h - 1) * rows.stride + rows.extent - g.pad_before.h - g.input.h;
    for (const auto& plan : bands.plans_) {
      if (&plan->spec() == &whole.spec() && plan->geometry() == g) return plan.get();
    }
    try {
      bands.plans_.push_back(whole.at(g));
    } catch (const Error& error) {
      // An algorithm that was asked for may need more points than a band has.
      if (error.code() != ErrorCode::unsupported) throw;
      return nullptr;
    }
    return bands.plans_.back()->algorithm() == whole.algorithm() ? bands.plans_.back().get() : nullptr;
  }

  const std::span<const std::shared_ptr<const LayerPlan>> layers_;
  std::vector<RowWalk> rows_;
};

std::unique_ptr<const Bands> plan_bands(std::span<const std::shared_ptr<const LayerPlan>> layers) {
  std::size_t count = 0;
  Index rows = 0;
  while (count < layers.size() && runs_in_bands(*layers[count])) {
    if (count > 0) {
      if (!fit(*layers[count - 1], *layers[count])) break;
      const Index fitting = BandPlanner(layers.first(count + 1)).fitting_rows();
      if (fitting == 0) break;
      rows = fitting;
    }
    ++count;
    if (image_bytes(*layers[count - 1]) < kFarMap) break;
  }
  return count < 2 ? nullptr : BandPlanner(layers.first(count)).plan(rows);
}

void Bands::run(const float* input, float* output, const float* residual, float* lines,
                const CancelToken* token) const {
  for (Index image = 0; image < images_; ++image) {
    const float* from = input + image * input_image_;
    float* to = output + image * output_image_;
    const float* added = residual == nullptr ? nullptr : residual + image * output_image_;
    const auto walk = [&](Index stripe) {
      float* own = lines + stripe * stripe_floats_;
      for (const Call& call : stripes_[static_cast<std::size_t>(stripe)]) {
        if (call.kept_floats > 0) {
          std::memmove(own + call.kept_to, own + call.kept_from,
                       static_cast<std::size_t>(call.kept_floats) * sizeof(float));
        }
        call.plan->run((call.first ? from : own) + call.from, (call.last ? to : own) + call.to,
                       call.last && added != nullptr ? added + call.to : nullptr, token);
      }
    };
    if (stripes_.size() == 1) {
      walk(0);
    } else {
      parallel_for(static_cast<Index>(stripes_.size()), walk, token);
    }
  }
}

}  // namespace convolith
