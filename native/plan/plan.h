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

/** What a run needs nothing but buffers for. Immutable, so any number of threads may run it at once. */
class Plan {
 public:
  virtual ~Plan() = default;

  /**
   * Buffers: dense, in the spec's layout, of the lengths below, `output` apart from the others; `residual`
   * null or shaped as the output. Nothing is allocated but a thread's scratch on its first use.
   */
  virtual void run(const float* input, float* output, const float* residual,
                   const CancelToken* token = nullptr) const = 0;
  virtual Explanation explain() const = 0;

  Index input_count() const { return counts_.input; }
  Index output_count() const { return counts_.output; }

 protected:
  struct Counts {
    Index input, output;
  };
  explicit Plan(const Counts& counts) : counts_(counts) {}

 private:
  const Counts counts_;
};

/** A layer made ready for one geometry. */
class LayerPlan final : public Plan {
 public:
  /** Validates; picks the first candidate that does not refuse; packs weights that are not packed yet. */
  LayerPlan(std::shared_ptr<WeightStore> weights, const KernelTable& kernels, const ConvGeometry& geometry);
  ~LayerPlan() override;

  void run(const float* input, float* output, const float* residual,
           const CancelToken* token = nullptr) const override;
  Explanation explain() const override;

  /** Of the first stage. */
  const ConvSpec& spec() const;
  const ConvGeometry& geometry() const { return geometry_; }
  /** Whether it is one convolution, not a depthwise and a pointwise one. */
  bool single() const;
  const std::string& algorithm() const { return algorithm_; }
  /** Whether even numbers of its output rows come out as they do in the whole map; see `Rows`. */
  bool serves_rows() const { return serves_rows_; }

  /** The same layer at another geometry. */
  std::shared_ptr<const LayerPlan> at(const ConvGeometry& geometry) const;

 private:
  static Counts checked_counts(const WeightStore& weights, const ConvGeometry& geometry);

  std::shared_ptr<WeightStore> weights_;
  const KernelTable& kernels_;
  const ConvGeometry geometry_;
  std::unique_ptr<const Executor> executor_;
  std::string algorithm_;
  bool serves_rows_ = false;
  std::vector<Refusal> refused_;
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

  std::shared_ptr<const LayerPlan> plan(const ConvGeometry& geometry);

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
