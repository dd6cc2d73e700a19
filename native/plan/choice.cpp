#include "plan/choice.h"

#include <optional>

#include "algorithms/candidates.h"

namespace convolith {

namespace {

const std::vector<Candidate>& candidates() {
  static const std::vector<Candidate> list = {
#define ALGORITHM(function, name, serves, rows) \
  {name, Serves::serves, Rows::rows, refuse_##function, make_##function},
#include "algorithms/algorithms.inc"
#undef ALGORITHM
  };
  return list;
}

std::string names() {
  std::string text;
  for (const Candidate& candidate : candidates())
    text += std::string(text.empty() ? "" : ", ") + candidate.name;
  return text;
}

std::optional<Objection> objection_of(const Candidate& candidate, const Problem& problem) {
  const bool separable = problem.weights.stage_count() > 1;
  if (separable && candidate.serves == Serves::single)
    return Objection{"serves one convolution, not two in one pass"};
  if (!separable && candidate.serves == Serves::separable) {
    return Objection{"serves a depthwise and a pointwise convolution in one pass"};
  }
  return candidate.refuse(problem);
}

}  // namespace

Choice choose(const Problem& problem) {
  const std::string& wanted = problem.spec().algorithm;
  Choice choice;
  bool known = wanted == "auto";
  for (const Candidate& candidate : candidates()) {
    const bool forced = wanted == candidate.name;
    known = known || forced;
    if (wanted != "auto" && !forced) continue;
    const std::optional<Objection> objection = objection_of(candidate, problem);
    if (objection && !(forced && objection->able)) {
      if (forced) {
        throw Error(ErrorCode::unsupported,
                    "Expected an algorithm that serves this layer for algorithm but received \"" + wanted +
                        "\", which " + objection->reason);
      }
      choice.refused.push_back({candidate.name, objection->reason});
      continue;
    }
    choice.algorithm = candidate.name;
    choice.rows = candidate.rows;
    choice.executor = candidate.make(problem);
    break;
  }
  if (!known) {
    throw Error(ErrorCode::option,
                "Expected one of auto, " + names() + " for algorithm but received \"" + wanted + "\"");
  }
  return choice;
}

std::vector<std::string> algorithm_names() {
  std::vector<std::string> list;
  for (const Candidate& candidate : candidates()) list.emplace_back(candidate.name);
  return list;
}

}  // namespace convolith
