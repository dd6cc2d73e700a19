#include "addon/engine_info.h"

#include <string>
#include <vector>

#include "addon/errors.h"
#include "addon/export_function.h"
#include "addon/marshal.h"
#include "base/cpu.h"
#include "base/thread_pool.h"
#include "isa/isa.h"
#include "kernels/table.h"
#include "plan/plan.h"
#include "plan/probe.h"

namespace convolith {

namespace {

Napi::Value to_array(Napi::Env env, const std::vector<std::string>& names) {
  auto array = Napi::Array::New(env, names.size());
  for (std::uint32_t index = 0; index < array.Length(); ++index) array.Set(index, names[index]);
  return array;
}

Napi::Value cpu(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), cpu_name()); }

Napi::Value isas(const Napi::CallbackInfo& info) { return to_array(info.Env(), available_isas()); }

Napi::Value get_isa(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), current_kernels().name);
}

Napi::Value set_isa(const Napi::CallbackInfo& info) {
  select_isa(read_string(info[0], "isa"));
  return info.Env().Undefined();
}

Napi::Value algorithms(const Napi::CallbackInfo& info) { return to_array(info.Env(), algorithm_names()); }

Napi::Value peak(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), fma_peak()); }

Napi::Value bandwidth(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), memory_bandwidth());
}

Napi::Value available(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), available_threads());
}

Napi::Value get_threads(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), thread_limit());
}

Napi::Value set_threads(const Napi::CallbackInfo& info) {
  const Index count = read_integer(info[0], "threads");
  // Before it is narrowed, so that 2^32 + 1 does not read as 1.
  if (count < 1 || count > kMaxThreads) {
    throw expected(ErrorCode::option, "an integer from 1 to " + std::to_string(kMaxThreads), "threads",
                   std::to_string(count));
  }
  set_thread_limit(static_cast<int>(count));
  return info.Env().Undefined();
}

}  // namespace

void export_engine_info(Napi::Env env, Napi::Object exports) {
  exports.Set("version", CONVOLITH_VERSION);
  export_function<cpu>(env, exports, "cpu");
  export_function<isas>(env, exports, "isas");
  export_function<get_isa>(env, exports, "getIsa");
  export_function<set_isa>(env, exports, "setIsa");
  export_function<algorithms>(env, exports, "algorithms");
  export_function<peak>(env, exports, "fmaPeak");
  export_function<bandwidth>(env, exports, "memoryBandwidth");
  export_function<available>(env, exports, "availableThreads");
  export_function<get_threads>(env, exports, "getThreads");
  export_function<set_threads>(env, exports, "setThreads");
}

}  // namespace convolith
