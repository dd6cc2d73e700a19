#pragma once

#include <napi.h>

#include <exception>
#include <string>

#include "base/check.h"

namespace convolith {

/** A JS Error whose `code` is that of `ConvolithError`. */
Napi::Error make_error(Napi::Env env, ErrorCode code, const std::string& message);

/** The core's refusals keep their code, a failed allocation is `ERR_MEMORY`, and what JavaScript threw stays
 * as it is. */
Napi::Error to_js_error(Napi::Env env, const std::exception_ptr& error);

/** `Expected <what> for <name> but received <received>`: the one way a refusal is worded. */
Error expected(ErrorCode code, const std::string& what, const std::string& name, const std::string& received);

/** The refusal of a class that was called as a function. */
Napi::Error called_without_new(Napi::Env env, const std::string& name);

/** A received value as it reads best in a message. Calls no JavaScript. */
std::string show(const Napi::Value& value);

/** Runs `body` at the border to JavaScript: nothing but a `Napi::Error` leaves it. */
template <typename Body>
auto guarded(Napi::Env env, Body&& body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw to_js_error(env, std::current_exception());
  }
}

}  // namespace convolith
