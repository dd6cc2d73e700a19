#pragma once

#include <napi.h>

#include "plan/plan.h"

namespace convolith {

/** `Explanation` of lib/engine.ts. */
Napi::Value to_object(Napi::Env env, const Explanation& explanation);

}  // namespace convolith
