#pragma once

#include <string>
#include <vector>

#include "base/function_ref.h"
#include "spec/spec.h"

namespace convolith {

/**
 * One axis of a convolution as its algorithms see it: output points out_start + i * out_step, i < count, and
 * kernel taps that meet input coordinate i * in_step + offset. Stride, dilation and padding of a standard
 * convolution, and each phase of a transposed one, are just such numbers.
 */
struct LatticeAxis {
  struct Tap {
    Index kernel = 0;
    Index offset = 0;
  };

  Index count = 0, out_start = 0, out_step = 1, in_step = 1, in_size = 0;
  PaddingMode mode = PaddingMode::zeros;
  /**
   * In ascending order of offset, equal ones where several meet a replicated edge alone. Those that meet only
   * zeros are left out.
   */
  std::vector<Tap> taps;

  static constexpr Index kOutside = -1;

  /** Where the value at an input coordinate comes from, in [0, in_size), or kOutside for a zero. */
  Index source(Index coordinate) const {
    return coordinate >= 0 && coordinate < in_size ? coordinate : padding_source(coordinate);
  }
  Index coordinate(Index i, Index tap) const {
    return i * in_step + taps[static_cast<std::size_t>(tap)].offset;
  }
  /** Coordinates from the first tap to the last, both counted; none without taps. */
  Index span() const { return taps.empty() ? 0 : taps.back().offset - taps.front().offset + 1; }
  Index tap_count() const { return static_cast<Index>(taps.size()); }
  /** The distance of neighbouring taps; 0 where it varies, or where they meet the same place. */
  Index spacing() const;
  /** Whether the taps lie side by side in the input, so that a kernel row is one run of memory. */
  bool contiguous_taps() const;
  /** `source` outside of the input. */
  Index padding_source(Index coordinate) const;
  /** Taps of a point that meet the input, not its zeros. */
  Index taps_inside(Index point) const;
  /** The same of all points together. */
  Index pairs_inside() const;
};

struct Lattice {
  LatticeAxis z, y, x;

  Index points() const { return z.count * y.count * x.count; }
  Index tap_count() const { return z.tap_count() * y.tap_count() * x.tap_count(); }
};

/** The share of an axis' (point, tap) pairs that meet the input. */
double share_inside(const LatticeAxis& axis);

/** Axes that are cut where the taps that meet the input change, so that the others are left out. */
struct Segments {
  bool y = false, x = false;
};
Segments segments_of(const Lattice& lattice);

/** Pairs of points and taps that are multiplied: rows in the padding are left out, columns where they are
 * cut. */
double pairs_multiplied(const Lattice& lattice);

/** Whether there are points, and all taps of all of them lie inside the input. */
bool meets_no_padding(const LatticeAxis& axis);
bool meets_no_padding(const Lattice& lattice);

/** A lattice, and the sizes of the maps as it sees them. */
struct LatticeMaps {
  Size3 input, output;
  Lattice lattice;
};

/**
 * A standard convolution's lattice. Rows and columns that only a kernel of 1 meets are one axis, as they lie
 * in memory, and the depth is the other: 3×1×1 becomes 3×1, which minimal filtering serves.
 */
LatticeMaps joined_maps(const ConvSpec& spec, const ConvGeometry& geometry);

/** A standard convolution's one lattice. */
Lattice standard_lattice(const ConvSpec& spec, const ConvGeometry& geometry);

/**
 * A transposed convolution's phases: with stride s an axis' output points of one residue modulo s are an
 * ordinary convolution of stride 1 with every s-th tap (Shi et al., "Is the deconvolution layer the same as a
 * convolutional layer?", 2016). Phases without points are left out; one without taps stays, since its outputs
 * are bias alone.
 */
std::vector<Lattice> transposed_lattices(const ConvSpec& spec, const ConvGeometry& geometry);

/** The same one after the other, none of them kept. */
void for_each_phase(const ConvSpec& spec, const ConvGeometry& geometry,
                    FunctionRef<void(const Lattice&)> body);

/**
 * Algorithms that hold a plan for each phase serve this many: strides of 64 both ways. Twice as many each way
 * are 40 ms of planning, and a search through all of them for each task.
 */
inline constexpr Index kMostPhases = 4096;
bool has_many_phases(const ConvSpec& spec, const ConvGeometry& geometry);
/** What such an algorithm says of more. */
inline constexpr const char* kManyPhases = "serves at most 4096 phases, the product of the strides";

/** The kernel positions that a lattice's taps have. Those that meet only padding are left out, so a packing
 * depends on it. */
std::string lattice_key(const Lattice& lattice);

}  // namespace convolith
