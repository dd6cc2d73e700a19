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
  /** Of more tasks there are no shares. */
  static constexpr Index kMostTasks = Index{1} << 31;

  /** `backward`: each share from its last task on. What is left over goes to the first share, that of a
   * caller who is no worker, since he is there first: a helper that lost its last task to him would begin the
   * next call, the other way round, with lines that lie in his cache, and lose a task again. */
  TaskShares(Index tasks, int threads, bool backward)
      : count_(std::min<Index>({tasks, threads, kMostShares})), backward_(backward) {
    for (Index i = 0; i < count_; ++i) {
      const auto begin = static_cast<std::uint64_t>(ceil_div(tasks * i, count_));
      const auto end = static_cast<std::uint64_t>(ceil_div(tasks * (i + 1), count_));
      shares_[i].range.store(begin << 32 | end, std::memory_order_relaxed);
    }
  }

  /** The next task of thread `thread`, numbered from 0; negative where none is left. */
  Index claim(int thread) {
    const Index own = thread % count_;
    for (Index i = 0; i < count_; ++i) {
      const Index task = take(shares_[(own + i) % count_], (i == 0) == backward_);
      if (task >= 0) return task;
    }
    return -1;
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

  /** First and end of the tasks that are left, 32 bits each, in a cache line of their own. */
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

  const Index count_;
  const bool backward_;
  Share shares_[kMostShares];
};

}  // namespace convolith
