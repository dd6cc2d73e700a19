#pragma once

#include "algorithms/algorithm.h"

namespace convolith {

// Each row of algorithms.inc is two functions; see Candidate.
#define ALGORITHM(function, name, serves, rows)                       \
  std::optional<Objection> refuse_##function(const Problem& problem); \
  std::unique_ptr<const Executor> make_##function(const Problem& problem);
#include "algorithms/algorithms.inc"
#undef ALGORITHM

}  // namespace convolith
