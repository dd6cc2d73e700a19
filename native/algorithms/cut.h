#pragma once

#include <algorithm>

#include "base/check.h"

namespace convolith {

/** Where piece `i` of `pieces` begins: as even as whole numbers are, the larger pieces first, so that what is
 * claimed last is short. */
constexpr Index piece_begin(Index total, Index pieces, Index i) {
  return total / pieces * i + std::min(i, total % pieces);
}

/**
 * Pieces of a map of `rows` in units of `unit` rows, at most `most` rows each: as many as make even shares for
 * two and four threads, where that leaves each at least `least` rows.
 */
constexpr Index even_strips(Index rows, Index unit, Index most, Index least) {
  const Index units = ceil_div(rows, unit);
  const Index count = ceil_div(units, std::max<Index>(most / unit, 1));
  for (const Index threads : {4, 2}) {
    const Index even = round_up(count, threads);
    if (even * least <= rows) return even;
  }
  return std::min(count, units);
}

/** From so many tasks a thread on, one more or less of them no longer matters. */
inline constexpr Index kManyTasks = 16;

/**
 * Into how many parts each of `tasks` equal tasks is cut, for the last thread to end soonest: at most one for
 * each of its `units`, and the fewest that do. `again`: of a task, what each of its parts does anew.
 */
inline Index fitting_parts(Index tasks, Index units, int threads, double again) {
  if (threads == 1 || tasks >= kManyTasks * threads) return 1;
  Index best = 1;
  double least = 0;
  for (Index parts = 1; parts <= std::min<Index>(units, Index{4} * threads); ++parts) {
    const auto turns = static_cast<double>(ceil_div(tasks * parts, threads));
    const double share = static_cast<double>(ceil_div(units, parts)) / static_cast<double>(units);
    const double longest = turns * (share + again);
    if (parts > 1 && longest >= least) continue;
    best = parts;
    least = longest;
  }
  return best;
}

}  // namespace convolith
