#pragma once

#include <memory>
#include <string>

#include "algorithms/lattice.h"
#include "algorithms/staging.h"
#include "base/aligned_buffer.h"

namespace convolith {

/** The gradient by a standard convolution's weight, made ready for one geometry. One run at a time. */
class WeightGradExecutor {
 public:
  virtual ~WeightGradExecutor() = default;
  /** Any number of threads gives the same bits: what is summed where follows from the geometry alone. */
  virtual void run(const float* input, const float* grad_output, float* grad_weight) = 0;
  virtual const char* name() const = 0;
  virtual std::string tile() const = 0;
  virtual Index workspace_bytes() const = 0;
  /** Memory that it holds between runs. */
  virtual Index bytes() const = 0;
};

/** What a weight's gradient is asked for. Validated. */
struct WeightGradProblem {
  ConvSpec spec;
  ConvGeometry geometry;
  WeightLayout layout;
  const KernelTable& kernels;
};

/** Groups of one input channel: channels in the lanes. */
std::unique_ptr<WeightGradExecutor> make_depthwise_weight_grad(const WeightGradProblem& problem);
/** Any other: a product of matrices. */
std::unique_ptr<WeightGradExecutor> make_gemm_weight_grad(const WeightGradProblem& problem);

/** One axis of the input as it is read: coordinates in the map or in its staged copy. */
struct GradAxis {
  struct Range {
    Index begin = 0, end = 0;
  };

  Index outputs = 1, taps = 1, stride = 1, dilation = 1;
  /** What tap 0 of output 0 reads. */
  Index origin = 0;
  Index size = 1;

  Index at(Index output, Index tap) const { return output * stride + tap * dilation + origin; }
  /** The outputs for which a tap reads inside of the map. */
  Range outputs_of(Index tap) const;
  /** The taps by which an output reads inside of the map. */
  Range taps_of(Index output) const;
};

/**
 * A whole feature map in channels-last order: where it lies, or copied, its padding filled in where that was
 * asked for.
 */
class ChannelsLastMap {
 public:
  struct Options {
    bool channels_last = false;
    Index batch = 1, channels = 1, repeat = 1;
    /** Copy though it would do as it lies. */
    bool copy = false;
    /** First coordinate and size of what is copied. */
    Size3 low{0, 0, 0}, size;
  };

  ChannelsLastMap(const Options& options, const Lattice& lattice, const KernelTable& kernels);

  /** The map's entries, to be read by `strides`; a copy is made anew. */
  const float* read(const float* map);
  const MapStrides& strides() const { return strides_; }
  Index bytes() const { return copy_.bytes(); }

 private:
  const Options options_;
  const Lattice lattice_;
  const KernelTable& kernels_;
  const MapStrides from_, strides_;
  AlignedBuffer copy_;
};

/** The input that a weight's gradient reads: its axes and its entries. */
struct GradInput {
  GradAxis z, y, x;
  ChannelsLastMap map;

  /** `padded`: the padding filled in, so that every tap of every output reads inside. It is where the mode is
   * not zeros. */
  GradInput(const WeightGradProblem& problem, bool padded, Index repeat);
};

}  // namespace convolith
