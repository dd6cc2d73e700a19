#pragma once

#include "base/check.h"

namespace convolith {

/** `batch` matrices of `rows` × `columns`, dense, one after another; `to` is apart from `from`. */
struct MatrixBatch {
  const float* from = nullptr;
  float* to = nullptr;
  Index batch = 0, rows = 0, columns = 0;
};

/** to[b][j][i] = from[b][i][j]: maps with channels first to channels last with rows = channels, and back with
 * columns = channels. */
void run_transpose(const MatrixBatch& matrices);

}  // namespace convolith
