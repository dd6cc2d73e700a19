// The weight's gradient where a group has one input channel: channels in the lanes, all taps of a vector of
// channels in registers while it walks over the output points. The map is cut into boxes of outputs that meet
// the same taps, so that no zero is multiplied and nothing is padded.

#include <algorithm>
#include <vector>

#include "algorithms/weight_grad.h"
#include "base/arena.h"
#include "base/thread_pool.h"

namespace convolith {

namespace {

/** Rows of outputs of one call: with 56 points 115 kB of input in the second-level cache. */
constexpr Index kRunRows = 32;
/** Tasks that suffice for a few threads. */
constexpr Index kWantedTasks = 4;

/** Outputs of an axis that meet the same taps. */
struct Segment {
  GradAxis::Range outputs, taps;
};

std::vector<Segment> segments(const GradAxis& axis) {
  std::vector<Segment> list;
  for (Index o = 0; o < axis.outputs; ++o) {
    const GradAxis::Range taps = axis.taps_of(o);
    if (!list.empty() && list.back().taps.begin == taps.begin && list.back().taps.end == taps.end) {
      list.back().outputs.end = o + 1;
    } else {
      list.push_back({{o, o + 1}, taps});
    }
  }
  return list;
}

/** Outputs of a box, as rows of points, and its taps: offsets from the first one's input, and places in the
 * weight. */
struct Box {
  GradAxis::Range z, y, x;
  /** Of the first output, by the first tap. */
  Index origin = 0;
  std::vector<Index> offsets, taps;
};

class DepthwiseWeightGrad final : public WeightGradExecutor {
 public:
  explicit DepthwiseWeightGrad(const WeightGradProblem& p)
      : spec_(p.spec),
        geometry_(p.geometry),
        oihw_(p.layout == WeightLayout::oihw),
        kernels_(p.kernels),
        input_(p, p.spec.padding_mode != PaddingMode::zeros, p.spec.group_out()),
        grad_({p.spec.channels_last,
               p.geometry.batch,
               p.spec.out_channels,
               1,
               false,
               {0, 0, 0},
               p.geometry.output},
              output_lattice(p.geometry), p.kernels),
        lanes_(p.kernels.lanes),
        vectors_(ceil_div(p.spec.out_channels, lanes_)),
        slices_(std::min(ceil_div(kWantedTasks, vectors_), p.geometry.batch)) {
    for (const Segment& z : segments(input_.z)) {
      for (const Segment& y : segments(input_.y)) {
        for (const Segment& x : segments(input_.x)) add_box(z, y, x);
      }
    }
    partials_ = AlignedBuffer(vectors_ * slices_ * task_sums());
    Scratch scratch;
    carve(scratch);
    workspace_ = scratch.used();
  }

  void run(const float* input, const float* grad_output, float* grad_weight) override {
    const float* x = input_.map.read(input);
    const float* grad = grad_.read(grad_output);
    parallel_for(vectors_ * slices_, [&](Index i) {
      Scratch scratch(thread_arena(workspace_));
      sum(i % vectors_, i / vectors_, x, grad, carve(scratch));
    });
    // Adding up is little work, and one thread's: vectors of channels share cache lines of the result.
    for (Index vector = 0; vector < vectors_; ++vector) {
      float* total = partials_.data() + vector * task_sums();
      for (Index slice = 1; slice < slices_; ++slice) {
        const float* more = total + slice * vectors_ * task_sums();
        for (Index k = 0; k < task_sums(); ++k) total[k] += more[k];
      }
      store(vector, total, grad_weight);
    }
  }

  const char* name() const override { return "depthwise-weight-grad"; }
  std::string tile() const override {
    return std::to_string(std::min<Index>(kMaxGradTaps, spec_.kernel.volume())) + "x1";
  }
  Index workspace_bytes() const override { return workspace_; }
  Index bytes() const override { return input_.map.bytes() + grad_.bytes() + partials_.bytes(); }

 private:
  struct Work {
    const float** rows;
    const float** grads;
    float* sums;
  };

  static Lattice output_lattice(const ConvGeometry& g) {
    Lattice lattice;
    lattice.z.in_size = g.output.d;
    lattice.y.in_size = g.output.h;
    lattice.x.in_size = g.output.w;
    return lattice;
  }

  Work carve(Scratch& scratch) const {
    return {scratch.take<const float*>(kRunRows), scratch.take<const float*>(kRunRows),
            scratch.take<float>(Index{kMaxGradTaps} * lanes_)};
  }

  /** [tap][lane]. */
  Index task_sums() const { return spec_.kernel.volume() * lanes_; }

