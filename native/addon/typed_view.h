#pragma once

#include <napi.h>

#include <cstddef>

#include "base/check.h"

namespace convolith {

/** The memory of a typed array of 1- or 4-byte elements, valid until JavaScript runs again. */
struct TypedView {
  std::byte* data = nullptr;
  /** In elements. */
  Index length = 0;
  napi_typedarray_type type = napi_float32_array;
  Index element_bytes = 4;

  const float* floats() const { return reinterpret_cast<const float*>(data); }
  float* floats() { return reinterpret_cast<float*>(data); }
  const std::int32_t* integers() const { return reinterpret_cast<const std::int32_t*>(data); }
  std::int32_t* integers() { return reinterpret_cast<std::int32_t*>(data); }
  const std::byte* end() const { return data + length * element_bytes; }
};

/**
 * Throws `Error(dtype)` unless `value` is a Float32Array, an Int32Array or a Uint8Array, `Error(buffer)`
 * where its memory is shared with other threads or detached. Calls no JavaScript.
 */
TypedView typed_view(const Napi::Value& value, const char* name);

/** The same, of one kind alone: `float32` or `int32`. */
TypedView float_array(const Napi::Value& value, const char* name);
TypedView int_array(const Napi::Value& value, const char* name);

/** Throws `Error(buffer)` where `view` holds fewer than `count` elements. */
void expect_at_least(const TypedView& view, Index count, const char* name);

/** Throws `Error(buffer)` where `out` shares memory with `read`. */
void expect_apart(const TypedView& out, const TypedView& read, const char* name);

/** The same, but that both may begin at one place. */
void expect_apart_or_same(const TypedView& out, const TypedView& read, const char* name);

}  // namespace convolith
