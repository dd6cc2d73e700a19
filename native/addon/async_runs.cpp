#include "addon/async_runs.h"

#include <cstring>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include "addon/errors.h"
#include "base/aligned_buffer.h"
#include "base/thread_pool.h"

namespace convolith {

/** What of a run belongs to the pool. */
struct AsyncRuns::Run {
  std::uint64_t id;
  std::shared_ptr<const Plan> plan;
  Staging input, residual, output;
  Index output_count = 0;
  std::shared_ptr<CancelToken> token;
  std::exception_ptr error;

  void compute() noexcept {
    try {
      if (token->cancelled()) throw Error(ErrorCode::aborted, "The run was aborted before it began");
      output = allocate_staging(output_count);
      plan->run(input.get(), output.get(), residual.get(), token.get());
    } catch (...) {
      error = std::current_exception();
    }
    input.reset();
    residual.reset();
    plan.reset();
  }
};

/** Where workers leave finished runs for the JavaScript thread; outlives the environment as long as a run is
 * out. */
class AsyncRuns::Mailbox {
 public:
  explicit Mailbox(napi_threadsafe_function wake) : wake_(wake) {}

  void deliver(std::unique_ptr<Run> run) {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    finished_.push_back(std::move(run));
    // Under the lock: the function lives until close() has returned.
    napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
  }

  std::vector<std::unique_ptr<Run>> collect() {
    const std::lock_guard lock(mutex_);
    return std::exchange(finished_, {});
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    finished_.clear();
    napi_release_threadsafe_function(wake_, napi_tsfn_abort);
  }

  /** Whether runs under way keep the event loop alive. */
  void hold_loop(napi_env env, bool hold) {
    if (hold) {
      napi_ref_threadsafe_function(env, wake_);
    } else {
      napi_unref_threadsafe_function(env, wake_);
    }
  }

 private:
  std::mutex mutex_;
  const napi_threadsafe_function wake_;
  std::vector<std::unique_ptr<Run>> finished_;
  bool closed_ = false;
};

AsyncRuns::AsyncRuns(Napi::Env env) : env_(env) {
  napi_threadsafe_function wake;
  const napi_status status =
      napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "convolith"), 0, 1,
                                      nullptr, nullptr, this, settle_finished, &wake);
  if (status != napi_ok) throw Napi::Error::New(env);
  mailbox_ = std::make_shared<Mailbox>(wake);
  mailbox_->hold_loop(env, false);
  // Hooks run last in, first out: this one before the function's own, which would free it under the workers.
  napi_add_env_cleanup_hook(env, close_hook, this);
}

AsyncRuns::~AsyncRuns() { close(); }

void AsyncRuns::close_hook(void* runs) { static_cast<AsyncRuns*>(runs)->close(); }

void AsyncRuns::close() {
  if (std::exchange(closed_, true)) return;
  for (const auto& [id, pending] : pending_) pending.token->cancel();
  mailbox_->close();
  pending_.clear();
}

Napi::Promise AsyncRuns::start(std::shared_ptr<const Plan> plan, const RunBuffers& buffers,
                               const Napi::Value& output, std::shared_ptr<CancelToken> token) {
  const auto copy = [](const FloatView& from) {
    Staging to = allocate_staging(from.length);
    std::memcpy(to.get(), from.data, static_cast<std::size_t>(from.length) * sizeof(float));
    return to;
  };
  if (token == nullptr) token = std::make_shared<CancelToken>();
  auto run = std::make_shared<std::unique_ptr<Run>>(std::make_unique<Run>());
  (*run)->id = next_id_++;
  (*run)->output_count = plan->output_count();
  (*run)->plan = std::move(plan);
  (*run)->input = copy(buffers.input);
  if (buffers.residual.data != nullptr) (*run)->residual = copy(buffers.residual);
  (*run)->token = token;

  const std::uint64_t id = (*run)->id;
  const auto deferred = Napi::Promise::Deferred::New(env_);
  const auto entry =
      pending_.emplace(id, Pending{deferred, Napi::Persistent(output.As<Napi::Object>()), std::move(token)});
  try {
    submit([run, mailbox = mailbox_] {
      (*run)->compute();
      mailbox->deliver(std::move(*run));
    });
  } catch (...) {
    pending_.erase(entry.first);
    throw;
  }
  if (pending_.size() == 1) mailbox_->hold_loop(env_, true);
  return deferred.Promise();
}

void AsyncRuns::settle_finished(napi_env env, napi_value, void* context, void*) {
  auto& runs = *static_cast<AsyncRuns*>(context);
  if (env == nullptr || runs.closed_) return;
  for (const auto& run : runs.mailbox_->collect()) {
    const Napi::HandleScope scope(env);
    try {
      runs.settle(env, *run);
    } catch (const Napi::Error&) {
      // The environment is being terminated: nobody is there to hear of it.
    }
  }
  if (runs.pending_.empty()) runs.mailbox_->hold_loop(env, false);
}

void AsyncRuns::settle(Napi::Env env, Run& run) {
  auto node = pending_.extract(run.id);
  if (node.empty()) return;
  const Pending& pending = node.mapped();
  try {
    if (run.error) std::rethrow_exception(run.error);
    const FloatView output = float_view(pending.output.Value(), "output", run.output_count);
    const auto bytes = static_cast<std::size_t>(run.output_count) * sizeof(float);
    // A fresh array is first touched here, on the JavaScript thread.
    prefer_huge_pages(output.data, bytes);
    std::memcpy(output.data, run.output.get(), bytes);
  } catch (...) {
    pending.deferred.Reject(to_js_error(env, std::current_exception()).Value());
    return;
  }
  pending.deferred.Resolve(env.Undefined());
}

}  // namespace convolith
