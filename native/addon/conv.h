#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "addon/conv_plan.h"
#include "addon/errors.h"
#include "addon/external_memory.h"
#include "plan/plan.h"

namespace convolith {

/** `NativeConv` of lib/native/binding.ts. */
class Conv : public Napi::ObjectWrap<Conv> {
 public:
  static Napi::Function define(Napi::Env env);

  /** What node-addon-api calls for the class without `new`. */
  static Napi::Value OnCalledAsFunction(const Napi::CallbackInfo& info) {
    throw called_without_new(info.Env(), "Conv");
  }

  explicit Conv(const Napi::CallbackInfo& info);

 private:
  const Layer& live_layer(const char* method) const;

  Napi::Value plan(const Napi::CallbackInfo& info);
  Napi::Value variant(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  /** Null after dispose(). */
  std::unique_ptr<Layer> layer_;
  /** The plans given out, for dispose() to empty. */
  std::vector<std::weak_ptr<LivePlan>> plans_;
  ExternalMemory memory_;
};

}  // namespace convolith
