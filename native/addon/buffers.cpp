#include "addon/buffers.h"

#include <functional>
#include <string>

#include "addon/errors.h"

namespace convolith {

namespace {

bool overlap(const FloatView& a, const FloatView& b) {
  // std::less orders pointers into different objects, which < need not.
  const std::less<const float*> before;
  return before(a.data, b.data + b.length) && before(b.data, a.data + a.length);
}

}  // namespace

void expect_apart(const FloatView& output, const FloatView& read, const char* name) {
  if (overlap(output, read)) {
    throw expected(ErrorCode::buffer, std::string("memory apart from ") + name, "output",
                   "an overlapping view");
  }
}

FloatView float_view(const Napi::Value& value, const char* name) {
  const Napi::Env env = value.Env();
  if (!value.IsTypedArray()) throw expected(ErrorCode::dtype, "a Float32Array", name, show(value));
  napi_typedarray_type type;
  size_t length = 0, offset = 0;
  void* data = nullptr;
  napi_value buffer;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, &buffer, &offset) != napi_ok) {
    throw expected(ErrorCode::buffer, "a readable Float32Array", name, show(value));
  }
  if (type != napi_float32_array) throw expected(ErrorCode::dtype, "a Float32Array", name, show(value));
  bool owns_buffer = false, detached = false;
  napi_is_arraybuffer(env, buffer, &owns_buffer);
  if (!owns_buffer) {
    throw expected(ErrorCode::buffer, "memory of this thread alone", name, "a view of a SharedArrayBuffer");
  }
  napi_is_detached_arraybuffer(env, buffer, &detached);
  if (detached) throw expected(ErrorCode::buffer, "an attached buffer", name, "a detached one");
  return {static_cast<float*>(data), static_cast<Index>(length)};
}

FloatView float_view(const Napi::Value& value, const char* name, Index count) {
  const FloatView view = float_view(value, name);
  if (view.length != count) {
    throw expected(ErrorCode::buffer, std::to_string(count) + " values", name, std::to_string(view.length));
  }
  return view;
}

RunBuffers run_buffers(const Napi::CallbackInfo& info, Index input_count, Index output_count) {
  RunBuffers buffers{
      float_view(info[0], "input", input_count), float_view(info[1], "output", output_count), {}};
  expect_apart(buffers.output, buffers.input, "input");
  if (!info[2].IsNull() && !info[2].IsUndefined()) {
    buffers.residual = float_view(info[2], "residual", output_count);
    expect_apart(buffers.output, buffers.residual, "residual");
  }
  return buffers;
}

}  // namespace convolith
