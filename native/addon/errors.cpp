#include "addon/errors.h"

#include <new>

namespace convolith {

namespace {

const char* code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::shape:
      return "ERR_SHAPE";
    case ErrorCode::option:
      return "ERR_OPTION";
    case ErrorCode::dtype:
      return "ERR_DTYPE";
    case ErrorCode::buffer:
      return "ERR_BUFFER";
    case ErrorCode::unsupported:
      return "ERR_UNSUPPORTED";
    case ErrorCode::disposed:
      return "ERR_DISPOSED";
    case ErrorCode::aborted:
      return "ERR_ABORTED";
    case ErrorCode::memory:
      return "ERR_MEMORY";
  }
  return "ERR_OPTION";
}

}  // namespace

Napi::Error make_error(Napi::Env env, ErrorCode code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code_name(code)));
  return error;
}

Napi::Error to_js_error(Napi::Env env, const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Napi::Error& js_error) {
    return js_error;
  } catch (const Error& refusal) {
    return make_error(env, refusal.code(), refusal.what());
  } catch (const std::bad_alloc&) {
    return make_error(env, ErrorCode::memory,
                      "Expected memory for this convolution but the system has none left");
  } catch (const std::exception& other) {
    return Napi::Error::New(env, other.what());
  }
}

Error expected(ErrorCode code, const std::string& what, const std::string& name,
               const std::string& received) {
  return Error(code, "Expected " + what + " for " + name + " but received " + received);
}

Napi::Error called_without_new(Napi::Env env, const std::string& name) {
  return make_error(env, ErrorCode::option, "Expected new for " + name + " but received a call without it");
}

std::string show(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
    case napi_number:
      return value.ToString().Utf8Value();
    case napi_string:
      return "\"" + value.As<Napi::String>().Utf8Value().substr(0, 60) + "\"";
    case napi_symbol:
      return "a symbol";
    case napi_function:
      return "a function";
    case napi_bigint:
      return "a bigint";
    default:
      if (value.IsTypedArray()) return "a typed array of another kind";
      return value.IsArray() ? "an array" : "an object";
  }
}

}  // namespace convolith
