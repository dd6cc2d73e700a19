// 1×1 kernels without padding: one GEMM of pixels × input channels by input × output channels; any stride and
// groups.

#include "algorithms/candidates.h"
#include "algorithms/lattice_gemm.h"
#include "algorithms/pointwise_planes.h"

namespace convolith {

std::optional<Objection> refuse_pointwise(const Problem& p) {
  const ConvSpec& spec = p.spec();
  if (spec.transposed) return Objection{"serves no transposed convolution"};
  if (spec.kernel.volume() != 1) return Objection{"needs a kernel of 1"};
  const Size3 none{0, 0, 0};
  if (p.geometry.pad_before != none || p.geometry.pad_after != none)
    return Objection{"needs an input without padding"};
  return std::nullopt;
}

std::unique_ptr<const Executor> make_pointwise(const Problem& p) {
  if (suits_planes(p.spec(), p.geometry.output, p.kernels)) return make_pointwise_planes(p);
  const ConvSpec& spec = p.spec();
  const ConvGeometry& g = p.geometry;
  LatticeProblem problem{p.weights,  p.kernels, g.batch, g.input, g.output, standard_lattice(spec, g),
                         "pointwise"};
  if (spec.stride.volume() == 1) {
    // Without borders the pixels are one row, and those of a whole batch where the channels come last.
    const Index pixels = g.output.volume() * (spec.channels_last ? g.batch : 1);
    problem.batch = spec.channels_last ? 1 : g.batch;
    problem.input = problem.output = {1, 1, pixels};
    ConvGeometry row = g;
    row.input = row.output = problem.input;
    problem.lattice = standard_lattice(spec, row);
  }
  return std::make_unique<LatticeGemm>(problem);
}

}  // namespace convolith
