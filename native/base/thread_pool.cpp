#include "base/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include "base/cpu_quota.h"
#include "base/process.h"
#include "base/task_shares.h"

namespace convolith {

namespace {

using Clock = std::chrono::steady_clock;

// Two layers of a network follow each other within a few µs and waking a parked thread costs 5 to 50 µs, so
// an idle worker looks out for that long before it parks. A caller waits for tasks under way, which are
// longer.
constexpr auto kWorkerSpin = std::chrono::microseconds(20);
constexpr auto kCallerSpin = std::chrono::microseconds(50);
// What a process that ends waits for tasks under way. Each takes milliseconds; the bound is for a stopped
// machine.
constexpr auto kExitWait = std::chrono::seconds(5);

/**
 * Work from which on a parked thread is called to help. The call takes a caller 15 µs on a virtual machine,
 * and as long passes before the other one computes: a layer of 58 µs took 60 with it. Short layers that
 * follow each other are added up, so that a network of them is shared from its second or third one on.
 */
constexpr Index kWorthWaking = 50'000;

/** Calls so far of more than one task. */
std::atomic<std::uint32_t> sweeps{0};

/**
 * Whether a call takes its tasks from the last to the first: every other one does, so that it meets first
 * what the call before it left in the caches, of the same arrays, or of the map which that one wrote.
 * Depthwise 3x3 of 32 channels on 112x112, 3.2 MB of maps beside 2 MiB of second-level cache, takes 0.85 of
 * the time so.
 */
bool next_sweep() { return (sweeps.fetch_add(1, std::memory_order_relaxed) & 1) != 0; }

/** A call of parallel_for, on its caller's stack. Fields without a comment belong to the pool's mutex. */
struct Job {
  Job(Index tasks, TaskBody task_body, const CancelToken* cancel, Index work)
      : body(task_body), token(cancel), nanoseconds(work), shares(tasks, thread_limit(), next_sweep()) {}

  const TaskBody body;
  const CancelToken* const token;
  const Index nanoseconds;
  /** Whether it is worth calling threads that sleep. */
  bool wakes = true;
  /** The turn of the call: workers serve the lowest number first. */
  std::uint64_t ticket = 0;
  Job* following = nullptr;
  /** Workers inside. Written under the mutex, read by the spinning caller; a worker's last touch of the job.
   */
  std::atomic<int> helpers{0};
  /** The one who sets it writes `error`, which is read when all helpers have left. */
  std::atomic<bool> failed{false};
  std::exception_ptr error;
  /** Claimed without the mutex. */
  TaskShares shares;
};

struct Submission {
  std::uint64_t ticket;
  std::function<void()> run;
};

/** What this thread does at the moment. */
struct Context {
  /** Inside a body of parallel_for. */
  bool in_body = false;
  /** On a submitted job, whose turn its calls of parallel_for inherit. */
  bool in_submission = false;
  std::uint64_t ticket = 0;
  /** Of the outermost call whose body this thread is in. */
  const CancelToken* token = nullptr;
  /** Of a worker, from 1 on; all others are 0. */
  int thread = 0;
};
thread_local Context context;

/** 0 until it is first asked for. */
std::atomic<int> limit{0};

bool is_cancelled(const CancelToken* token) { return token != nullptr && token->cancelled(); }

[[noreturn]] void throw_aborted() {
  throw Error(ErrorCode::aborted, "The run was aborted before it was complete");
}

/**
 * Spins on `done` for `duration`; true once it holds. The clock is read now and then only: it costs more than
 * a look.
 */
template <typename Done>
bool spin(std::chrono::nanoseconds duration, Done done) {
  const auto end = Clock::now() + duration;
  do {
    for (int look = 0; look < 32; ++look) {
      if (done()) return true;
      spin_pause();
    }
  } while (Clock::now() < end);
  return false;
}

/**
 * Workers are started when there is work for them, up to the limit, and never end: the pool is leaked and its
 * threads are detached, as no order of destruction at the end of a process suits threads that may be
 * anywhere. What has to hold at that moment is that none of them computes any more (see close()).
 */
class Pool {
 public:
  void run(Job& job);
  void submit(std::function<void()> work);
  void limit_changed();
  void close();

