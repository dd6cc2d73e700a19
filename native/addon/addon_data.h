#pragma once

#include <napi.h>

#include <memory>

#include "addon/async_runs.h"
#include "plan/plan.h"

namespace convolith {

struct LivePlan;

/** What one environment holds. Nothing else in this folder is static, so worker_threads do not meet here. */
struct AddonData {
  Napi::FunctionReference plan_constructor;
  /** The plan that the constructor is about to wrap. Null when a caller runs that constructor by hand. */
  std::shared_ptr<LivePlan> plan_to_wrap;
  Napi::FunctionReference conv_constructor;
  /** The layer that Conv's constructor is about to wrap, in place of the stages that a caller gives. */
  std::unique_ptr<Layer> layer_to_wrap;

  AsyncRuns& async_runs(Napi::Env env) {
    if (async_runs_ == nullptr) async_runs_ = std::make_unique<AsyncRuns>(env);
    return *async_runs_;
  }

  static AddonData& of(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

 private:
  /** Made by the first asynchronous run. */
  std::unique_ptr<AsyncRuns> async_runs_;
};

}  // namespace convolith
