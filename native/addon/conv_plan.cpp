#include "addon/conv_plan.h"

#include <exception>
#include <utility>

#include "addon/addon_data.h"
#include "addon/buffers.h"
#include "addon/cancel_token.h"
#include "addon/errors.h"
#include "addon/explanation.h"

namespace convolith {

Napi::Function ConvPlan::define(Napi::Env env) {
  return DefineClass(env, "ConvPlan",
                     {InstanceMethod<&ConvPlan::run>("run"), InstanceMethod<&ConvPlan::run_async>("runAsync"),
                      InstanceMethod<&ConvPlan::explain>("explain")});
}

Napi::Object ConvPlan::wrap(Napi::Env env, std::shared_ptr<LivePlan> plan) {
  AddonData& data = AddonData::of(env);
  data.plan_to_wrap = std::move(plan);
  return data.plan_constructor.New({});
}

ConvPlan::ConvPlan(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  live_ = std::exchange(AddonData::of(info.Env()).plan_to_wrap, nullptr);
  if (live_ == nullptr) {
    throw make_error(info.Env(), ErrorCode::option,
                     "Expected plan() of a Conv for a plan but received its constructor");
  }
}

std::shared_ptr<const Plan> ConvPlan::live_plan() const {
  if (live_->plan == nullptr) {
    throw Error(ErrorCode::disposed, "Expected a live layer for run() but received one that was disposed of");
  }
  return live_->plan;
}

void ConvPlan::run(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    const auto plan = live_plan();
    const RunBuffers buffers = run_buffers(info, plan->input_count(), plan->output_count());
    plan->run(buffers.input.data, buffers.output.data, buffers.residual.data);
  });
}

/** Refusals reject, as those of a run under way do. */
Napi::Value ConvPlan::run_async(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  try {
    auto plan = live_plan();
    auto token = CancelTokenWrap::from(info[3]);
    const RunBuffers buffers = run_buffers(info, plan->input_count(), plan->output_count());
    return AddonData::of(env).async_runs(env).start(std::move(plan), buffers, info[1], std::move(token));
  } catch (...) {
    const auto deferred = Napi::Promise::Deferred::New(env);
    deferred.Reject(to_js_error(env, std::current_exception()).Value());
    return deferred.Promise();
  }
}

Napi::Value ConvPlan::explain(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return to_object(info.Env(), live_plan()->explain()); });
}

}  // namespace convolith
