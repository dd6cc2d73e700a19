#include "addon/companions.h"

#include "addon/companion_arguments.h"

namespace convolith {

void export_companions(Napi::Env env, Napi::Object exports) {
  auto companions = Napi::Object::New(env);
  export_elementwise(env, companions);
  export_movement(env, companions);
  export_windows(env, companions);
  export_reductions(env, companions);
  exports.Set("companions", companions);
}

}  // namespace convolith
