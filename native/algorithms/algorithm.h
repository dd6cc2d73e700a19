#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/table.h"
#include "spec/stage.h"

namespace convolith {

/** A layer's weights: as they were given, and as each plan wants them, packed once and shared by the plans.
 */
class WeightStore {
 public:
  explicit WeightStore(std::vector<Stage> stages) : stages_(std::move(stages)) {}

  const Stage& stage(std::size_t i = 0) const { return stages_[i]; }
  std::size_t stage_count() const { return stages_.size(); }

  /**
   * The packing called `key`, made by `pack` where no plan has asked for it yet. `pack` may be called again,
   * by `repack`, as long as the executor lives that gave it: it may hold on to that executor and to its
   * problem.
   */
  std::shared_ptr<const AlignedBuffer> packed(const std::string& key,
                                              const std::function<AlignedBuffer()>& pack);

  /** The first stage's weights, to be written before `repack`. */
  std::vector<float>& weight() { return stages_.front().weight; }
  /** Makes every packing anew from the weights as they are now. No run may be under way, and every executor
   * that asked for a packing must be alive. */
  void repack();

  /** Memory of the weights as given and as packed so far. */
  Index bytes() const;

 private:
  struct Packing {
    std::shared_ptr<AlignedBuffer> buffer;
    std::function<AlignedBuffer()> pack;
  };

  std::vector<Stage> stages_;
  mutable std::mutex mutex_;
  std::map<std::string, Packing> packed_;
};

/** What a candidate decides on. */
struct Problem {
  WeightStore& weights;
  /** Of the first stage. */
  const ConvGeometry& geometry;
  const KernelTable& kernels;

  const Stage& stage() const { return weights.stage(); }
  const ConvSpec& spec() const { return weights.stage().spec; }
};

/** One run's buffers, dense and in the spec's layout. `residual` may be null. */
struct Buffers {
  const float* input = nullptr;
  float* output = nullptr;
  const float* residual = nullptr;
};

/** An algorithm made ready: its packed weights and its blocking. Immutable; any number of threads may run
 * tasks at once. */
class Executor {
 public:
  virtual ~Executor() = default;

  /** Independent pieces that a run on `threads` threads is cut into. Every cut gives the same bits. */
  virtual Index tasks(int threads) const = 0;
  /** Piece `task` of `tasks(threads)`, with `workspace_bytes()` of scratch. */
  virtual void run(const Buffers& buffers, Index task, int threads, float* scratch) const = 0;
  virtual Index workspace_bytes() const = 0;
  virtual Index packed_bytes() const = 0;
  virtual std::string tile() const = 0;
  /** Whether it keeps what `Rows` promises for its algorithm. */
  virtual bool serves_rows() const { return true; }
};

/** Why an algorithm does not serve a problem. */
struct Objection {
  std::string reason;
  /** True where it could, if asked for by name, but another one is faster. */
  bool able = false;
};

/** Layers of one convolution, of a depthwise and a pointwise one in one pass, or both. */
enum class Serves : std::uint8_t { single, separable, any };

/** Rows of an output map that are computed by themselves to the same bits as in the whole map: an even number
 * of them from an even one on, or only all. */
enum class Rows : std::uint8_t { even, all };

/** A row of algorithms.inc. */
struct Candidate {
  const char* name;
  Serves serves;
  Rows rows;
  /** Nothing where the algorithm is the one to take, unless one before it is. Asked for layers that it serves
   * alone. */
  std::optional<Objection> (*refuse)(const Problem&);
  std::unique_ptr<const Executor> (*make)(const Problem&);
};

}  // namespace convolith
