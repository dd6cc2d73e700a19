#include "addon/operation_wrap.h"

#include <string>

#include "addon/buffers.h"
#include "addon/explanation.h"
#include "addon/marshal.h"

namespace convolith {

Napi::Function OperationWrap::define(Napi::Env env) {
  return DefineClass(
      env, "Operation",
      {InstanceMethod<&OperationWrap::run>("run"), InstanceMethod<&OperationWrap::explain>("explain"),
       InstanceMethod<&OperationWrap::dispose>("dispose")});
}

OperationWrap::OperationWrap(const Napi::CallbackInfo& info) : ObjectWrap(info), memory_(info.Env()) {
  guarded(info.Env(), [&] {
    const std::string kind = read_string(info[0], "kind");
    const ConvSpec spec = read_linear_spec(info[1]);
    const ConvGeometry geometry = read_geometry(info[2]);
    const WeightLayout layout = read_weight_layout(info[3]);
    if (kind == "dynamicConv") {
      operation_ = make_dynamic_conv(spec, geometry, layout);
    } else if (kind == "weightGrad") {
      operation_ = make_weight_grad(spec, geometry, layout);
    } else {
      throw expected(ErrorCode::option, "one of 'dynamicConv', 'weightGrad'", "kind", show(info[0]));
    }
    memory_.set(operation_->bytes());
  });
}

Operation& OperationWrap::live() {
  if (operation_ == nullptr) {
    throw Error(ErrorCode::disposed,
                "Expected a live operation for run() but received one that was disposed of");
  }
  return *operation_;
}

void OperationWrap::run(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Operation& operation = live();
    const FloatView first = float_view(info[0], "first", operation.first_count());
    const FloatView second = float_view(info[1], "second", operation.second_count());
    const FloatView output = float_view(info[2], "output", operation.output_count());
    expect_apart(output, first, "first");
    expect_apart(output, second, "second");
    operation.run(first.data, second.data, output.data);
  });
}

Napi::Value OperationWrap::explain(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return to_object(info.Env(), live().explain()); });
}

void OperationWrap::dispose(const Napi::CallbackInfo&) {
  operation_ = nullptr;
  memory_.set(0);
}

}  // namespace convolith
