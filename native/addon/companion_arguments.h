#pragma once

#include <napi.h>

#include <string>

#include "addon/errors.h"
#include "addon/marshal.h"
#include "addon/typed_view.h"

namespace convolith {

/** A number, of which no more is asked than that it is one. */
inline float read_float(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) throw expected(ErrorCode::option, "a number", name, show(value));
  return value.As<Napi::Number>().FloatValue();
}

/** An integer from `least` to the most elements that an array may have. */
inline Index read_size(const Napi::Value& value, const char* name, Index least) {
  const Index size = read_integer(value, name);
  if (size < least || size > kMaxElements) {
    throw expected(ErrorCode::shape, "a size of at least " + std::to_string(least), name,
                   std::to_string(size));
  }
  return size;
}

/** The place in a list of operations that this addon itself gave out. */
template <class Op>
Op read_op(const Napi::Value& value) {
  const Index op = read_integer(value, "op");
  if (op < 0 || op >= static_cast<Index>(Op::count)) {
    throw expected(ErrorCode::option, "a place in the list of operations", "op", std::to_string(op));
  }
  return static_cast<Op>(op);
}

/** A block of at least `count` integers. */
inline const std::int32_t* read_block(const Napi::Value& value, Index count) {
  const TypedView block = int_array(value, "block");
  expect_at_least(block, count, "block");
  return block.integers();
}

/** The product of sizes, each of them at least 0; beyond kMaxElements it stays there. */
template <class... Sizes>
Index product_of(Sizes... sizes) {
  Index product = 1;
  for (const Index size : {static_cast<Index>(sizes)...}) {
    if (size < 0) throw expected(ErrorCode::shape, "sizes of at least 0", "block", std::to_string(size));
    product = saturating_product(product, size);
  }
  return product;
}

/** Throws `Error(buffer)` unless `view` holds exactly `count` elements. */
inline void expect_count(const TypedView& view, Index count, const char* name) {
  if (view.length == count) return;
  throw expected(ErrorCode::buffer, std::to_string(count) + " values", name, std::to_string(view.length));
}

void export_elementwise(Napi::Env env, Napi::Object companions);
void export_movement(Napi::Env env, Napi::Object companions);
void export_windows(Napi::Env env, Napi::Object companions);
void export_reductions(Napi::Env env, Napi::Object companions);

}  // namespace convolith
