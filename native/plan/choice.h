#pragma once

#include <memory>
#include <string>
#include <vector>

#include "algorithms/algorithm.h"
#include "plan/plan.h"

namespace convolith {

/** The candidate that serves a problem, made ready, and those before it with their reasons. */
struct Choice {
  std::string algorithm;
  Rows rows = Rows::all;
  std::unique_ptr<const Executor> executor;
  std::vector<Refusal> refused;
};

/** The first candidate that does not refuse, or the one that the spec names. Throws `Error(option)` where
 * that name is unknown and `Error(unsupported)` where it cannot serve. */
Choice choose(const Problem& problem);

}  // namespace convolith
