#include "addon/marshal.h"

#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "addon/buffers.h"
#include "addon/errors.h"

namespace convolith {

namespace {

template <typename Value>
using Name = std::pair<const char*, Value>;

constexpr std::array<Name<PaddingMode>, 4> kPaddingModes{{{"zeros", PaddingMode::zeros},
                                                          {"reflect", PaddingMode::reflect},
                                                          {"replicate", PaddingMode::replicate},
                                                          {"circular", PaddingMode::circular}}};

constexpr std::array<Name<ActivationOp>, 10> kActivationOps{{{"clip", ActivationOp::clip},
                                                             {"leakyRelu", ActivationOp::leaky_relu},
                                                             {"prelu", ActivationOp::prelu},
                                                             {"elu", ActivationOp::elu},
                                                             {"sigmoid", ActivationOp::sigmoid},
                                                             {"tanh", ActivationOp::tanh},
                                                             {"hardSwish", ActivationOp::hard_swish},
                                                             {"hardSigmoid", ActivationOp::hard_sigmoid},
                                                             {"silu", ActivationOp::silu},
                                                             {"gelu", ActivationOp::gelu}}};

constexpr std::array<Name<bool>, 2> kMath{{{"fast", true}, {"strict", false}}};

/** The properties of one object, under the name that messages give it. */
class Fields {
 public:
  Fields(const Napi::Value& value, std::string name) : name_(std::move(name)) {
    if (!value.IsObject() || value.IsFunction())
      throw expected(ErrorCode::option, "an object", name_, show(value));
    object_ = value.As<Napi::Object>();
  }

  std::string name(const char* key) const { return name_ + "." + key; }
  Napi::Value value(const char* key) const { return object_.Get(key); }

  bool boolean(const char* key) const {
    const Napi::Value read = value(key);
    if (!read.IsBoolean()) throw expected(ErrorCode::option, "a boolean", name(key), show(read));
    return read.As<Napi::Boolean>();
  }

  Index integer(const char* key) const { return read_integer(value(key), name(key)); }

  /** Any number but NaN, rounded to the nearest float. */
  float number(const char* key) const {
    const Napi::Value read = value(key);
    if (!read.IsNumber() || std::isnan(read.As<Napi::Number>().DoubleValue())) {
      throw expected(ErrorCode::option, "a number", name(key), show(read));
    }
    return static_cast<float>(read.As<Napi::Number>().DoubleValue());
  }

  Size3 triple(const char* key) const {
    const Napi::Value read = value(key);
    if (!read.IsArray() || read.As<Napi::Array>().Length() != 3) {
      throw expected(ErrorCode::option, "an array of three integers", name(key), show(read));
    }
    const auto array = read.As<Napi::Array>();
    const auto entry = [&](std::uint32_t axis) {
      return read_integer(array.Get(axis), name(key) + "[" + std::to_string(axis) + "]");
    };
    const Index d = entry(0), h = entry(1), w = entry(2);
    return {d, h, w};
  }

  std::string string(const char* key) const { return read_string(value(key), name(key)); }

  template <typename Value, std::size_t count>
  Value one_of(const char* key, const std::array<Name<Value>, count>& names) const {
    const std::string read = string(key);
    std::string known;
    for (const auto& [candidate, result] : names) {
      if (read == candidate) return result;
      known += (known.empty() ? "'" : ", '") + std::string(candidate) + "'";
    }
    throw expected(ErrorCode::option, "one of " + known, name(key), "\"" + read.substr(0, 60) + "\"");
  }

