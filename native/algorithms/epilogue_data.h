#pragma once

#include <memory>

#include "algorithms/algorithm.h"

namespace convolith {

/** A stage's epilogue as kernels take it: bias and slopes padded by a whole panel, so that kernels load whole
 * vectors. */
class EpilogueData {
 public:
  explicit EpilogueData(const Stage& stage);

  /** For the group whose first output channel is `channel`. */
  Epilogue at(Index channel) const {
    Epilogue e = base_;
    e.bias += channel;
    if (e.slope != nullptr) e.slope += channel;
    return e;
  }

 private:
  AlignedBuffer bias_, slope_;
  Epilogue base_;
};

}  // namespace convolith
