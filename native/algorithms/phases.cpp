#include "algorithms/phases.h"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace convolith {

namespace {

/** More phases than this are not looked at: a run asks each for its tasks often enough. */
constexpr std::size_t kFewPhases = 256;

}  // namespace

Phases::Phases(std::vector<std::unique_ptr<const Executor>> phases) : phases_(std::move(phases)) {
  if (phases_.size() > kFewPhases) return;
  for (int threads = 1; threads < static_cast<int>(std::size(alike_)); ++threads) {
    const Index first = phases_.empty() ? 0 : phases_.front()->tasks(threads);
    alike_[threads] = std::all_of(phases_.begin(), phases_.end(),
                                  [&](const auto& phase) { return phase->tasks(threads) == first; });
  }
}

Index Phases::tasks(int threads) const {
  return std::accumulate(phases_.begin(), phases_.end(), Index{0},
                         [&](Index sum, const auto& phase) { return sum + phase->tasks(threads); });
}

void Phases::run(const Buffers& buffers, Index task, int threads, float* scratch) const {
  // Phases cut alike take turns: they meet the same inputs, and their outputs are neighbours.
  const auto count = static_cast<Index>(phases_.size());
  if (threads < static_cast<int>(std::size(alike_)) && alike_[threads]) {
    phases_[static_cast<std::size_t>(task % count)]->run(buffers, task / count, threads, scratch);
    return;
  }
  for (const auto& phase : phases_) {
    const Index tasks = phase->tasks(threads);
    if (task < tasks) return phase->run(buffers, task, threads, scratch);
    task -= tasks;
  }
}

Index Phases::workspace_bytes() const {
  Index most = 0;
  for (const auto& phase : phases_) most = std::max(most, phase->workspace_bytes());
  return most;
}

Index Phases::packed_bytes() const {
  return std::accumulate(phases_.begin(), phases_.end(), Index{0},
                         [](Index sum, const auto& phase) { return sum + phase->packed_bytes(); });
}

std::string Phases::tile() const {
  return phases_.front()->tile() + ", " + std::to_string(phases_.size()) + " phases";
}

std::vector<LatticeProblem> phase_problems(const Problem& p) {
  const ConvGeometry& g = p.geometry;
  std::vector<LatticeProblem> problems;
  const std::vector<Lattice> lattices = transposed_lattices(p.spec(), g);
  for (const Lattice& lattice : lattices) {
    problems.push_back({p.weights, p.kernels, g.batch, g.input, g.output, lattice,
                        "phase " + lattice_key(lattice), static_cast<Index>(lattices.size())});
  }
  return problems;
}

}  // namespace convolith
