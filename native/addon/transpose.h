#pragma once

#include <napi.h>

namespace convolith {

/** `transpose` of lib/native/binding.ts. */
void export_transpose(Napi::Env env, Napi::Object exports);

}  // namespace convolith
