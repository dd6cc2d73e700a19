#include "addon/conv.h"

#include <utility>

#include "addon/errors.h"
#include "addon/marshal.h"

namespace convolith {

Napi::Function Conv::define(Napi::Env env) {
  return DefineClass(env, "Conv",
                     {InstanceMethod<&Conv::plan>("plan"), InstanceMethod<&Conv::dispose>("dispose")});
}

Conv::Conv(const Napi::CallbackInfo& info) : ObjectWrap(info), memory_(info.Env()) {
  guarded(info.Env(), [&] {
    const StageHandles first = read_stage(info[0], "stage");
    if (info[1].IsUndefined()) {
      layer_ = std::make_unique<Layer>(copy_stage(first));
    } else {
      const StageHandles pointwise = read_stage(info[1], "pointwise");
      layer_ = std::make_unique<Layer>(copy_stage(first), copy_stage(pointwise));
    }
    memory_.set(layer_->bytes());
  });
}

Napi::Value Conv::plan(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    // Read first: a getter of the geometry may dispose of this layer.
    const ConvGeometry geometry = read_geometry(info[0]);
    if (layer_ == nullptr) {
      throw Error(ErrorCode::disposed,
                  "Expected a live layer for plan() but received one that was disposed of");
    }
    auto live = std::make_shared<LivePlan>(LivePlan{layer_->plan(geometry)});
    std::erase_if(plans_, [](const auto& plan) { return plan.expired(); });
    plans_.push_back(live);
    memory_.set(layer_->bytes());
    return ConvPlan::wrap(info.Env(), std::move(live));
  });
}

void Conv::dispose(const Napi::CallbackInfo&) {
  // A run under way holds on to its plan, and frees it at its end.
  for (const auto& plan : plans_) {
    if (const auto live = plan.lock()) live->plan = nullptr;
  }
  plans_.clear();
  layer_ = nullptr;
  memory_.set(0);
}

}  // namespace convolith
