#pragma once

#include <memory>

#include "plan/plan.h"

namespace convolith {

/**
 * An operation on two arrays at one geometry, made ready: `EngineOperation` of lib/engine.ts. Buffers are
 * dense, in the spec's layout and of the lengths below, `output` apart from the others. One run at a time.
 */
class Operation {
 public:
  virtual ~Operation() = default;
  virtual void run(const float* first, const float* second, float* output) = 0;
  virtual Explanation explain() const = 0;
  /** Memory that it holds, for the host's garbage collector. */
  virtual Index bytes() const = 0;

  Index first_count() const { return first_count_; }
  Index second_count() const { return second_count_; }
  Index output_count() const { return output_count_; }

 protected:
  Index first_count_ = 0, second_count_ = 0, output_count_ = 0;
};

/** A convolution whose weights come with each run: (input, weight) to output. Validates. */
std::unique_ptr<Operation> make_dynamic_conv(const ConvSpec& spec, const ConvGeometry& geometry,
                                             WeightLayout layout);

/** The gradient by a standard convolution's weight: (input, gradient by the output) to gradient by the
 * weight. Validates. */
std::unique_ptr<Operation> make_weight_grad(const ConvSpec& spec, const ConvGeometry& geometry,
                                            WeightLayout layout);

}  // namespace convolith
