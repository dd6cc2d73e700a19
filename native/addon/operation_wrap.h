#pragma once

#include <napi.h>

#include <memory>

#include "addon/errors.h"
#include "addon/external_memory.h"
#include "plan/operation.h"

namespace convolith {

/** `NativeOperation` of lib/native/binding.ts. */
class OperationWrap : public Napi::ObjectWrap<OperationWrap> {
 public:
  static Napi::Function define(Napi::Env env);

  /** What node-addon-api calls for the class without `new`. */
  static Napi::Value OnCalledAsFunction(const Napi::CallbackInfo& info) {
    throw called_without_new(info.Env(), "Operation");
  }

  explicit OperationWrap(const Napi::CallbackInfo& info);

 private:
  void run(const Napi::CallbackInfo& info);
  Napi::Value explain(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);
  Operation& live();

  /** Null after dispose(). */
  std::unique_ptr<Operation> operation_;
  ExternalMemory memory_;
};

}  // namespace convolith
