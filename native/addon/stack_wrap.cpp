#include "addon/stack_wrap.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "addon/marshal.h"

namespace convolith {

namespace {

/** Reads and checks `Matrices` of lib/engine.ts. May call getters. */
Matrices read_matrices(const Napi::Object& border, const char* name) {
  const Napi::Value value = border.Get(name);
  if (!value.IsObject()) throw expected(ErrorCode::option, "an object", name, show(value));
  const auto size = [&](const char* key) {
    const Index count = read_integer(value.As<Napi::Object>().Get(key), std::string(name) + "." + key);
    if (count >= 1 && count <= kMaxElements) return count;
    throw expected(ErrorCode::shape, "an integer from 1 to " + std::to_string(kMaxElements),
                   std::string(name) + "." + key, std::to_string(count));
  };
  Matrices matrices{size("batch"), size("rows"), size("columns")};
  const Index count = saturating_product(saturating_product(matrices.batch, matrices.rows), matrices.columns);
  if (count > kMaxElements) {
    throw expected(ErrorCode::memory, "at most " + std::to_string(kMaxElements) + " elements", name,
                   "sizes whose product is beyond");
  }
  return matrices;
}

std::optional<Border> read_border(const Napi::Value& value) {
  if (value.IsNull()) return std::nullopt;
  if (!value.IsObject()) throw expected(ErrorCode::option, "an object or null", "border", show(value));
  const auto border = value.As<Napi::Object>();
  const Matrices input = read_matrices(border, "input");
  return Border{input, read_matrices(border, "output")};
}

}  // namespace

Napi::Function StackWrap::define(Napi::Env env) {
  return DefineClass(
      env, "Stack",
      {InstanceMethod<&StackWrap::plan>("plan"), InstanceMethod<&StackWrap::dispose>("dispose")});
}

StackWrap::StackWrap(const Napi::CallbackInfo& info) : ObjectWrap(info), memory_(info.Env()) {}

Napi::Value StackWrap::plan(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    if (!info[0].IsArray() || info[0].As<Napi::Array>().Length() == 0) {
      throw expected(ErrorCode::option, "an array of plans", "layers", show(info[0]));
    }
    const auto array = info[0].As<Napi::Array>();
    const std::uint32_t count = array.Length();
    auto live = std::make_shared<LivePlan>();
    for (std::uint32_t i = 0; i < count; ++i) {
      live->parts.push_back(ConvPlan::from(array.Get(i), "layers[" + std::to_string(i) + "]"));
    }
    const std::optional<Border> border = read_border(info[1]);
    // Getters have run; from here on none does.
    if (maps_ == nullptr) {
      throw Error(ErrorCode::disposed,
                  "Expected a live stack for plan() but received one that was disposed of");
    }
    std::vector<std::shared_ptr<const LayerPlan>> layers;
    for (std::size_t i = 0; i < live->parts.size(); ++i) {
      const std::string name = "layers[" + std::to_string(i) + "]";
      if (live->parts[i]->plan == nullptr) {
        throw Error(ErrorCode::disposed,
                    "Expected a live layer for " + name + " but received one that was disposed of");
      }
      if (live->parts[i]->layer == nullptr) {
        throw expected(ErrorCode::option, "the plan of a layer", name, "that of a stack");
      }
      layers.push_back(live->parts[i]->layer);
    }
    const auto stack = std::make_shared<const Stack>(std::move(layers), border, maps_);
    live->plan = stack;
    for (const auto& part : live->parts) {
      std::erase_if(part->stacks, [](const auto& other) { return other.expired(); });
      part->stacks.push_back(live);
    }
    std::erase_if(plans_, [](const auto& plan) { return plan.expired(); });
    plans_.push_back(live);
    map_bytes_ = std::max(map_bytes_, stack->map_bytes());
    memory_.set(map_bytes_);
    return ConvPlan::wrap(info.Env(), std::move(live));
  });
}

void StackWrap::dispose(const Napi::CallbackInfo&) {
  // A run under way holds on to its plan and to the maps.
  for (const auto& plan : plans_) {
    if (const auto live = plan.lock()) live->end();
  }
  plans_.clear();
  if (maps_ != nullptr) maps_->clear();
  maps_ = nullptr;
  memory_.set(0);
}

}  // namespace convolith
