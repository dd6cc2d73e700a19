#pragma once

#include <atomic>
#include <functional>
#include <limits>

#include "base/check.h"
#include "base/function_ref.h"

namespace convolith {

/** Set once from any thread; runs look at it between two tasks. */
class CancelToken {
 public:
  void cancel() noexcept { cancelled_.store(true, std::memory_order_release); }
  bool cancelled() const noexcept { return cancelled_.load(std::memory_order_acquire); }

 private:
  std::atomic<bool> cancelled_{false};
};

/** CPUs that the affinity mask and the cgroup's quota allow, at least 1. */
int available_threads();

/** The most that set_thread_limit takes: far beyond any machine, and no pool of a million threads by a slip.
 */
inline constexpr int kMaxThreads = 1024;

/** Threads that compute at once at the most; starts at available_threads(). */
int thread_limit();
/** Throws `Error(option)` outside of 1 … kMaxThreads. */
void set_thread_limit(int count);

/** Work on one task, numbered from 0. Different tasks may overlap in time and write apart from each other. */
using TaskBody = FunctionRef<void(Index task)>;

/** Nanoseconds of work on one thread below which another one that helps costs more than it takes over. */
inline constexpr Index kLeastShared = 3000;
inline constexpr Index kLongWork = std::numeric_limits<Index>::max();

/**
 * Runs body(0) … body(tasks - 1) on the calling thread and on idle workers of the process-wide pool,
 * `thread_limit()` threads at the most, and returns when all are done. Throws what a body threw first. With
 * `token` cancelled, the tasks not begun are left out and `Error(aborted)` is thrown. Inside a body it runs
 * on the calling thread alone: the outer call has spread the work already.
 *
 * `nanoseconds`: about what all tasks take on one thread. For short ones no thread is woken that sleeps,
 * until calls that follow each other have added up to what waking one costs.
 */
void parallel_for(Index tasks, TaskBody body, const CancelToken* token = nullptr,
                  Index nanoseconds = kLongWork);

/**
 * Throws `Error(aborted)` inside a body whose call's token is cancelled, and does nothing elsewhere: for
 * tasks that may take longer than some milliseconds.
 */
void check_cancelled();

/**
 * `job` on a worker of the pool, in the order of submission. Inside it `parallel_for` may be called. It must
 * not throw. Throws `Error(memory)` where the system gives no thread at all.
 */
void submit(std::function<void()> job);

}  // namespace convolith
