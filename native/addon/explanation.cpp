#include "addon/explanation.h"

namespace convolith {

Napi::Value to_object(Napi::Env env, const Explanation& explanation) {
  auto refused = Napi::Array::New(env, explanation.refused.size());
  for (std::uint32_t row = 0; row < refused.Length(); ++row) {
    auto refusal = Napi::Object::New(env);
    refusal.Set("algorithm", explanation.refused[row].algorithm);
    refusal.Set("reason", explanation.refused[row].reason);
    refused.Set(row, refusal);
  }
  auto result = Napi::Object::New(env);
  result.Set("algorithm", explanation.algorithm);
  result.Set("isa", explanation.isa);
  result.Set("threads", explanation.threads);
  result.Set("tile", explanation.tile);
  result.Set("workspaceBytes", static_cast<double>(explanation.workspace_bytes));
  result.Set("packedBytes", static_cast<double>(explanation.packed_bytes));
  result.Set("refused", refused);
  return result;
}

}  // namespace convolith
