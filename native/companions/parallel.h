#pragma once

#include <algorithm>

#include "base/thread_pool.h"

namespace convolith {

/**
 * Values of one task of a memory-bound companion: 256 KiB a side stay in the second-level cache, and take
 * longer than a worker needs to wake (5 to 50 µs).
 */
inline constexpr Index kTaskValues = Index{1} << 16;

/** Output bytes from which stores go past the caches: more than a core's share of the last level holds. */
inline constexpr Index kStreamBytes = Index{8} << 20;

/** body(begin, end) over [0, count), in tasks of about `grain` on all threads, or in one where there is one.
 */
template <class Body>
void parallel_ranges(Index count, Index grain, const Body& body) {
  const Index tasks = ceil_div(count, std::max<Index>(1, grain));
  if (tasks <= 1) {
    if (count > 0) body(Index{0}, count);
    return;
  }
  const Index size = ceil_div(count, tasks);
  parallel_for(tasks, [&](Index task) {
    const Index begin = task * size;
    const Index end = std::min(count, begin + size);
    if (begin < end) body(begin, end);
  });
}

/** The same over rows of `columns` values each. */
template <class Body>
void parallel_rows(Index rows, Index columns, const Body& body) {
  parallel_ranges(rows, kTaskValues / std::max<Index>(1, columns), body);
}

}  // namespace convolith
