// Implicit im2col GEMM: every standard, dilated and grouped convolution.

#include <cmath>

#include "algorithms/candidates.h"
#include "algorithms/folded.h"
#include "algorithms/lattice_gemm.h"

namespace convolith {

std::optional<Objection> refuse_im2col_gemm(const Problem& p) {
  if (p.spec().transposed) return Objection{"serves no transposed convolution"};
  return std::nullopt;
}

std::unique_ptr<const Executor> make_im2col_gemm(const Problem& p) {
  if (std::isfinite(folded_cost(p))) return make_folded(p);
  const ConvGeometry& g = p.geometry;
  const Lattice lattice = standard_lattice(p.spec(), g);
  const std::string key = "im2col " + lattice_key(lattice);
  return std::make_unique<LatticeGemm>(
      LatticeProblem{p.weights, p.kernels, g.batch, g.input, g.output, lattice, key});
}

}  // namespace convolith