 private:
  void work();
  bool serve_oldest(std::unique_lock<std::mutex>& lock);
  void drain(Job& job, bool is_helper);
  Job* oldest_job() const;
  bool has_work() const { return !queue_.empty() || oldest_job() != nullptr; }
  void link(Job& job);
  void unlink(Job& job);
  bool wake(int workers, bool sleeping = true);
  bool is_worth_waking(const Job& job);
  void await_helpers(Job& job, std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable posted_changed_, helpers_left_;
  Job* jobs_ = nullptr;
  std::deque<Submission> queue_;
  std::uint64_t tickets_ = 0;
  int workers_ = 0, numbered_ = 0, active_ = 0, parked_ = 0, waiting_callers_ = 0;
  /** Short work done without the threads that sleep, in calls that followed each other, and when it ended. */
  Index unshared_ = 0;
  Clock::time_point unshared_until_;
  /** Threads that compute: active workers, and callers inside parallel_for. Written under the mutex. */
  std::atomic<int> busy_{0};
  /** Counts the moments at which an idle worker should look for work. Written under the mutex. */
  std::atomic<std::uint32_t> posted_{0};
  std::atomic<bool> closing_{false};
};

/** Claims tasks one at a time until none is left. A helper leaves early where a caller needs its core. */
void Pool::drain(Job& job, bool is_helper) {
  context.in_body = true;
  context.token = job.token;
  while (!is_cancelled(job.token) && !closing_.load(std::memory_order_relaxed)) {
    if (is_helper && busy_.load(std::memory_order_relaxed) > thread_limit()) break;
    const Index task = job.shares.claim(context.thread);
    if (task < 0) break;
    try {
      job.body(task);
    } catch (...) {
      if (!job.failed.exchange(true)) job.error = std::current_exception();
      job.shares.drop();
    }
  }
  context.in_body = false;
  context.token = nullptr;
}

Job* Pool::oldest_job() const {
  Job* oldest = nullptr;
  for (Job* job = jobs_; job != nullptr; job = job->following) {
    if (job->shares.has_tasks() && (oldest == nullptr || job->ticket < oldest->ticket)) oldest = job;
  }
  return oldest;
}

void Pool::link(Job& job) {
  job.following = jobs_;
  jobs_ = &job;
}

void Pool::unlink(Job& job) {
  Job** link = &jobs_;
  while (*link != &job) link = &(*link)->following;
  *link = job.following;
}

/**
 * Calls up to `workers` idle workers, starting them where there are too few; false where no worker exists at
 * all. Each that finds work calls two more, so that a caller pays for one and all are there after log2 of
 * their number. Without `sleeping`, only those are called that still spin.
 */
bool Pool::wake(int workers, bool sleeping) {
  if (closing_) return true;
  workers = std::min(workers, thread_limit() - busy_.load(std::memory_order_relaxed));
  if (workers <= 0) return true;
  posted_.fetch_add(1, std::memory_order_release);
  if (!sleeping) return workers_ > 0;
  for (int idle = workers_ - active_; idle < workers && workers_ < thread_limit(); ++idle) {
    try {
      start_detached_thread([](void* pool) { static_cast<Pool*>(pool)->work(); }, this);
    } catch (const std::system_error&) {
      break;
    }
    ++workers_;
  }
  // Those that still spin see `posted_` change without a system call.
  for (int call = std::min(workers - (workers_ - active_ - parked_), parked_); call > 0; --call) {
    posted_changed_.notify_one();
  }
  return workers_ > 0;
}

/** Short work adds up as long as a worker woken for it would still have spun at the next call. */
bool Pool::is_worth_waking(const Job& job) {
  if (job.nanoseconds >= kWorthWaking) return true;
  if (Clock::now() - unshared_until_ > kWorkerSpin) unshared_ = 0;
  unshared_ += job.nanoseconds;
  if (unshared_ < kWorthWaking) return false;
  unshared_ = 0;
  return true;
}

void Pool::work() {
  std::unique_lock lock(mutex_);
  context.thread = ++numbered_;
  for (;;) {
    if (!closing_ && busy_.load(std::memory_order_relaxed) < thread_limit() && serve_oldest(lock)) continue;
    const std::uint32_t seen = posted_.load(std::memory_order_relaxed);
    const auto posted = [&] { return posted_.load(std::memory_order_acquire) != seen; };
    lock.unlock();
    const bool found = spin(kWorkerSpin, posted);
    lock.lock();
    if (found) continue;
    ++parked_;
    posted_changed_.wait(lock, posted);
    --parked_;
  }
}

/** One submission or the tasks of one job, whichever came first; false where there is neither. */
bool Pool::serve_oldest(std::unique_lock<std::mutex>& lock) {
  Job* const job = oldest_job();
  const bool takes_submission = !queue_.empty() && (job == nullptr || queue_.front().ticket < job->ticket);
  if (job == nullptr && !takes_submission) return false;
  ++active_;
  busy_.fetch_add(1, std::memory_order_relaxed);
  if (takes_submission) {
    Submission submission = std::move(queue_.front());
    queue_.pop_front();
    if (has_work()) wake(2);
    lock.unlock();
    context.in_submission = true;
    context.ticket = submission.ticket;
    submission.run();
    submission.run = nullptr;
    context = {.thread = context.thread};
    lock.lock();
  } else {
    job->helpers.fetch_add(1, std::memory_order_relaxed);
    wake(2, job->wakes);
    lock.unlock();
    drain(*job, true);
    lock.lock();
    if (job->helpers.fetch_sub(1, std::memory_order_release) == 1 && waiting_callers_ > 0)
      helpers_left_.notify_all();
  }
  busy_.fetch_sub(1, std::memory_order_relaxed);
  --active_;
  if (closing_) helpers_left_.notify_all();
  return true;
}

void Pool::await_helpers(Job& job, std::unique_lock<std::mutex>& lock) {
  const auto left = [&] { return job.helpers.load(std::memory_order_acquire) == 0; };
  if (left()) return;
  lock.unlock();
  const bool soon = spin(kCallerSpin, left);
  lock.lock();
  if (soon) return;
  ++waiting_callers_;
  helpers_left_.wait(lock, left);
  --waiting_callers_;
}

void Pool::run(Job& job) {
  // A submission's thread is a worker and counted as busy already.
  const bool is_caller = !context.in_submission;
  std::unique_lock lock(mutex_);
  job.ticket = is_caller ? tickets_++ : context.ticket;
  link(job);
  if (is_caller) busy_.fetch_add(1, std::memory_order_relaxed);
  job.wakes = is_worth_waking(job);
  wake(1, job.wakes);
  lock.unlock();
  drain(job, false);
  lock.lock();
  unlink(job);
  if (!job.wakes) unshared_until_ = Clock::now();
  if (is_caller) {
    busy_.fetch_sub(1, std::memory_order_relaxed);
    if (has_work()) wake(1);
  }
  await_helpers(job, lock);
  lock.unlock();
  if (job.error) std::rethrow_exception(job.error);
  if (job.shares.has_tasks()) throw_aborted();
}

void Pool::submit(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  queue_.push_back({tickets_++, std::move(work)});
  if (wake(1)) return;
  queue_.pop_back();
  throw Error(ErrorCode::memory,
              "Expected a thread from the system for an asynchronous run but received none");
}

void Pool::limit_changed() {
  const std::lock_guard lock(mutex_);
  if (has_work()) wake(2);
}

/**
 * Runs at exit, before the destructors of static objects: no task begins any more, and those under way may
 * end, so that no kernel reads what a destructor frees. Windows ends the other threads before it comes here.
 */
void Pool::close() {
  std::unique_lock lock(mutex_);
  closing_ = true;
#if !defined(_WIN32)
  helpers_left_.wait_for(lock, kExitWait, [&] { return active_ == 0; });
#endif
}

std::atomic<Pool*> current_pool{nullptr};

Pool* start() {
  pin_binary();
  std::atexit([] { current_pool.load()->close(); });
  // A child of fork() has none of the threads, and perhaps a locked mutex: it gets a pool of its own.
  on_fork_in_child([] {
    context = {};
    current_pool.store(new Pool);
  });
  current_pool.store(new Pool);
  return current_pool;
}

Pool& pool() {
  static Pool* const first = start();
  (void)first;
  return *current_pool.load(std::memory_order_acquire);
}

/** Lends the thread a token while it is in a body; inside another call's body that one's stays. */
class TokenScope {
 public:
  explicit TokenScope(const CancelToken* token) : outer_(context.token) {
    if (outer_ == nullptr) context.token = token;
  }
  ~TokenScope() { context.token = outer_; }
  TokenScope(const TokenScope&) = delete;
  TokenScope& operator=(const TokenScope&) = delete;

