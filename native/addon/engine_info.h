#pragma once

#include <napi.h>

namespace convolith {

/** Version, processor, instruction sets, algorithms and threads. */
void export_engine_info(Napi::Env env, Napi::Object exports);

}  // namespace convolith
