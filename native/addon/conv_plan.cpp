#include "addon/conv_plan.h"

#include <exception>
#include <utility>

#include "addon/addon_data.h"
#include "addon/buffers.h"
#include "addon/cancel_token.h"
#include "addon/errors.h"
#include "addon/explanation.h"

namespace convolith {

namespace {

/** Marks the real ones, as CancelTokenWrap's does. */
constexpr napi_type_tag kTag{0x3f5a7c9e1b2d4860ULL, 0x8c6e4a2f0d1b3957ULL};

}  // namespace

void LivePlan::end() {
  plan = nullptr;
  layer = nullptr;
  for (const auto& weak : stacks) {
    if (const auto stack = weak.lock()) stack->end();
  }
  stacks.clear();
  parts.clear();
}

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
  info.This().As<Napi::Object>().TypeTag(&kTag);
}

std::shared_ptr<LivePlan> ConvPlan::from(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTag)) {
    throw expected(ErrorCode::option, "a plan of a Conv", name, show(value));
  }
  return Unwrap(value.As<Napi::Object>())->live_;
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