 private:
  std::string name_;
  Napi::Object object_;
};

ConvSpec read_spec(const Fields& fields, Napi::Value& slope) {
  ConvSpec spec;
  spec.transposed = fields.boolean("transposed");
  const Index rank = fields.integer("rank");
  if (rank < 1 || rank > 3)
    throw expected(ErrorCode::option, "1, 2 or 3", fields.name("rank"), std::to_string(rank));
  spec.channels_last = fields.boolean("channelsLast");
  spec.in_channels = fields.integer("inChannels");
  spec.out_channels = fields.integer("outChannels");
  spec.groups = fields.integer("groups");
  spec.kernel = fields.triple("kernel");
  spec.stride = fields.triple("stride");
  spec.dilation = fields.triple("dilation");
  spec.padding_mode = fields.one_of("paddingMode", kPaddingModes);
  spec.algorithm = fields.string("algorithm");
  spec.fast_math = fields.one_of("math", kMath);
  const Fields activation(fields.value("activation"), fields.name("activation"));
  spec.activation.op = activation.one_of("op", kActivationOps);
  spec.activation.min = activation.number("min");
  spec.activation.max = activation.number("max");
  spec.activation.alpha = activation.number("alpha");
  slope = activation.value("slope");
  return spec;
}

/** An optional array's values, none where it is null. An empty one is refused: it would read as none. */
std::vector<float> copy_optional(const Napi::Value& value, const char* name) {
  if (value.IsNull() || value.IsUndefined()) return {};
  const FloatView view = float_view(value, name);
  if (view.length == 0) throw expected(ErrorCode::shape, "at least 1 value", name, "0");
  return {view.data, view.data + view.length};
}

}  // namespace

Index read_integer(const Napi::Value& value, const std::string& name) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  constexpr double kLargest = 9007199254740991.0;
  if (!(std::abs(number) <= kLargest) || number != std::trunc(number)) {
    throw expected(ErrorCode::option, "an integer", name, show(value));
  }
  return static_cast<Index>(number);
}

std::string read_string(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) throw expected(ErrorCode::option, "a string", name, show(value));
  return value.As<Napi::String>().Utf8Value();
}

StageHandles read_stage(const Napi::Value& value, const char* name) {
  const Fields fields(value, name);
  StageHandles handles;
  const Fields spec(fields.value("spec"), fields.name("spec"));
  handles.spec = read_spec(spec, handles.slope);
  handles.weight = fields.value("weight");
  handles.bias = fields.value("bias");
  return handles;
}

Stage copy_stage(const StageHandles& handles) {
  const FloatView weight = float_view(handles.weight, "weight");
  Stage stage;
  stage.spec = handles.spec;
  stage.spec.activation.slope = copy_optional(handles.slope, "activation.slope");
  // Bounds of every size stand before the weights are copied: a wrong spec costs no memory.
  validate(stage.spec);
  if (weight.length != stage.spec.weight_count()) {
    throw expected(ErrorCode::shape, std::to_string(stage.spec.weight_count()) + " values", "weight",
                   std::to_string(weight.length));
  }
  stage.weight.assign(weight.data, weight.data + weight.length);
  stage.bias = copy_optional(handles.bias, "bias");
  return stage;
}

ConvSpec read_linear_spec(const Napi::Value& value) {
  Napi::Value slope;
  ConvSpec spec = read_spec(Fields(value, "spec"), slope);
  if (!slope.IsNull() && !slope.IsUndefined()) {
    throw expected(ErrorCode::option, "null", "spec.activation.slope", show(slope));
  }
  return spec;
}

WeightLayout read_weight_layout(const Napi::Value& value) {
  const std::string layout = read_string(value, "layout");
  if (layout == "OIHW") return WeightLayout::oihw;
  if (layout == "HWIO") return WeightLayout::hwio;
  throw expected(ErrorCode::option, "one of 'OIHW', 'HWIO'", "layout", show(value));
}

ConvGeometry read_geometry(const Napi::Value& value) {
  const Fields fields(value, "geometry");
  ConvGeometry geometry;
  geometry.batch = fields.integer("batch");
  geometry.input = fields.triple("input");
  geometry.output = fields.triple("output");
  geometry.pad_before = fields.triple("padBefore");
  geometry.pad_after = fields.triple("padAfter");
  return geometry;
}

}  // namespace convolith
