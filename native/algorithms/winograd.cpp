// Winograd's minimal filtering: kernels at stride 1, dilated ones included, long ones in parts; at longer
// strides by phases; three-dimensional kernels slice by slice; and the phases of transposed convolutions.

#include <algorithm>
#include <cmath>
#include <limits>

#include "algorithms/candidates.h"
#include "algorithms/folded.h"
#include "algorithms/phases.h"
#include "algorithms/space_to_depth.h"
#include "algorithms/subpixel.h"
#include "algorithms/winograd_core.h"
#include "algorithms/winograd_cost.h"

namespace convolith {

namespace {

/** Estimates of the two ways differ from the clock by about this much. */
constexpr double kMargin = 1.1;

WinogradSize size_of(const Problem& p) {
  const ConvSpec& spec = p.spec();
  return {spec.group_in(), spec.group_out(), p.geometry.batch, p.kernels.lanes, spec.transposed};
}

bool pays(const WinogradTiling& tiling, const Lattice& lattice, const WinogradSize& size) {
  return transformed_cost(tiling, lattice, size) * kMargin < direct_cost(lattice, size);
}

std::vector<Lattice> lattices_of(const Problem& p) {
  if (p.spec().transposed) return transposed_lattices(p.spec(), p.geometry);
  return {joined_maps(p.spec(), p.geometry).lattice};
}

std::optional<WinogradTiling> tiling_of(const Lattice& lattice, const WinogradSize& size) {
  if (lattice.tap_count() == 0) return std::nullopt;
  return choose_tiling(lattice, size);
}

/** Of a transposed layer's phases, one by one. */
double phases_cost(const Problem& p) {
  const WinogradSize size = size_of(p);
  double cost = 0;
  for (const Lattice& lattice : lattices_of(p)) {
    const auto tiling = tiling_of(lattice, size);
    const double direct = direct_cost(lattice, size);
    cost += tiling ? std::min(direct, transformed_cost(*tiling, lattice, size)) : direct;
  }
  return cost;
}

bool is_better_subpixel(const Problem& p) {
  return p.spec().transposed &&
         subpixel_cost(p, true) * kMargin < std::min(phases_cost(p), subpixel_cost(p, false));
}

/** All phases of a transposed layer at once, and no transform. */
bool is_better_plain(const Problem& p) {
  return p.spec().transposed &&
         subpixel_cost(p, false) < std::min(phases_cost(p), subpixel_cost(p, true) * kMargin);
}

/** Beside the direct way and the phases of a strided tile, as far as there is one. */
bool is_better_deepened(const Problem& p) {
  const double cost = space_to_depth_cost(p) * kMargin;
  if (p.spec().transposed || !std::isfinite(cost)) return false;
  const Lattice lattice = standard_lattice(p.spec(), p.geometry);
  const WinogradSize size = size_of(p);
  const auto tiling = tiling_of(lattice, size);
  return cost < direct_cost(lattice, size) && (!tiling || cost < transformed_cost(*tiling, lattice, size));
}

}  // namespace

double gemm_cost(const Problem& p) {
  return direct_cost(joined_maps(p.spec(), p.geometry).lattice, size_of(p));
}

double filtered_cost(const Problem& p) {
  constexpr double impossible = std::numeric_limits<double>::infinity();
  if (!p.spec().fast_math) return impossible;
  const Lattice lattice = joined_maps(p.spec(), p.geometry).lattice;
  const WinogradSize size = size_of(p);
  const auto tiling = tiling_of(lattice, size);
  return tiling ? transformed_cost(*tiling, lattice, size) * kMargin : impossible;
}

std::optional<Objection> refuse_winograd(const Problem& p) {
  if (!p.spec().fast_math) return Objection{"changes the rounding, which math 'strict' rules out"};
  if (p.spec().transposed && has_many_phases(p.spec(), p.geometry)) return Objection{kManyPhases};
  if (is_better_subpixel(p) || is_better_deepened(p)) return std::nullopt;
  const WinogradSize size = size_of(p);
  const bool plain = is_better_plain(p);
  const double folded = p.spec().transposed ? std::numeric_limits<double>::infinity() : folded_cost(p);
  bool able = false, saves = false;
  for (const Lattice& lattice : lattices_of(p)) {
    const auto tiling = tiling_of(lattice, size);
    if (!tiling) continue;
    able = true;
    if (!pays(*tiling, lattice, size)) continue;
    saves = true;
    if (!plain && transformed_cost(*tiling, lattice, size) * kMargin < folded) return std::nullopt;
  }
  if (able && plain) return Objection{"would cost more than phases as channels", true};
  if (saves) return Objection{"would fill fewer lanes than folded columns", true};
  if (able) return Objection{"would cost more on this map than it saves", true};
  return Objection{"needs more taps than strides on an axis, with nothing between them where it strides"};
}

std::unique_ptr<const Executor> make_winograd(const Problem& p) {
  const WinogradSize size = size_of(p);
  if (is_better_deepened(p)) return make_space_to_depth(p);
  if (!p.spec().transposed) {
    const LatticeMaps maps = joined_maps(p.spec(), p.geometry);
    return std::make_unique<WinogradCore>(
        LatticeProblem{p.weights, p.kernels, p.geometry.batch, maps.input, maps.output, maps.lattice,
                       lattice_key(maps.lattice)},
        *choose_tiling(maps.lattice, size));
  }
  if (is_better_subpixel(p)) return make_subpixel(p, true);
  std::vector<std::unique_ptr<const Executor>> phases;
  for (const LatticeProblem& phase : phase_problems(p)) {
    const auto tiling = tiling_of(phase.lattice, size);
    // Phases of one tap, or of none that meets the input, are left to the direct way.
    if (tiling) {
      phases.push_back(std::make_unique<WinogradCore>(phase, *tiling));
    } else {
      phases.push_back(std::make_unique<LatticeGemm>(phase));
    }
  }
  return std::make_unique<Phases>(std::move(phases));
}

}  // namespace convolith
