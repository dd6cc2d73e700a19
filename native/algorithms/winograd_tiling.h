#pragma once

#include <optional>

#include "algorithms/lattice.h"
#include "kernels/winograd.h"

namespace convolith {

/**
 * Tiles along one axis of a lattice. With dilation d the map is d interleaved undilated ones, which is only a
 * matter of which pixels a tile points at.
 */
struct WinogradAxis {
  WinogradPoints points = WinogradPoints::direct;
  /** Inputs and products of a tile, its outputs, and its distinct weights: `strided` uses one of them four
   * times. */
  int products = 1, outputs = 1, weights = 1;
  /** Taps of the algorithm, and how many times it takes to make up the kernel's: 7 taps are two times 4, of
   * which one is zero. The parts add up before the transform back. */
  int taps = 1, parts = 1;
  /** At stride s every s-th tap meets every s-th input at stride 1: so many kernels add up, each in parts of
   * its own. */
  int phases = 1;
  /** Of the lattice: output points, input step a point, distance of two taps, first input of point 0. */
  Index count = 0, in_step = 1, spacing = 1, first_input = 0;
  /** Of each interleaved map. */
  Index map_tiles = 0;

  Index tiles() const { return spacing < count ? spacing * map_tiles : count * map_tiles; }
  /** Lattice point `i` of tile `t`, which may lie outside. */
  Index point(Index t, Index i) const { return t / map_tiles + (t % map_tiles * outputs + i) * spacing; }
  /** Input coordinate `i` of tile `t`. */
  Index input(Index t, Index i) const { return point(t, 0) * in_step + first_input + i * spacing; }
  /** Inputs of a tile, those of all parts. */
  int reach() const { return phases * (products + (parts / phases - 1) * taps); }
  /** Where tap or input `i` of a part lies among the kernel's taps or the tile's inputs. */
  int member(int part, int i) const { return part % phases + (part / phases * taps + i) * phases; }
  /** Inputs that two tiles side by side share. */
  int overlap() const { return reach() - outputs * static_cast<int>(in_step); }
  /** The distinct weight of a product. */
  int weight(int product) const { return product < weights ? product : weights - 1; }
};

struct WinogradTiling {
  WinogradAxis y, x;

  Index tiles() const { return y.tiles() * x.tiles(); }
  int products() const { return y.products * x.products; }
  int weights() const { return y.weights * x.weights; }
  int outputs() const { return y.outputs * x.outputs; }
  int parts() const { return y.parts * x.parts; }
};

/** What a choice of tiles depends on, besides the lattice. */
struct WinogradSize {
  Index in_channels = 0, out_channels = 0, batch = 1;
  int lanes = 1;
  /** Of a transposed layer's phases. */
  bool phased = false;
};

/** Within a network weights come from memory from about here on: 256 to 512 channels of 28x28 took 4.1 ms in
 * VGG-16 by F(6x6), whose weights are 32 MiB, and 3.4 by F(4x4). */
inline constexpr Index kLastCacheFloats = Index{4} << 20;

/** The most pairs of a depth tap and a part of the kernel. */
inline constexpr int kMaxWinogradSlices = 32;

/** The cheapest tiling of a lattice; none where no axis has a transform, or one has taps without one. */
std::optional<WinogradTiling> choose_tiling(const Lattice& lattice, const WinogradSize& size);

/** Estimated vector operations of a tiling, and of the same lattice computed directly. */
double transformed_cost(const WinogradTiling& tiling, const Lattice& lattice, const WinogradSize& size);
double direct_cost(const Lattice& lattice, const WinogradSize& size);

/** G of an axis, [weights][kMaxWinogradTaps]. */
std::vector<float> weight_transform(const WinogradAxis& axis);

}  // namespace convolith
