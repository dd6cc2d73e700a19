#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "base/check.h"

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

/** The limit of `setThreads`; starts at `CONVOLITH_THREADS` as given by the caller of the addon, else at available_threads(). */
int thread_limit();
void set_thread_limit(int count);

/** Work on one task, numbered from 0. Runs of different tasks may overlap in time and write apart from each other. */
using TaskBody = std::function<void(Index task)>;

/**
 * Runs body(0) … body(tasks - 1) on the calling thread and on idle workers of the process-wide pool, `thread_limit()`
 * threads at the most, and returns when all are done. Throws what a body threw first. With `token` cancelled,
 * the tasks not begun are left out and `Error(aborted)` is thrown.
 */
void parallel_for(Index tasks, const TaskBody& body, const CancelToken* token = nullptr);

/** `job` on a worker of the pool, in the order of submission. Inside it `parallel_for` may be called. */
void submit(std::function<void()> job);

}  // namespace convolith
