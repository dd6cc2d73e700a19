#include "addon/cancel_token.h"

#include "addon/errors.h"

namespace convolith {

namespace {

/** Marks the real ones: prototypes and instanceof can be forged, and unwrapping a forged one would crash. */
constexpr napi_type_tag kTag{0x9d0c1b6f2e7a4835ULL, 0xb1f2c3d48a5e6970ULL};

}  // namespace

Napi::Function CancelTokenWrap::define(Napi::Env env) {
  return DefineClass(env, "CancelToken", {InstanceMethod<&CancelTokenWrap::cancel>("cancel")});
}

CancelTokenWrap::CancelTokenWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
}

void CancelTokenWrap::cancel(const Napi::CallbackInfo&) { token_->cancel(); }

std::shared_ptr<CancelToken> CancelTokenWrap::from(const Napi::Value& value) {
  if (value.IsNull() || value.IsUndefined()) return nullptr;
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTag)) {
    throw expected(ErrorCode::option, "a CancelToken or null", "token", show(value));
  }
  return Unwrap(value.As<Napi::Object>())->token_;
}

}  // namespace convolith
