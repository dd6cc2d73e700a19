#include <napi.h>

#include "addon/addon_data.h"
#include "addon/cancel_token.h"
#include "addon/companions.h"
#include "addon/conv.h"
#include "addon/conv_plan.h"
#include "addon/engine_info.h"
#include "addon/operation_wrap.h"
#include "addon/stack_wrap.h"
#include "addon/transpose.h"

namespace convolith {

/** The export list: `NativeBinding` of lib/native/binding.ts. Runs once in each environment. */
Napi::Object export_all(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData;
  data->plan_constructor = Napi::Persistent(ConvPlan::define(env));
  env.SetInstanceData(data);
  data->conv_constructor = Napi::Persistent(Conv::define(env));
  exports.Set("Conv", data->conv_constructor.Value());
  exports.Set("Operation", OperationWrap::define(env));
  exports.Set("Stack", StackWrap::define(env));
  exports.Set("CancelToken", CancelTokenWrap::define(env));
  export_engine_info(env, exports);
  export_companions(env, exports);
  export_transpose(env, exports);
  return exports;
}

NODE_API_MODULE(convolith, export_all)

}  // namespace convolith
