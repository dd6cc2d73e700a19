#pragma once

#include <napi.h>

#include <memory>

#include "addon/errors.h"
#include "base/thread_pool.h"

namespace convolith {

/** `CancelToken` of lib/native/binding.ts. */
class CancelTokenWrap : public Napi::ObjectWrap<CancelTokenWrap> {
 public:
  static Napi::Function define(Napi::Env env);

  /** What node-addon-api calls for the class without `new`. */
  static Napi::Value OnCalledAsFunction(const Napi::CallbackInfo& info) {
    throw called_without_new(info.Env(), "CancelToken");
  }

  explicit CancelTokenWrap(const Napi::CallbackInfo& info);

  /** The token inside `value`, null for null and undefined; throws `Error(option)` for anything else. */
  static std::shared_ptr<CancelToken> from(const Napi::Value& value);

 private:
  void cancel(const Napi::CallbackInfo& info);

  const std::shared_ptr<CancelToken> token_ = std::make_shared<CancelToken>();
};

}  // namespace convolith
