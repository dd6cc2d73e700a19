#pragma once

#include <napi.h>

#include "plan/plan.h"
#include "spec/spec.h"

namespace convolith {

/**
 * A stage as read from JavaScript, its arrays still handles. Every property is read exactly once, so a getter
 * that changes its answer cannot show one value to a check and another to the code behind it.
 */
struct StageHandles {
  ConvSpec spec;
  Napi::Value slope, weight, bias;
};

/** Reads and checks the kinds of a `NativeStage` of lib/native/binding.ts. May call getters. */
StageHandles read_stage(const Napi::Value& value, const char* name);

/** Copies the arrays. Calls no JavaScript, so it comes after all reading: a getter may detach or resize a
 * buffer. */
Stage copy_stage(const StageHandles& handles);

/** Reads and checks the kinds of a `ConvGeometry` of lib/spec.ts. May call getters. */
ConvGeometry read_geometry(const Napi::Value& value);

/** Reads a `ConvSpec` of lib/spec.ts whose activation has no slopes. May call getters. */
ConvSpec read_linear_spec(const Napi::Value& value);

WeightLayout read_weight_layout(const Napi::Value& value);

/** An integer that a double holds exactly. */
Index read_integer(const Napi::Value& value, const std::string& name);

std::string read_string(const Napi::Value& value, const std::string& name);

}  // namespace convolith
