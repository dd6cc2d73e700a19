#pragma once

#include <napi.h>

#include "addon/errors.h"

namespace convolith {

/** One exported function: `body` behind the border that turns every exception into a JavaScript one. */
template <Napi::Value (*body)(const Napi::CallbackInfo&)>
void export_function(Napi::Env env, Napi::Object exports, const char* name) {
  const auto callback = [](const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] { return body(info); });
  };
  exports.Set(name, Napi::Function::New(env, callback, name));
}

}  // namespace convolith
