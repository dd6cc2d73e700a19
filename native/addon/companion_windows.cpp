// The addon's face of pooling and its gradients.

#include <string>

#include "addon/companion_arguments.h"
#include "addon/export_function.h"
#include "companions/window.h"

namespace convolith {

namespace {

/** Numbers of a pooling's block: `PoolField` of lib/companions/kernels.ts. */
constexpr Index kPoolFields = 21;

void read_axes(const std::int32_t* from, Index least, Index (&axes)[3]) {
  for (int i = 0; i < 3; ++i) {
    axes[i] = from[i];
    if (axes[i] < least) {
      throw expected(ErrorCode::shape, "sizes of at least " + std::to_string(least), "block",
                     std::to_string(axes[i]));
    }
  }
}

PoolShape read_pool(const Napi::Value& value) {
  const std::int32_t* b = read_block(value, kPoolFields);
  PoolShape shape;
  shape.batch = b[0];
  shape.channels = b[1];
  product_of(shape.batch, shape.channels);
  read_axes(b + 2, 0, shape.input);
  read_axes(b + 5, 0, shape.output);
  read_axes(b + 8, 1, shape.window);
  read_axes(b + 11, 1, shape.stride);
  read_axes(b + 14, 1, shape.dilation);
  read_axes(b + 17, 0, shape.padding);
  shape.empty_is_zero = b[20] == 1;
  // Keeps every product below within 64 bits.
  if (product_of(shape.window[0], shape.window[1], shape.window[2]) > (Index{1} << 24)) {
    throw expected(ErrorCode::memory, "a window of at most 2^24 taps", "block", "a larger one");
  }
  return shape;
}

Index map_size(const PoolShape& s, const Index (&axes)[3]) {
  return product_of(s.batch, s.channels, axes[0], axes[1], axes[2]);
}

Napi::Value pool(const Napi::CallbackInfo& info) {
  const auto op = read_op<PoolOp>(info[0]);
  const TypedView x = float_array(info[1], "x");
  TypedView out = float_array(info[2], "out");
  const PoolShape shape = read_pool(info[3]);
  expect_count(x, map_size(shape, shape.input), "x");
  expect_count(out, map_size(shape, shape.output), "out");
  expect_apart(out, x, "x");
  if (out.length > 0) run_pool(op, shape, x.floats(), out.floats());
  return info.Env().Undefined();
}

Napi::Value avg_pool_grad(const Napi::CallbackInfo& info) {
  const TypedView dy = float_array(info[0], "dy");
  TypedView dx = float_array(info[1], "dx");
  const PoolShape shape = read_pool(info[2]);
  expect_count(dy, map_size(shape, shape.output), "dy");
  expect_count(dx, map_size(shape, shape.input), "dx");
  expect_apart(dx, dy, "dy");
  if (dx.length > 0) run_pool_grad(shape, dy.floats(), nullptr, dx.floats(), false);
  return info.Env().Undefined();
}

Napi::Value max_pool_grad(const Napi::CallbackInfo& info) {
  const TypedView dy = float_array(info[0], "dy");
  const TypedView x = float_array(info[1], "x");
  TypedView dx = float_array(info[2], "dx");
  const PoolShape shape = read_pool(info[3]);
  expect_count(dy, map_size(shape, shape.output), "dy");
  expect_count(x, map_size(shape, shape.input), "x");
  expect_count(dx, map_size(shape, shape.input), "dx");
  expect_apart(dx, dy, "dy");
  expect_apart(dx, x, "x");
  const bool last = info[4].ToBoolean();
  if (dx.length > 0) run_pool_grad(shape, dy.floats(), x.floats(), dx.floats(), last);
  return info.Env().Undefined();
}

}  // namespace

void export_windows(Napi::Env env, Napi::Object companions) {
  auto ops = Napi::Array::New(env, 2);
  ops.Set(static_cast<std::uint32_t>(PoolOp::max), "max");
  ops.Set(static_cast<std::uint32_t>(PoolOp::avg), "avg");
  companions.Set("poolOps", ops);
  export_function<pool>(env, companions, "pool");
  export_function<avg_pool_grad>(env, companions, "avgPoolGrad");
  export_function<max_pool_grad>(env, companions, "maxPoolGrad");
}

}  // namespace convolith
