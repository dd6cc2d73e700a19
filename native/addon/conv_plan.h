#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "addon/errors.h"
#include "plan/plan.h"

namespace convolith {

/** A plan as long as its layer lives: dispose() of the layer ends it, and the stacks that it is part of,
 * whoever still holds the object. */
struct LivePlan {
  std::shared_ptr<const Plan> plan;
  /** The same one, where it is a layer's. */
  std::shared_ptr<const LayerPlan> layer;
  std::vector<std::weak_ptr<LivePlan>> stacks;
  /** Of a stack: its layers, which must know of it as long as it lives. */
  std::vector<std::shared_ptr<LivePlan>> parts;

  void end();
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

  /** The plan inside `value`; throws `Error(option)` for anything else. */
  static std::shared_ptr<LivePlan> from(const Napi::Value& value, const std::string& name);

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
