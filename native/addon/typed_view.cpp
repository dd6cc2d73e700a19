#include "addon/typed_view.h"

#include <functional>
#include <string>

#include "addon/errors.h"

namespace convolith {

namespace {

Index bytes_of(napi_typedarray_type type) {
  switch (type) {
    case napi_float32_array:
    case napi_int32_array:
      return 4;
    case napi_uint8_array:
      return 1;
    default:
      return 0;
  }
}

TypedView of_kind(const Napi::Value& value, const char* name, napi_typedarray_type type, const char* kind) {
  TypedView view;
  const bool is_view = value.IsTypedArray();
  if (is_view) view = typed_view(value, name);
  if (!is_view || view.type != type) {
    throw expected(ErrorCode::dtype, std::string("a ") + kind, name, show(value));
  }
  return view;
}

}  // namespace

TypedView typed_view(const Napi::Value& value, const char* name) {
  const Napi::Env env = value.Env();
  TypedView view;
  size_t length = 0;
  size_t offset = 0;
  void* data = nullptr;
  napi_value buffer;
  if (!value.IsTypedArray() ||
      napi_get_typedarray_info(env, value, &view.type, &length, &data, &buffer, &offset) != napi_ok) {
    throw expected(ErrorCode::dtype, "a typed array", name, show(value));
  }
  view.element_bytes = bytes_of(view.type);
  if (view.element_bytes == 0) {
    throw expected(ErrorCode::dtype, "a Float32Array, an Int32Array or a Uint8Array", name, show(value));
  }
  bool owns_buffer = false;
  bool detached = false;
  napi_is_arraybuffer(env, buffer, &owns_buffer);
  if (!owns_buffer) {
    throw expected(ErrorCode::buffer, "memory of this thread alone", name, "a view of a SharedArrayBuffer");
  }
  napi_is_detached_arraybuffer(env, buffer, &detached);
  if (detached) throw expected(ErrorCode::buffer, "an attached buffer", name, "a detached one");
  view.data = static_cast<std::byte*>(data);
  view.length = static_cast<Index>(length);
  return view;
}

TypedView float_array(const Napi::Value& value, const char* name) {
  return of_kind(value, name, napi_float32_array, "Float32Array");
}

TypedView int_array(const Napi::Value& value, const char* name) {
  return of_kind(value, name, napi_int32_array, "Int32Array");
}

void expect_at_least(const TypedView& view, Index count, const char* name) {
  if (view.length >= count) return;
  throw expected(ErrorCode::buffer, "at least " + std::to_string(count) + " values", name,
                 std::to_string(view.length));
}

void expect_apart(const TypedView& out, const TypedView& read, const char* name) {
  // std::less orders pointers into different objects, which < need not.
  const std::less<const std::byte*> before;
  if (before(out.data, read.end()) && before(read.data, out.end())) {
    throw expected(ErrorCode::buffer, std::string("memory apart from ") + name, "out", "an overlapping view");
  }
}

void expect_apart_or_same(const TypedView& out, const TypedView& read, const char* name) {
  if (out.data != read.data) expect_apart(out, read, name);
}

}  // namespace convolith
