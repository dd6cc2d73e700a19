#include "addon/conv.h"

#include <utility>

#include "addon/addon_data.h"
#include "addon/errors.h"
#include "addon/marshal.h"

namespace convolith {

namespace {

/** Takes back a layer that the constructor did not come to take: the next Conv must not be given it. */
class LayerOffer {
 public:
  explicit LayerOffer(std::unique_ptr<Layer>& slot) : slot_(slot) {}
  LayerOffer(const LayerOffer&) = delete;
  LayerOffer& operator=(const LayerOffer&) = delete;
  ~LayerOffer() { slot_ = nullptr; }

 private:
  std::unique_ptr<Layer>& slot_;
};

}  // namespace

Napi::Function Conv::define(Napi::Env env) {
  return DefineClass(env, "Conv",
                     {InstanceMethod<&Conv::plan>("plan"), InstanceMethod<&Conv::variant>("variant"),
                      InstanceMethod<&Conv::dispose>("dispose")});
}

Conv::Conv(const Napi::CallbackInfo& info) : ObjectWrap(info), memory_(info.Env()) {
  guarded(info.Env(), [&] {
    layer_ = std::move(AddonData::of(info.Env()).layer_to_wrap);
    if (layer_ != nullptr) {
      memory_.set(layer_->bytes());
      return;
    }
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
    live_layer("plan()");
    auto live = std::make_shared<LivePlan>();
    live->layer = layer_->plan(geometry);
    live->plan = live->layer;
    std::erase_if(plans_, [](const auto& plan) { return plan.expired(); });
    plans_.push_back(live);
    memory_.set(layer_->bytes());
    return ConvPlan::wrap(info.Env(), std::move(live));
  });
}

const Layer& Conv::live_layer(const char* method) const {
  if (layer_ != nullptr) return *layer_;
  throw Error(ErrorCode::disposed,
              std::string("Expected a live layer for ") + method + " but received one that was disposed of");
}

/** Reads no property, so no JavaScript runs between its checks and its work. */
Napi::Value Conv::variant(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsBoolean()) throw expected(ErrorCode::option, "a boolean", "channelsLast", show(info[0]));
    const std::string algorithm = read_string(info[1], "algorithm");
    AddonData& data = AddonData::of(info.Env());
    const LayerOffer offer(data.layer_to_wrap);
    data.layer_to_wrap = std::make_unique<Layer>(
        live_layer("variant()").variant(info[0].As<Napi::Boolean>().Value(), algorithm));
    return data.conv_constructor.New({});
  });
}

void Conv::dispose(const Napi::CallbackInfo&) {
  // A run under way holds on to its plan, and frees it at its end.
  for (const auto& plan : plans_) {
    if (const auto live = plan.lock()) live->end();
  }
  plans_.clear();
  layer_ = nullptr;
  memory_.set(0);
}

}  // namespace convolith
