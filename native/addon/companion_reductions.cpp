// The addon's face of reductions and of matrix products.

#include <limits>
#include <string>

#include "addon/companion_arguments.h"
#include "addon/export_function.h"
#include "companions/matmul.h"
#include "companions/reduce.h"

namespace convolith {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/** Arguments `first` to `first + 2`: outer, size, inner. */
ReduceShape read_shape(const Napi::CallbackInfo& info, std::size_t first) {
  return {read_size(info[first], "outer", 1), read_size(info[first + 1], "size", 1),
          read_size(info[first + 2], "inner", 1)};
}

Napi::Value reduce(const Napi::CallbackInfo& info) {
  const auto op = read_op<ReduceOp>(info[0]);
  const ReduceShape shape = read_shape(info, 3);
  const TypedView x = float_array(info[1], "x");
  TypedView out = float_array(info[2], "out");
  expect_count(x, product_of(shape.outer, shape.size, shape.inner), "x");
  expect_count(out, product_of(shape.outer, shape.inner), "out");
  expect_apart(out, x, "x");
  run_reduce(op, shape, x.floats(), out.floats());
  return info.Env().Undefined();
}

Napi::Value arg_max(const Napi::CallbackInfo& info) {
  const ReduceShape shape = read_shape(info, 2);
  const TypedView x = float_array(info[0], "x");
  TypedView out = int_array(info[1], "out");
  expect_count(x, product_of(shape.outer, shape.size, shape.inner), "x");
  expect_count(out, product_of(shape.outer, shape.inner), "out");
  expect_apart(out, x, "x");
  if (shape.size > (Index{1} << 24)) {
    throw expected(ErrorCode::unsupported, "at most 2^24 values", "size", std::to_string(shape.size));
  }
  run_arg_max(shape, x.floats(), out.integers());
  return info.Env().Undefined();
}

Napi::Value softmax(const Napi::CallbackInfo& info) {
  const Index rows = read_size(info[2], "rows", 1);
  const Index columns = read_size(info[3], "columns", 1);
  const TypedView x = float_array(info[0], "x");
  TypedView out = float_array(info[1], "out");
  expect_count(x, product_of(rows, columns), "x");
  expect_count(out, x.length, "out");
  expect_apart_or_same(out, x, "x");
  run_softmax({x.floats(), out.floats(), rows, columns});
  return info.Env().Undefined();
}

Napi::Value top_k(const Napi::CallbackInfo& info) {
  const Index rows = read_size(info[3], "rows", 1);
  const Index columns = read_size(info[4], "columns", 1);
  const Index k = read_size(info[5], "k", 0);
  if (k > columns) throw expected(ErrorCode::shape, "at most the columns", "k", std::to_string(k));
  const TypedView x = float_array(info[0], "x");
  TypedView values = float_array(info[1], "values");
  TypedView indices = int_array(info[2], "indices");
  expect_count(x, product_of(rows, columns), "x");
  expect_count(values, product_of(rows, k), "values");
  expect_count(indices, values.length, "indices");
  expect_apart(values, x, "x");
  expect_apart(indices, x, "x");
  expect_apart(indices, values, "values");
  run_top_k({x.floats(), values.floats(), indices.integers(), rows, columns, k});
  return info.Env().Undefined();
}

struct NamedActivation {
  const char* name;
  ActivationOp op;
  float min, max;
};

/** `MatMulActivation` of lib/companions/kernels.ts. */
constexpr NamedActivation kActivations[] = {
    {"linear", ActivationOp::clip, -kInfinity, kInfinity},
    {"relu", ActivationOp::clip, 0.0F, kInfinity},
    {"relu6", ActivationOp::clip, 0.0F, 6.0F},
    {"leakyRelu", ActivationOp::leaky_relu, 0.0F, 0.0F},
    {"elu", ActivationOp::elu, 0.0F, 0.0F},
    {"sigmoid", ActivationOp::sigmoid, 0.0F, 0.0F},
    {"prelu", ActivationOp::prelu, 0.0F, 0.0F},
};

/** A vector of one value a column, or null. */
const float* read_columns(const Napi::Value& value, Index columns, const TypedView& out, const char* name) {
  if (value.IsNull() || value.IsUndefined()) return nullptr;
  const TypedView vector = float_array(value, name);
  expect_count(vector, columns, name);
  expect_apart(out, vector, name);
  return vector.floats();
}

Napi::Value matmul(const Napi::CallbackInfo& info) {
  const Index activation = read_integer(info[4], "activation");
  if (activation < 0 || activation >= static_cast<Index>(std::size(kActivations))) {
    throw expected(ErrorCode::option, "a place in the list of activations", "activation",
                   std::to_string(activation));
  }
  const float alpha = read_float(info[5], "alpha");
  const TypedView a = float_array(info[0], "a");
  const TypedView b = float_array(info[1], "b");
  TypedView out = float_array(info[2], "out");
  const std::int32_t* block = read_block(info[3], 8);
  MatMul p;
  p.batch = block[0];
  p.batch_a = block[1];
  p.batch_b = block[2];
  p.m = block[3];
  p.n = block[4];
  p.k = block[5];
  p.transpose_a = block[6] == 1;
  p.transpose_b = block[7] == 1;
  if (p.batch < 1 || p.batch_a < 1 || p.batch_b < 1) {
    throw expected(ErrorCode::shape, "batches of at least 1", "block", "others");
  }
  expect_count(a, product_of(p.batch_a, p.m, p.k), "a");
  expect_count(b, product_of(p.batch_b, p.k, p.n), "b");
  expect_count(out, product_of(p.batch, p.m, p.n), "out");
  expect_apart(out, a, "a");
  expect_apart(out, b, "b");
  const NamedActivation& named = kActivations[activation];
  p.a = a.floats();
  p.b = b.floats();
  p.out = out.floats();
  p.bias = read_columns(info[6], p.n, out, "bias");
  p.slope = read_columns(info[7], p.n, out, "slope");
  p.op = named.op;
  p.min = named.min;
  p.max = named.max;
  p.alpha = named.op == ActivationOp::elu ? 1.0F : alpha;
  if (p.op == ActivationOp::prelu && p.slope == nullptr) {
    throw expected(ErrorCode::option, "slopes for prelu", "slope", "none");
  }
  if (out.length > 0) run_matmul(p);
  return info.Env().Undefined();
}

}  // namespace

void export_reductions(Napi::Env env, Napi::Object companions) {
  auto ops = Napi::Array::New(env);
#define REDUCE(name, text) ops.Set(static_cast<std::uint32_t>(ReduceOp::name), text);
#include "kernels/reduce.inc"
#undef REDUCE
  companions.Set("reduceOps", ops);
  auto activations = Napi::Array::New(env);
  for (const NamedActivation& named : kActivations) activations.Set(activations.Length(), named.name);
  companions.Set("matMulActivations", activations);
  export_function<reduce>(env, companions, "reduce");
  export_function<arg_max>(env, companions, "argMax");
  export_function<softmax>(env, companions, "softmax");
  export_function<top_k>(env, companions, "topK");
  export_function<matmul>(env, companions, "matMul");
}

}  // namespace convolith
