#pragma once

#include "kernels/epilogue.h"
#include "kernels/math.inl.h"

namespace convolith {

template <class V>
CONVOLITH_INLINE typename V::Reg clip(const Epilogue& e, typename V::Reg v) {
  return V::at_most(V::set(e.max), V::at_least(V::set(e.min), v));
}

/** The activations that are not `clip`, on one vector whose first lane is output channel `channel`. */
template <class V>
CONVOLITH_INLINE typename V::Reg activate_one(const Epilogue& e, typename V::Reg v, Index channel) {
  using M = Math<V>;
  switch (e.op) {
    case ActivationOp::clip:
      return clip<V>(e, v);
    case ActivationOp::leaky_relu:
      return V::if_negative(v, V::mul(v, V::set(e.alpha)), v);
    case ActivationOp::prelu:
      return V::if_negative(v, V::mul(v, V::load(e.slope + channel)), v);
    case ActivationOp::elu:
      return V::if_negative(v, V::mul(V::set(e.alpha), M::expm1(v)), v);
    case ActivationOp::sigmoid:
      return M::sigmoid(v);
    case ActivationOp::tanh:
      return M::tanh(v);
    case ActivationOp::hard_swish:
      return V::mul(v, M::hard_sigmoid(v));
    case ActivationOp::hard_sigmoid:
      return M::hard_sigmoid(v);
    case ActivationOp::silu:
      return V::mul(v, M::sigmoid(v));
    case ActivationOp::gelu:
      return M::gelu(v);
  }
  return v;
}

/**
 * In place on a tile of `rows` × `columns` vectors that lies in L1, row after row, the first column at
 * `channel`. Apart from the kernels and never inlined: the ten bodies are large, and a tile that needs them
 * pays for one trip through L1 beside thousands of multiplications.
 */
template <class V>
CONVOLITH_NOINLINE void activate_tile(const Epilogue& e, float* tile, int rows, int columns, Index channel) {
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j, tile += V::lanes) {
      V::store(tile, activate_one<V>(e, V::load(tile), channel + j * V::lanes));
    }
  }
}

}  // namespace convolith
