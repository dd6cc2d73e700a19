#include "algorithms/depthwise_planes.h"

#include <algorithm>

#include "algorithms/staging.h"
#include "base/arena.h"

namespace convolith {

namespace {

/** A strip of a plane is walked several times, once a few vectors of columns: it stays in the second-level
 * cache. Shorter ones, of the first level, were 2 to 18% slower: each walk begins and ends with sums of few
 * rows. */
constexpr Index kStripFloats = Index{48} << 10;
/** Small planes share a task: some µs of work. */
constexpr Index kTaskOutputs = 16384;
/** Lanes of a row's vectors that hold pixels, at the least: 7 of 16 are slower than a transposition. */
constexpr double kLeastUsed = 0.65;

/** Null where none serves the problem. */
const DepthwisePlaneWalk* choose_walk(const Problem& p) {
  const ConvSpec& spec = p.spec();
  if (spec.channels_last || spec.group_out() != 1 || spec.kernel.d != 1 || spec.stride.d != 1 ||
      spec.kernel.h != spec.kernel.w || spec.stride.h != spec.stride.w) {
    return nullptr;
  }
  const Lattice lattice = standard_lattice(spec, p.geometry);
  // Taps that meet only padding are left out of the lattice.
  if (lattice.y.tap_count() != spec.kernel.h || lattice.x.tap_count() != spec.kernel.w ||
      lattice.x.mode != PaddingMode::zeros || lattice.z.count != p.geometry.input.d) {
    return nullptr;
  }
  const bool dilated = lattice.y.spacing() != 1 || lattice.x.spacing() != 1;
  for (const DepthwisePlaneWalk& w : p.kernels.depthwise.plane) {
    if (w.kernel == spec.kernel.h && w.stride == spec.stride.h && (w.dilates || !dilated)) return &w;
  }
  return nullptr;
}

}  // namespace

DepthwisePlaneCore::DepthwisePlaneCore(const Problem& p)
    : stage_(p.stage()),
      kernels_(p.kernels),
      walk_(*choose_walk(p)),
      lattice_(standard_lattice(p.spec(), p.geometry)),
      epilogue_(p.stage()) {}

Index DepthwisePlaneCore::scratch_floats() const { return Index{kPlaneVectors} * kernels_.lanes; }

std::string DepthwisePlaneCore::tile() const { return "1x" + std::to_string(walk_.vectors) + " planes"; }

void DepthwisePlaneCore::run(const Strip& strip, float* scratch) const {
  const LatticeAxis& y = lattice_.y;
  const LatticeAxis& x = lattice_.x;
  Epilogue epilogue = epilogue_.at(strip.channel);
  if (epilogue.slope != nullptr) {
    std::fill_n(scratch, scratch_floats(), epilogue.slope[0]);
    epilogue.slope = scratch;
  }
  DepthwisePlane t;
  t.input = strip.input;
  t.height = y.in_size;
  t.width = x.in_size;
  t.first_y = y.coordinate(strip.y0, 0);
  t.first_x = x.coordinate(0, 0);
  t.dilation_y = y.spacing();
  t.dilation_x = x.spacing();
  t.outputs_y = strip.rows;
  t.outputs_x = x.count;
  t.weight = stage_.weight.data() + strip.channel * walk_.kernel * walk_.kernel;
  t.out = strip.out;
  t.residual = strip.residual;
  t.epilogue = &epilogue;
  walk_.walk(t);
}

namespace {

class DepthwisePlanes final : public Executor {
 public:
  explicit DepthwisePlanes(const Problem& p)
      : core_(p),
        depth_(p.geometry.output.d),
        planes_(p.geometry.batch * p.spec().out_channels * depth_),
        channels_(p.spec().out_channels) {
    const LatticeAxis& y = core_.lattice().y;
    const Index columns = std::max<Index>(core_.lattice().x.count, 1);
    const Index inputs = columns * core_.stride() * core_.stride();
    rows_ = std::clamp<Index>(kStripFloats / inputs, 1, std::max<Index>(y.count, 1));
    strips_ = ceil_div(y.count, rows_);
    together_ = std::clamp<Index>(kTaskOutputs / (columns * rows_), 1, planes_);
  }

  Index tasks(int) const override { return ceil_div(planes_, together_) * strips_; }
  Index workspace_bytes() const override {
    Scratch measure;
    measure.take<float>(core_.scratch_floats());
    return measure.used();
  }
  Index packed_bytes() const override { return 0; }
  std::string tile() const override { return core_.tile(); }

  void run(const Buffers& buffers, Index task, int, float* scratch) const override {
    const LatticeAxis& y = core_.lattice().y;
    const LatticeAxis& x = core_.lattice().x;
    const Index first = task / strips_ * together_;
    const Index last = std::min(first + together_, planes_);
    DepthwisePlaneCore::Strip strip;
    strip.y0 = task % strips_ * rows_;
    strip.rows = std::min(rows_, y.count - strip.y0);
    for (Index plane = first; plane < last; ++plane) {
      const Index at = plane * y.count * x.count + strip.y0 * x.count;
      strip.channel = plane / depth_ % channels_;
      strip.input = buffers.input + plane * y.in_size * x.in_size;
      strip.out = buffers.output + at;
      strip.residual = buffers.residual == nullptr ? nullptr : buffers.residual + at;
      core_.run(strip, scratch);
    }
  }

 private:
  const DepthwisePlaneCore core_;
  const Index depth_, planes_, channels_;
  Index rows_ = 1, strips_ = 1, together_ = 1;
};

}  // namespace

bool suits_depthwise_planes(const Problem& p) {
  if (choose_walk(p) == nullptr) return false;
  const Index columns = standard_lattice(p.spec(), p.geometry).x.count;
  return columns >= p.kernels.depthwise.plane_columns &&
         static_cast<double>(columns) > kLeastUsed * static_cast<double>(round_up(columns, p.kernels.lanes));
}

std::unique_ptr<const Executor> make_depthwise_planes(const Problem& p) {
  return std::make_unique<DepthwisePlanes>(p);
}

}  // namespace convolith
