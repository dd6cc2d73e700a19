#pragma once

#include "kernels/elementwise.h"
#include "kernels/math.inl.h"

namespace convolith {

/** Floats from `p` to the next address that a vector of V is aligned to. */
template <class V>
CONVOLITH_INLINE Index floats_to_alignment(const float* p) {
  const auto bytes = reinterpret_cast<std::uintptr_t>(p) % (V::lanes * sizeof(float));
  return bytes == 0 ? 0 : static_cast<Index>((V::lanes * sizeof(float) - bytes) / sizeof(float));
}

/** Each operation as a type, so that a loop over it is a template. */
#define UNARY(name, text, value)                                                                        \
  template <class V>                                                                                    \
  struct Unary_##name {                                                                                 \
    using Reg = typename V::Reg;                                                                        \
    static CONVOLITH_INLINE Reg apply(Reg x, [[maybe_unused]] Reg first, [[maybe_unused]] Reg second) { \
      using M [[maybe_unused]] = Math<V>;                                                               \
      [[maybe_unused]] const Reg zero = V::zero();                                                      \
      [[maybe_unused]] const Reg one = V::set(1.0F);                                                    \
      return value;                                                                                     \
    }                                                                                                   \
  };
#define BINARY(name, text, value)                                     \
  template <class V>                                                  \
  struct Binary_##name {                                              \
    using Reg = typename V::Reg;                                      \
    static CONVOLITH_INLINE Reg apply(Reg a, Reg b) { return value; } \
  };
#include "kernels/elementwise.inc"
#undef UNARY
#undef BINARY

/** Contract: UnarySpan. */
template <class V, class Op>
void unary_span(const UnarySpan& s) {
  const auto first = V::set(s.first);
  const auto second = V::set(s.second);
  Index i = 0;
  if (s.stream) {
    const Index head = floats_to_alignment<V>(s.out);
    if (head <= s.count) {
      V::store_n(s.out, Op::apply(V::load_n(s.x, static_cast<int>(head)), first, second),
                 static_cast<int>(head));
      for (i = head; i + V::lanes <= s.count; i += V::lanes) {
        V::stream(s.out + i, Op::apply(V::load(s.x + i), first, second));
      }
      V::fence();
    }
  } else {
    for (; i + V::lanes <= s.count; i += V::lanes) {
      V::store(s.out + i, Op::apply(V::load(s.x + i), first, second));
    }
  }
  if (i < s.count) {
    const int rest = static_cast<int>(s.count - i);
    V::store_n(s.out + i, Op::apply(V::load_n(s.x + i, rest), first, second), rest);
  }
}

/** One operand of a row: a vector from each place, or the same value everywhere. */
template <class V, bool Fixed>
struct Operand {
  const float* row;
  typename V::Reg value;

  CONVOLITH_INLINE explicit Operand(const float* p) : row(p), value(Fixed ? V::set(*p) : V::zero()) {}
  CONVOLITH_INLINE typename V::Reg load(Index c) const { return Fixed ? value : V::load(row + c); }
  CONVOLITH_INLINE typename V::Reg load_n(Index c, int count) const {
    return Fixed ? value : V::load_n(row + c, count);
  }
};

template <class V, class Op, bool AFixed, bool BFixed>
CONVOLITH_INLINE void binary_rows(const BinaryBlock& s) {
  for (Index r = 0; r < s.rows; ++r) {
    const Operand<V, AFixed> a(s.a + r * s.a_row);
    const Operand<V, BFixed> b(s.b + r * s.b_row);
    float* out = s.out + r * s.out_row;
    Index c = 0;
    if (s.stream) {
      const Index head = floats_to_alignment<V>(out);
      if (head <= s.columns) {
        const int count = static_cast<int>(head);
        V::store_n(out, Op::apply(a.load_n(0, count), b.load_n(0, count)), count);
        for (c = head; c + V::lanes <= s.columns; c += V::lanes) {
          V::stream(out + c, Op::apply(a.load(c), b.load(c)));
        }
      }
    } else {
      for (; c + V::lanes <= s.columns; c += V::lanes) V::store(out + c, Op::apply(a.load(c), b.load(c)));
    }
    if (c < s.columns) {
      const int rest = static_cast<int>(s.columns - c);
      V::store_n(out + c, Op::apply(a.load_n(c, rest), b.load_n(c, rest)), rest);
    }
  }
  if (s.stream) V::fence();
}

/** Contract: BinaryBlock. */
template <class V, class Op>
void binary_block(const BinaryBlock& s) {
  if (s.a_fixed) {
    binary_rows<V, Op, true, false>(s);
  } else if (s.b_fixed) {
    binary_rows<V, Op, false, true>(s);
  } else {
    binary_rows<V, Op, false, false>(s);
  }
}

/** Contract: NormalizeBlock. */
template <class V>
void normalize_block(const NormalizeBlock& s) {
  for (Index r = 0; r < s.rows; ++r) {
    const float* x = s.x + r * s.columns;
    float* out = s.out + r * s.columns;
    Index c = 0;
    for (; c + V::lanes <= s.columns; c += V::lanes) {
      const auto centred = V::sub(V::load(x + c), V::load(s.mean + c));
      V::store(out + c, V::fma(centred, V::load(s.scale + c), V::load(s.offset + c)));
    }
    if (c < s.columns) {
      const int rest = static_cast<int>(s.columns - c);
      const auto centred = V::sub(V::load_n(x + c, rest), V::load_n(s.mean + c, rest));
      V::store_n(out + c, V::fma(centred, V::load_n(s.scale + c, rest), V::load_n(s.offset + c, rest)), rest);
    }
  }
}

template <class V>
void fill_elementwise(ElementwiseKernels& kernels) {
#define UNARY(name, text, value) \
  kernels.unary[static_cast<int>(UnaryOp::name)] = unary_span<V, Unary_##name<V>>;
#define BINARY(name, text, value) \
  kernels.binary[static_cast<int>(BinaryOp::name)] = binary_block<V, Binary_##name<V>>;
#include "kernels/elementwise.inc"
#undef UNARY
#undef BINARY
  kernels.normalize = normalize_block<V>;
}

}  // namespace convolith
