#include "algorithms/winograd_tiling.h"

#include <algorithm>
#include <cmath>

#include "base/cpu.h"

namespace convolith {

namespace {

/** A kind's finite points; ∞ follows them. */
std::vector<double> finite_points(WinogradPoints kind) {
  switch (kind) {
    case WinogradPoints::direct:
      return {};
    case WinogradPoints::four:
      return {0, 1, -1};
    case WinogradPoints::five:
    case WinogradPoints::strided:
      return {0, 1, -1, 2};
    case WinogradPoints::six:
      return {0, 1, -1, 2, -2};
    case WinogradPoints::eight:
      return {0, 1, -1, 2, -2, 0.5, -0.5};
  }
  return {};
}

/** Additions and multiplications of a transform along one line of products: in, and out. Of eight points 24
 * and 20, and as many again as 16: a tile of 64 values is more than there are registers for (fitted over
 * eight layers of 32 to 256 channels, where eight points took 0.89 to 1.05 of the time of six). Of strided
 * inputs 9, and 81 values to 81 streams: fitted over 24 layers, 64 to 16 channels of 64x64 took 1.16 of the
 * direct way's time, 128 to 128 of 56x56 0.81. */
constexpr double kInputOperations[kWinogradKinds] = {0, 4, 9, 12, 40, 60};
constexpr double kOutputOperations[kWinogradKinds] = {0, 4, 8, 11, 36, 12};

int index(WinogradPoints kind) { return static_cast<int>(kind); }

WinogradAxis make_axis(const LatticeAxis& axis, WinogradPoints points, Index spacing, int taps,
                       Index phases = 1) {
  WinogradAxis a;
  a.taps = taps;
  a.phases = static_cast<int>(phases);
  a.parts = static_cast<int>(phases * ceil_div(ceil_div(axis.tap_count(), phases), taps));
  a.points = points;
  a.products = kWinogradProducts[index(points)];
  a.outputs = points == WinogradPoints::strided ? 4 : a.products - taps + 1;
  a.weights = points == WinogradPoints::strided ? 6 : a.products;
  a.count = axis.count;
  a.in_step = axis.in_step;
  a.spacing = spacing;
  a.first_input = axis.taps.front().offset;
  a.map_tiles = ceil_div(ceil_div(axis.count, spacing), a.outputs);
  return a;
}

/** The tilings of an axis that exist. */
std::vector<WinogradAxis> axis_choices(const LatticeAxis& axis) {
  std::vector<WinogradAxis> choices;
  const Index spacing = axis.spacing();
  const auto taps = static_cast<int>(axis.taps.size());
  if (spacing == 0 || taps == 0 || axis.count == 0) return choices;
  if (taps == 1) choices.push_back(make_axis(axis, WinogradPoints::direct, 1, 1));
  const Index longest = ceil_div(axis.tap_count(), axis.in_step);
  if ((axis.in_step == 1 || spacing == 1) && longest > 1) {
    for (const auto points :
         {WinogradPoints::four, WinogradPoints::five, WinogradPoints::six, WinogradPoints::eight}) {
      // From two to kMaxWinogradOutputs outputs a tile.
      const int products = kWinogradProducts[index(points)];
      const Index most = std::min<Index>({products - 1, longest, kMaxWinogradTaps});
      for (int each = std::max(2, products + 1 - kMaxWinogradOutputs); each <= most; ++each)
        choices.push_back(make_axis(axis, points, spacing, each, axis.in_step));
    }
  }
  if (axis.in_step == 2 && taps == 3 && spacing == 1) {
    choices.push_back(make_axis(axis, WinogradPoints::strided, 1, 3));
  }
  return choices;
}

Index vectors(Index channels, int lanes) { return ceil_div(channels, lanes); }

/** Multiply-adds reach about 95% of the peak. */
constexpr double kMultiplyShare = 1.05;
/** A vector of sums is stored, loaded again, and pays for a part of the register tile's call. Fitted over 44
 * layers: with 6 the tiles of 8 → 16 channels at 64x64 were 0.67, of 3 → 64 at 224x224 0.73, of 128 channels
 * and 2x2 or 7x7 taps 0.93 times as fast. */
constexpr double kSumOverhead = 1.5;
/** A tile's, and each further part's of it: 24 to 48 channels of 10 taps by 5, in 5 parts of 2, took 1.3
 * times as long as the direct way. */
constexpr double kTileOverhead = 300, kPartOverhead = 250;
/** What a group's first block costs: 13 groups of 16 channels on 14x14 took 0.100 ms, and directly 0.088. */
constexpr double kBlockOverhead = 4000;

/**
 * Weights that lie in the last-level cache arrive at about this many floats a vector operation and lane, and
 * half as many from beyond it, while others are multiplied; not all of the wait is hidden. Servers' cores
 * send 27 to 30 GB/s: 0.7 floats an operation of a core with two FMA units, and 1.8 of one with half a unit
 * of 16 lanes. 512 channels of 7x7 take 0.99 ms by F(2x2) and 1.08 by F(3x3) on the former, and the same on
 * the latter; with 8 lanes 4.0 by F(4x4). Zen 5's last-level cache sends three times as much, and memory half
 * as much again: 128 channels of 28x28 take 0.95 of the time by F(6x6), which 0.1 would not choose, 256 to
 * 512 too, from memory as well; by 0.2 448 to 384 channels of 8x8 would take 1.28. Phases of a transposed
 * layer wait as elsewhere: 512 to 256 channels of 4x4 by 2 on 8x8 would take 1.02 to 1.08.
 */
constexpr double kStreamedFloats = 0.1, kSoonFloats = 0.13;

double streamed_floats(const WinogradSize& size) {
  return cpu_family() == CpuFamily::amd && !size.phased ? kSoonFloats : kStreamedFloats;
}

/** What stays in the second-level cache costs nothing extra. */
constexpr double kCachedFloats = 128 * 1024;

double with_weights(double operations, double weights, const WinogradSize& size) {
  if (weights <= kCachedFloats) return operations;
  const double far = std::max(0.0, weights - static_cast<double>(kLastCacheFloats));
  return std::hypot(operations, (weights + far) / (streamed_floats(size) * size.lanes));
}

/** Maps that do not stay in the second-level cache are waited for by both transforms, where the direct way
 * multiplies meanwhile: 64 to 128 channels of 16,000 points, two taps, 8 apart, take 4.2 ms and 3.4 directly.
 * An output counts twice, since its lines are read before they are written. Of twice as much nothing is
 * there any more; in between a part, as of 32 to 64 channels of 112x112 by a stride of 2: 0.59 ms, and 0.68
 * directly. */
constexpr double kCachedMaps = 512 * 1024;

double with_maps(double operations, const Lattice& lattice, const WinogradSize& size) {
  const auto area = static_cast<double>(lattice.z.in_size * lattice.y.in_size * lattice.x.in_size);
  const double in = area * static_cast<double>(size.in_channels * size.batch);
  const double out =
      static_cast<double>(lattice.points()) * static_cast<double>(size.out_channels * size.batch);
  const double maps = in + 2 * out;
  const double share = std::clamp(maps / kCachedMaps - 1, 0.0, 1.0);
  return operations + share * maps / (streamed_floats(size) * size.lanes);
}

}  // namespace

double transformed_cost(const WinogradTiling& t, const Lattice& lattice, const WinogradSize& size) {
  const auto slices = static_cast<double>(lattice.z.tap_count() * t.parts());
  // Inputs that do not fill their last vector are loaded in part: 3 to 64 channels of 3x3x3 took 17 ms, and
  // directly 14.
  const double in_part = size.in_channels % size.lanes == 0 ? 0.0 : 0.6;
  const double in = (static_cast<double>(vectors(size.in_channels, size.lanes)) + in_part) * slices;
  const auto out = static_cast<double>(vectors(size.out_channels, size.lanes));
  const double products = t.products();
  // A load and a store each value beside the transform's own operations.
  const double input = in * (2 * products + t.x.products * kInputOperations[index(t.y.points)] +
                             t.y.products * kInputOperations[index(t.x.points)]);
  const double output = out * (products + t.x.products * kOutputOperations[index(t.y.points)] +
                               t.y.outputs * kOutputOperations[index(t.x.points)] + 3.0 * t.outputs());
  const double multiply =
      products * out * (static_cast<double>(size.in_channels) * slices * kMultiplyShare + kSumOverhead);
  const double overhead = kTileOverhead + (slices - 1) * kPartOverhead;
  const double tiles = static_cast<double>(t.tiles() * lattice.z.count * size.batch);
  const double weights = t.weights() * static_cast<double>(size.in_channels) * slices * out * size.lanes;
  const double all =
      kBlockOverhead + with_weights(tiles * (input + output + multiply + overhead), weights, size);
  return with_maps(all, lattice, size);
}

double direct_cost(const Lattice& lattice, const WinogradSize& size) {
  const double pairs = pairs_multiplied(lattice) * static_cast<double>(size.batch);
  const auto out = static_cast<double>(vectors(size.out_channels, size.lanes));
  const double weights = static_cast<double>(lattice.tap_count() * size.in_channels) * out * size.lanes;
  return with_weights(pairs * static_cast<double>(size.in_channels) * out * kMultiplyShare, weights, size);
}

std::optional<WinogradTiling> choose_tiling(const Lattice& lattice, const WinogradSize& size) {
  std::optional<WinogradTiling> best;
  double least = 0;
  for (const WinogradAxis& y : axis_choices(lattice.y)) {
    for (const WinogradAxis& x : axis_choices(lattice.x)) {
      // Kernels exist for one kind on both axes, or on one of them.
      const bool direct = y.points == WinogradPoints::direct || x.points == WinogradPoints::direct;
      if ((y.points == x.points) == direct) continue;
      if (lattice.z.tap_count() * y.parts * x.parts > kMaxWinogradSlices) continue;
      const WinogradTiling tiling{y, x};
      const double cost = transformed_cost(tiling, lattice, size);
      if (best && cost >= least) continue;
      best = tiling;
      least = cost;
    }
  }
  return best;
}

std::vector<float> weight_transform(const WinogradAxis& axis) {
  std::vector<float> g(static_cast<std::size_t>(axis.weights * kMaxWinogradTaps));
  if (axis.points == WinogradPoints::direct) {
    g[0] = 1;
    return g;
  }
  const bool strided = axis.points == WinogradPoints::strided;
  const std::vector<double> points = finite_points(axis.points);
  // Stride 2: the even taps are transformed, the odd one is its own weight.
  const int step = strided ? 2 : 1;
  float* row = g.data();
  for (const double point : points) {
    double scale = 1;
    for (const double other : points) scale *= other == point ? 1 : point - other;
    double power = 1;
    for (int t = 0; t < axis.taps; t += step, power *= point) row[t] = static_cast<float>(power / scale);
    row += kMaxWinogradTaps;
  }
  row[axis.taps - 1] = 1;
  if (strided) row[kMaxWinogradTaps + 1] = 1;
  return g;
}

}  // namespace convolith
