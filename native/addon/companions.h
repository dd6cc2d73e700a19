#pragma once

#include <napi.h>

namespace convolith {

/** Puts `companions`, the `NativeCompanions` of lib/native/companions.ts, into the export list. */
void export_companions(Napi::Env env, Napi::Object exports);

}  // namespace convolith
