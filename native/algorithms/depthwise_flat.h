#pragma once

#include <string>

#include "algorithms/algorithm.h"
#include "algorithms/lattice.h"
#include "algorithms/staging.h"
#include "base/arena.h"

namespace convolith {

/** Whether pixels in the lanes serve a depthwise stage better than channels would. */
bool suits_flat_depthwise(const Problem& problem);

/**
 * Depthwise convolution with pixels in the lanes, for maps whose channels do not fill them, pictures above
 * all: a row of a channels-last map, or of a channels-first plane, is one run of floats in which a kernel
 * column is a shift. Nothing is transposed.
 */
std::unique_ptr<const Executor> make_flat_depthwise(const Problem& problem);

/** The same on a strip of rows, for the depthwise algorithm and for the separable one. */
class FlatDepthwiseCore {
 public:
  /** `interleaved`: a row of outputs holds all channels of its pixels, whatever the layout of the input;
   * otherwise a strip is a plane's, of a channels-first input. */
  FlatDepthwiseCore(const Problem& problem, const Lattice& lattice, bool interleaved);

  struct Strip {
    Index z = 0, y0 = 0, rows = 0, plane = 0;
  };
  /** Rows of the strip are `row` floats apart. */
  struct Target {
    float* out = nullptr;
    const float* residual = nullptr;
    Index row = 0;
  };
  struct Work {
    float* staged;
    Index* z_list;
    Index* y_list;
    float* weight;  // [taps][segment]
    float* bias;    // [segment]
    float* slope;
    const float** inputs;
    Index* out_offset;
  };

  /** `image`: the input of one image. */
  void run(const Strip& strip, const float* image, const Target& target, Work& work) const;
  /** Scratch of strips of at most `rows` rows. */
  Work take_work(Scratch& scratch, Index rows) const;
  /** A strip's best. */
  Index rows() const { return rows_; }
  const Lattice& lattice() const { return lattice_; }
  std::string tile() const;

 private:
  struct Rows {
    Index first, count, step;
  };

  const DepthwiseBlock* choose_block() const;
  void expand(Index plane, Work& work) const;
  void run_rows(Index out_row, Index height, DepthwiseTile& t, const Rows& rows, Work& work) const;

  const Stage& stage_;
  const KernelTable& kernels_;
  const Lattice lattice_;
  /** Channels side by side in a row. */
  const Index width_;
  /** Output channels of an input channel. */
  const Index repeat_;
  const MapStrides in_;
  const Index row_;      // floats of a padded row
  const Index segment_;  // whole vectors and whole pixels
  Index rows_ = 1;
  const DepthwiseBlock* block_ = nullptr;
};

}  // namespace convolith