 private:
  const CancelToken* const outer_;
};

void run_inline(Index tasks, TaskBody body, const CancelToken* token) {
  const TokenScope scope(token);
  const bool backward = tasks > 1 && !context.in_body && next_sweep();
  for (Index i = 0; i < tasks; ++i) {
    if (is_cancelled(token)) throw_aborted();
    body(backward ? tasks - 1 - i : i);
  }
}

}  // namespace

int available_threads() {
  const int cpus = affinity_cpus();
  return std::clamp(cgroup_cpus(cpus), 1, kMaxThreads);
}

int thread_limit() {
  int value = limit.load(std::memory_order_relaxed);
  if (value != 0) return value;
  const int available = available_threads();
  return limit.compare_exchange_strong(value, available) ? available : value;
}

void set_thread_limit(int count) {
  if (count < 1 || count > kMaxThreads) {
    throw Error(ErrorCode::option, "Expected an integer from 1 to " + std::to_string(kMaxThreads) +
                                       " for threads but received " + std::to_string(count));
  }
  limit.store(count);
  if (Pool* const started = current_pool.load()) started->limit_changed();
}

void parallel_for(Index tasks, TaskBody body, const CancelToken* token, Index nanoseconds) {
  const bool shared = tasks > 1 && tasks <= TaskShares::kMostTasks && nanoseconds >= kLeastShared &&
                      !context.in_body && thread_limit() > 1;
  if (!shared) return run_inline(tasks, body, token);
  Job job(tasks, body, token, nanoseconds);
  pool().run(job);
}

void check_cancelled() {
  if (is_cancelled(context.token)) throw_aborted();
}

void submit(std::function<void()> job) { pool().submit(std::move(job)); }

}  // namespace convolith
