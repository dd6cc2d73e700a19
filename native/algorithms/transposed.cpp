// Transposed convolution by phases: an ordinary convolution for each residue of the output position modulo
// the stride.

#include "algorithms/candidates.h"
#include "algorithms/channel_strips.h"
#include "algorithms/phases.h"
#include "algorithms/subpixel.h"
#include "algorithms/winograd_tiling.h"

namespace convolith {

namespace {

bool is_better_subpixel(const Problem& p) {
  const ConvSpec& spec = p.spec();
  const WinogradSize size{spec.group_in(), spec.group_out(), p.geometry.batch, p.kernels.lanes, true};
  double phases = 0;
  for (const Lattice& lattice : transposed_lattices(spec, p.geometry)) phases += direct_cost(lattice, size);
  return subpixel_cost(p, false) < phases;
}

}  // namespace

std::optional<Objection> refuse_transposed(const Problem& p) {
  if (!p.spec().transposed) return Objection{"serves transposed convolutions only"};
  if (has_many_phases(p.spec(), p.geometry)) return Objection{kManyPhases};
  return std::nullopt;
}

std::unique_ptr<const Executor> make_transposed(const Problem& p) {
  if (is_better_subpixel(p)) return make_subpixel(p, false);
  std::vector<std::unique_ptr<const Executor>> phases;
  // A filter a channel: a phase is a depthwise convolution of its own lattice.
  const bool depthwise = p.spec().groups > 1 && p.spec().group_in() == 1;
  for (const LatticeProblem& phase : phase_problems(p)) {
    if (depthwise) {
      phases.push_back(make_channel_strips(p, phase.lattice));
    } else {
      phases.push_back(std::make_unique<LatticeGemm>(phase));
    }
  }
  return std::make_unique<Phases>(std::move(phases));
}

}  // namespace convolith
