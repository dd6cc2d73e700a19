#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/check.h"

namespace convolith {

/**
 * The tasks of one call, a share of neighbouring ones for each thread. A thread claims its own share one by
 * one and then helps the others, from the other end of theirs. Call after call it so meets the part of the
 * maps, or of the weights, that lies in its core's caches.
 */
class TaskShares {
 public:
  /** `backward`: each share from its last task on. What is left over goes to the caller, who is there first:
   * a helper that lost its last task to him would begin the next call, the other way round, with lines that
   * lie in his cache, and lose a task again. */
  TaskShares(Index tasks, int threads, bool backward)
      : tasks_(tasks),
        each_(tasks / kMostClaims + 1),
        count_(std::min<Index>({tasks, threads, kMostShares})),
        backward_(backward) {
    const Index claims = ceil_div(tasks, each_);
    for (Index i = 0; i < count_; ++i) {
      const auto begin = static_cast<std::uint64_t>(ceil_div(claims * i, count_));
      const auto end = static_cast<std::uint64_t>(ceil_div(claims * (i + 1), count_));
      shares_[i].range.store(begin << 32 | end, std::memory_order_relaxed);
    }
  }

  /** Tasks from `begin` up to `end`; none where they are equal. */
  struct Claim {
    Index begin = 0, end = 0;
  };

  /** The next tasks of thread `thread`, numbered from 0: mostly one. */
  Claim claim(int thread) {
    const Index own = thread % count_;
    for (Index i = 0; i < count_; ++i) {
      const Index claimed = take(shares_[(own + i) % count_], (i == 0) == backward_);
      if (claimed >= 0) return {claimed * each_, std::min((claimed + 1) * each_, tasks_)};
    }
    return {};
  }

  bool has_tasks() const {
    return std::any_of(shares_, shares_ + count_, [](const Share& share) {
      const std::uint64_t range = share.range.load(std::memory_order_relaxed);
      return begin_of(range) < end_of(range);
    });
  }

  /** Leaves the tasks out that nobody has claimed. */
  void drop() {
    for (Index i = 0; i < count_; ++i) shares_[i].range.store(0, std::memory_order_relaxed);
  }

 private:
  /** More threads than that have theirs together. */
  static constexpr Index kMostShares = 16;
  static constexpr Index kMostClaims = Index{1} << 31;

  /** First and end of the claims that are left, 32 bits each, in a cache line of their own. */
  struct alignas(64) Share {
    std::atomic<std::uint64_t> range{0};
  };

  static constexpr std::uint64_t begin_of(std::uint64_t range) { return range >> 32; }
  static constexpr std::uint64_t end_of(std::uint64_t range) { return range & 0xFFFF'FFFFU; }

  /** Negative where the share is empty. */
  static Index take(Share& share, bool last) {
    std::uint64_t range = share.range.load(std::memory_order_relaxed);
    while (begin_of(range) < end_of(range)) {
      const std::uint64_t rest = last ? range - 1 : range + (std::uint64_t{1} << 32);
      if (!share.range.compare_exchange_weak(range, rest, std::memory_order_relaxed)) continue;
      return static_cast<Index>(last ? end_of(rest) : begin_of(range));
    }
    return -1;
  }

  const Index tasks_, each_, count_;
  const bool backward_;
  Share shares_[kMostShares];
};

}  // namespace convolith
