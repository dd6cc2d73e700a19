#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "addon/conv_plan.h"
#include "addon/errors.h"
#include "addon/external_memory.h"
#include "plan/stack.h"

namespace convolith {

/** `NativeStack` of lib/native/binding.ts. */
class StackWrap : public Napi::ObjectWrap<StackWrap> {
 public:
  static Napi::Function define(Napi::Env env);

  /** What node-addon-api calls for the class without `new`. */
  static Napi::Value OnCalledAsFunction(const Napi::CallbackInfo& info) {
    throw called_without_new(info.Env(), "Stack");
  }

  explicit StackWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value plan(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  /** Null after dispose(). */
  std::shared_ptr<MapPool> maps_ = std::make_shared<MapPool>();
  /** The plans given out, for dispose() to end. */
  std::vector<std::weak_ptr<LivePlan>> plans_;
  ExternalMemory memory_;
  Index map_bytes_ = 0;
};

}  // namespace convolith
