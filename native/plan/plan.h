#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "spec/stage.h"

namespace convolith {

struct KernelTable;
class Executor;
class WeightStore;

struct Refusal {
  std::string algorithm, reason;
};

struct Explanation {
  std::string algorithm, isa, tile;
  int threads = 1;
  Index workspace_bytes = 0, packed_bytes = 0;
  std::vector<Refusal> refused;
};

/** A layer made ready for one geometry. Immutable, so any number of threads may run it at once. */
class Plan {
 public:
  /**
   * Buffers: dense, in the spec's layout, of the lengths below, `output` apart from the others; `residual`
   * null or shaped as the output. Nothing is allocated but a thread's scratch on its first use.
   */
  void run(const float* input, float* output, const float* residual,
           const CancelToken* token = nullptr) const;
  Explanation explain() const;

  Index input_count() const { return input_count_; }
  Index output_count() const { return output_count_; }

  ~Plan();

 private:
  friend class Layer;
  Plan() = default;

  std::shared_ptr<const WeightStore> weights_;
  std::unique_ptr<const Executor> executor_;
  const KernelTable* kernels_ = nullptr;
  std::string algorithm_;
  std::vector<Refusal> refused_;
  Index input_count_ = 0, output_count_ = 0;
  /** About what a run takes on one thread. */
  Index nanoseconds_ = 0;
};

/** Weights, and a plan for each geometry asked for. Thread-safe. Plans keep alive what they need of it. */
class Layer {
 public:
  /** Validates the specs and the counts of weight and bias. `pointwise` follows `first` in the same pass
   * where given. */
  explicit Layer(Stage first);
  Layer(Stage depthwise, Stage pointwise);

  /** This layer for maps of the layout and by the algorithm given. Weights are copied; the instruction set
   * stays this layer's. */
  Layer variant(bool channels_last, const std::string& algorithm) const;

  /** Validates; picks the first candidate that does not refuse; packs weights that are not packed yet. */
  std::shared_ptr<const Plan> plan(const ConvGeometry& geometry);

  /** Memory of the weights as given and as packed so far, for the host's garbage collector. */
  Index bytes() const;

 private:
  Layer(std::vector<Stage> stages, const KernelTable* kernels);

  std::shared_ptr<WeightStore> weights_;
  const KernelTable* kernels_;
};

/** Names for single convolutions, best first, the reference last. */
std::vector<std::string> algorithm_names();

}  // namespace convolith