  void add_box(const Segment& z, const Segment& y, const Segment& x) {
    const MapStrides& in = input_.map.strides();
    Box box{z.outputs, y.outputs, x.outputs, 0, {}, {}};
    const auto address = [&](Index kz, Index ky, Index kx) {
      return input_.z.at(box.z.begin, kz) * in.z + input_.y.at(box.y.begin, ky) * in.y +
             input_.x.at(box.x.begin, kx) * in.x;
    };
    box.origin = address(z.taps.begin, y.taps.begin, x.taps.begin);
    for (Index kz = z.taps.begin; kz < z.taps.end; ++kz) {
      for (Index ky = y.taps.begin; ky < y.taps.end; ++ky) {
        for (Index kx = x.taps.begin; kx < x.taps.end; ++kx) {
          box.offsets.push_back(address(kz, ky, kx) - box.origin);
          box.taps.push_back((kz * spec_.kernel.h + ky) * spec_.kernel.w + kx);
        }
      }
    }
    if (!box.taps.empty()) boxes_.push_back(std::move(box));
  }

  void sum(Index vector, Index slice, const float* input, const float* grad, const Work& work) {
    float* sums = partials_.data() + (slice * vectors_ + vector) * task_sums();
    std::fill_n(sums, task_sums(), 0.0F);
    const Index end = (slice + 1) * geometry_.batch / slices_;
    for (Index image = slice * geometry_.batch / slices_; image < end; ++image) {
      const Index channel = vector * lanes_;
      const float* from = input + image * input_.map.strides().image + channel;
      const float* by = grad + image * grad_.strides().image + channel;
      for (const Box& box : boxes_) sum_box(box, vector, from, by, work, sums);
    }
  }

  void sum_box(const Box& box, Index vector, const float* input, const float* grad, const Work& work,
               float* sums) const {
    const MapStrides& in = input_.map.strides();
    const MapStrides& out = grad_.strides();
    const Index height = box.y.end - box.y.begin;
    const Index rows = (box.z.end - box.z.begin) * height;
    DepthwiseGradTile tile;
    tile.rows = work.rows;
    tile.grads = work.grads;
    tile.points = box.x.end - box.x.begin;
    tile.step = input_.x.stride * in.x;
    tile.grad_step = out.x;
    tile.channels = static_cast<int>(std::min<Index>(lanes_, spec_.out_channels - vector * lanes_));
    for (Index first = 0; first < rows; first += kRunRows) {
      tile.runs = std::min(kRunRows, rows - first);
      for (Index i = 0; i < tile.runs; ++i) {
        const Index z = (first + i) / height;
        const Index y = (first + i) % height;
        work.rows[i] = input + box.origin + z * input_.z.stride * in.z + y * input_.y.stride * in.y;
        work.grads[i] = grad + (box.z.begin + z) * out.z + (box.y.begin + y) * out.y + box.x.begin * out.x;
      }
      sum_taps(box, tile, work, sums);
    }
  }

  /** All taps of a box, in even shares of what the registers hold. */
  void sum_taps(const Box& box, DepthwiseGradTile tile, const Work& work, float* sums) const {
    const auto taps = static_cast<Index>(box.taps.size());
    const Index shares = ceil_div(taps, Index{kMaxGradTaps});
    for (Index share = 0; share < shares; ++share) {
      const Index begin = share * taps / shares;
      const Index count = (share + 1) * taps / shares - begin;
      const Index* places = &box.taps[static_cast<std::size_t>(begin)];
      for (Index t = 0; t < count; ++t)
        std::copy_n(sums + places[t] * lanes_, lanes_, work.sums + t * lanes_);
      tile.offsets = &box.offsets[static_cast<std::size_t>(begin)];
      tile.sums = work.sums;
      kernels_.weight_grad.taps[count - 1](tile);
      for (Index t = 0; t < count; ++t)
        std::copy_n(work.sums + t * lanes_, lanes_, sums + places[t] * lanes_);
    }
  }

  void store(Index vector, const float* sums, float* grad_weight) const {
    const Index taps = spec_.kernel.volume();
    const Index first = vector * lanes_;
    const Index count = std::min<Index>(lanes_, spec_.out_channels - first);
    for (Index tap = 0; tap < taps; ++tap) {
      for (Index c = 0; c < count; ++c) {
        const Index to = oihw_ ? (first + c) * taps + tap : tap * spec_.out_channels + first + c;
        grad_weight[to] = sums[tap * lanes_ + c];
      }
    }
  }

  const ConvSpec spec_;
  const ConvGeometry geometry_;
  const bool oihw_;
  const KernelTable& kernels_;
  GradInput input_;
  ChannelsLastMap grad_;
  const Index lanes_, vectors_, slices_;
  std::vector<Box> boxes_;
  /** [slice][vector][tap][lane]. */
  AlignedBuffer partials_;
  Index workspace_ = 0;
};

}  // namespace

std::unique_ptr<WeightGradExecutor> make_depthwise_weight_grad(const WeightGradProblem& problem) {
  return std::make_unique<DepthwiseWeightGrad>(problem);
}

}  // namespace convolith
