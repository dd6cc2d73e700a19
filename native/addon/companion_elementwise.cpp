// The addon's face of the elementwise companions: `NativeCompanions` of lib/native/companions.ts.

#include <string>

#include "addon/companion_arguments.h"
#include "addon/export_function.h"
#include "companions/elementwise.h"

namespace convolith {

namespace {

template <std::size_t count>
Napi::Value name_list(Napi::Env env, const char* const (&names)[count]) {
  auto list = Napi::Array::New(env, count);
  for (std::uint32_t i = 0; i < count; ++i) list.Set(i, names[i]);
  return list;
}

Napi::Value unary(const Napi::CallbackInfo& info) {
  const auto op = read_op<UnaryOp>(info[0]);
  const float first = read_float(info[3], "first");
  const float second = read_float(info[4], "second");
  const TypedView x = float_array(info[1], "x");
  TypedView out = float_array(info[2], "out");
  expect_at_least(x, out.length, "x");
  expect_apart_or_same(out, x, "x");
  run_unary(op, {x.floats(), out.floats(), out.length, first, second, false});
  return info.Env().Undefined();
}

/** One past the last element that a broadcast reads along `step`. */
Index extent(const Broadcast& shape, const Index (&step)[kMaxCopyRank]) {
  Index last = 0;
  for (int axis = 0; axis < shape.rank; ++axis) last += (shape.size[axis] - 1) * step[axis];
  return last + 1;
}

/** Contract: `CompanionKernels.binary`. Sizes are at least 1, steps at least 0; returns elements of the
 * output. */
Index read_broadcast(const TypedView& block, Broadcast& shape) {
  expect_at_least(block, 1, "block");
  const std::int32_t* entry = block.integers();
  if (entry[0] < 1 || entry[0] > kMaxCopyRank) {
    throw expected(ErrorCode::shape, "1 to 8 axes", "block", std::to_string(entry[0]));
  }
  shape.rank = entry[0];
  expect_at_least(block, 1 + 3 * shape.rank, "block");
  Index total = 1;
  for (int axis = 0; axis < shape.rank; ++axis) {
    shape.size[axis] = entry[1 + axis];
    shape.a_step[axis] = entry[1 + shape.rank + axis];
    shape.b_step[axis] = entry[1 + 2 * shape.rank + axis];
    if (shape.size[axis] < 1 || shape.a_step[axis] < 0 || shape.b_step[axis] < 0) {
      throw expected(ErrorCode::shape, "sizes above 0 and steps of at least 0", "block", "others");
    }
    total = saturating_product(total, shape.size[axis]);
  }
  const int inner = shape.rank - 1;
  const Index a = shape.a_step[inner];
  const Index b = shape.b_step[inner];
  if (a > 1 || b > 1 || a + b == 0) {
    throw expected(ErrorCode::shape, "innermost steps of 0 and 1", "block", "others");
  }
  return total;
}

Napi::Value binary(const Napi::CallbackInfo& info) {
  const auto op = read_op<BinaryOp>(info[0]);
  const TypedView a = float_array(info[1], "a");
  const TypedView b = float_array(info[2], "b");
  TypedView out = float_array(info[3], "out");
  Broadcast shape;
  const Index total = read_broadcast(int_array(info[4], "block"), shape);
  if (out.length != total) {
    throw expected(ErrorCode::buffer, std::to_string(total) + " values", "out", std::to_string(out.length));
  }
  expect_at_least(a, extent(shape, shape.a_step), "a");
  expect_at_least(b, extent(shape, shape.b_step), "b");
  // In place is safe where each value is read at its own place alone: the operand is as long as the output.
  if (a.length == total) {
    expect_apart_or_same(out, a, "a");
  } else {
    expect_apart(out, a, "a");
  }
  if (b.length == total) {
    expect_apart_or_same(out, b, "b");
  } else {
    expect_apart(out, b, "b");
  }
  run_binary(op, a.floats(), b.floats(), out.floats(), shape);
  return info.Env().Undefined();
}

Napi::Value normalize(const Napi::CallbackInfo& info) {
  const TypedView x = float_array(info[0], "x");
  const TypedView mean = float_array(info[1], "mean");
  const TypedView scale = float_array(info[2], "scale");
  const TypedView offset = float_array(info[3], "offset");
  TypedView out = float_array(info[4], "out");
  const Index channels = mean.length;
  if (channels == 0 || out.length % channels != 0) {
    throw expected(ErrorCode::buffer, "rows of as many values as mean has", "out",
                   std::to_string(out.length));
  }
  expect_at_least(x, out.length, "x");
  expect_at_least(scale, channels, "scale");
  expect_at_least(offset, channels, "offset");
  expect_apart_or_same(out, x, "x");
  expect_apart(out, mean, "mean");
  expect_apart(out, scale, "scale");
  expect_apart(out, offset, "offset");
  run_normalize({x.floats(), mean.floats(), scale.floats(), offset.floats(), out.floats(),
                 out.length / channels, channels});
  return info.Env().Undefined();
}

}  // namespace

void export_elementwise(Napi::Env env, Napi::Object companions) {
#define UNARY(name, text, value) text,
  static constexpr const char* unary_ops[] = {
#include "kernels/elementwise.inc"
  };
#undef UNARY
#define BINARY(name, text, value) text,
  static constexpr const char* binary_ops[] = {
#include "kernels/elementwise.inc"
  };
#undef BINARY
  companions.Set("unaryOps", name_list(env, unary_ops));
  companions.Set("binaryOps", name_list(env, binary_ops));
  export_function<unary>(env, companions, "unary");
  export_function<binary>(env, companions, "binary");
  export_function<normalize>(env, companions, "normalize");
}

}  // namespace convolith
