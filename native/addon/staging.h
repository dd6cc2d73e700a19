#pragma once

#include <cstddef>
#include <memory>

#include "base/check.h"

namespace convolith {

struct StagingDelete {
  std::size_t bytes = 0;
  void operator()(float* data) const noexcept;
};

/** Native memory for the floats of one asynchronous run, given back to a process-wide shelf at the end. */
using Staging = std::unique_ptr<float[], StagingDelete>;

/** Room for `count` floats, uninitialised; throws `std::bad_alloc`. Any thread may call it and free the
 * result. */
Staging allocate_staging(Index count);

}  // namespace convolith
