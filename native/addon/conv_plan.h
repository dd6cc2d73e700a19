#pragma once

#include <napi.h>

#include <memory>

#include "addon/errors.h"
#include "plan/plan.h"

namespace convolith {

/** A plan as long as its layer lives: dispose() of the layer empties it, whoever still holds the object. */
struct LivePlan {
  std::shared_ptr<const Plan> plan;
};

/** `NativePlan` of lib/native/binding.ts. */
class ConvPlan : public Napi::ObjectWrap<ConvPlan> {
 public:
  static Napi::Function define(Napi::Env env);

  /** What node-addon-api calls for the class without `new`. */
  static Napi::Value OnCalledAsFunction(const Napi::CallbackInfo& info) {
    throw called_without_new(info.Env(), "ConvPlan");
  }

  static Napi::Object wrap(Napi::Env env, std::shared_ptr<LivePlan> plan);

  /** Takes the plan that wrap() left in the instance data; refuses where JavaScript calls it. */
  explicit ConvPlan(const Napi::CallbackInfo& info);

 private:
  void run(const Napi::CallbackInfo& info);
  Napi::Value run_async(const Napi::CallbackInfo& info);
  Napi::Value explain(const Napi::CallbackInfo& info);
  std::shared_ptr<const Plan> live_plan() const;

  std::shared_ptr<LivePlan> live_;
};

}  // namespace convolith
