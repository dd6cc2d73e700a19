// Transposed convolution by phases: an ordinary convolution for each residue of the output position modulo
// the stride.

#include <numeric>

#include "algorithms/candidates.h"
#include "algorithms/lattice_gemm.h"

namespace convolith {

namespace {

class Transposed final : public Executor {
 public:
  explicit Transposed(const Problem& p) {
    const ConvGeometry& g = p.geometry;
    for (const Lattice& lattice : transposed_lattices(p.spec(), g)) {
      const std::string key = "phase " + lattice_key(lattice);
      phases_.push_back(std::make_unique<LatticeGemm>(
          LatticeProblem{p.weights, p.kernels, g.batch, g.input, g.output, lattice, key}));
    }
  }

  Index tasks(int threads) const override {
    return std::accumulate(phases_.begin(), phases_.end(), Index{0},
                           [&](Index sum, const auto& phase) { return sum + phase->tasks(threads); });
  }

  void run(const Buffers& buffers, Index task, int threads, float* scratch) const override {
    for (const auto& phase : phases_) {
      const Index tasks = phase->tasks(threads);
      if (task < tasks) return phase->run(buffers, task, threads, scratch);
      task -= tasks;
    }
  }

  Index workspace_bytes() const override {
    Index most = 0;
    for (const auto& phase : phases_) most = std::max(most, phase->workspace_bytes());
    return most;
  }

  Index packed_bytes() const override {
    return std::accumulate(phases_.begin(), phases_.end(), Index{0},
                           [](Index sum, const auto& phase) { return sum + phase->packed_bytes(); });
  }

  std::string tile() const override {
    return phases_.front()->tile() + ", " + std::to_string(phases_.size()) + " phases";
  }

 private:
  std::vector<std::unique_ptr<const LatticeGemm>> phases_;
};

}  // namespace

std::optional<Objection> refuse_transposed(const Problem& p) {
  if (!p.spec().transposed) return Objection{"serves transposed convolutions only"};
  return std::nullopt;
}

std::unique_ptr<const Executor> make_transposed(const Problem& p) { return std::make_unique<Transposed>(p); }

}  // namespace convolith
