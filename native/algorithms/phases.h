#pragma once

#include <memory>
#include <vector>

#include "algorithms/lattice_gemm.h"

namespace convolith {

/** The phases of a transposed convolution: executors of the same buffers, one after another. */
class Phases final : public Executor {
 public:
  explicit Phases(std::vector<std::unique_ptr<const Executor>> phases);

  Index tasks(int threads) const override;
  void run(const Buffers& buffers, Index task, int threads, float* scratch) const override;
  Index workspace_bytes() const override;
  Index packed_bytes() const override;
  std::string tile() const override;

 private:
  std::vector<std::unique_ptr<const Executor>> phases_;
  /** Whether all phases are cut into as many tasks, by the number of threads. */
  bool alike_[17] = {};
};

/** A transposed layer's phases, each an ordinary convolution of its own lattice. */
std::vector<LatticeProblem> phase_problems(const Problem& problem);

}  // namespace convolith
