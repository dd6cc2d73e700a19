#pragma once

#include <napi.h>

#include "base/check.h"

namespace convolith {

/** The floats of a Float32Array, valid until JavaScript runs again. */
struct FloatView {
  float* data;
  Index length;
};

/**
 * Throws `Error(dtype)` unless `value` is a Float32Array, `Error(buffer)` where its memory is shared with
 * other threads or detached. Calls no JavaScript.
 */
FloatView float_view(const Napi::Value& value, const char* name);

/** The same, and `Error(buffer)` unless it holds `count` floats. */
FloatView float_view(const Napi::Value& value, const char* name, Index count);

/** Throws `Error(buffer)` where `output` shares memory with what is read as `name`. */
void expect_apart(const FloatView& output, const FloatView& read, const char* name);

/** What a run reads and writes; `residual.data` is null where there is none. */
struct RunBuffers {
  FloatView input, output, residual;
};

/** The first three arguments of a run, checked: kinds, lengths, and that nothing read is written. */
RunBuffers run_buffers(const Napi::CallbackInfo& info, Index input_count, Index output_count);

}  // namespace convolith
