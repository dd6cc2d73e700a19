#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "addon/buffers.h"
#include "addon/staging.h"
#include "plan/plan.h"

namespace convolith {

/**
 * The asynchronous runs of one environment (the main thread, or one worker_thread).
 *
 * A run reads and writes native copies only. JavaScript may transfer, resize or drop a buffer while a run is
 * under way, and Node-API has no way to hold on to its memory: a reference keeps the ArrayBuffer object, not
 * the store that was moved out of it. So the input and the residual are copied when the run is asked for, and
 * the result is copied into `output` on the JavaScript thread at the end, if it is then still attached and
 * long enough. Two copies are some percent of a 3x3 convolution's time, and with them nothing that JavaScript
 * does can reach a run.
 *
 * For the same reason the environment may end at any time: it cancels its runs and need not wait for them, as
 * what they still hold is theirs.
 */
class AsyncRuns {
 public:
  explicit AsyncRuns(Napi::Env env);
  ~AsyncRuns();
  AsyncRuns(const AsyncRuns&) = delete;
  AsyncRuns& operator=(const AsyncRuns&) = delete;

  /** Starts a run on the pool. `output` is the array that `buffers.output` was taken from; `token` may be
   * null. */
  Napi::Promise start(std::shared_ptr<const Plan> plan, const RunBuffers& buffers, const Napi::Value& output,
                      std::shared_ptr<CancelToken> token);

 private:
  struct Run;
  class Mailbox;
  /** What of a run belongs to JavaScript. */
  struct Pending {
    Napi::Promise::Deferred deferred;
    Napi::ObjectReference output;
    std::shared_ptr<CancelToken> token;
  };

  static void settle_finished(napi_env env, napi_value callback, void* runs, void* data);
  static void close_hook(void* runs);
  void settle(Napi::Env env, Run& run);
  void close();

  Napi::Env env_;
  std::shared_ptr<Mailbox> mailbox_;
  std::unordered_map<std::uint64_t, Pending> pending_;
  std::uint64_t next_id_ = 0;
  bool closed_ = false;
};

}  // namespace convolith
