#pragma once

#include <array>
#include <cstdint>

#include "base/check.h"

namespace convolith {

/** The four sums of StrassenSums, and the halves of two rows as they lie. */
enum class StrassenOperand : std::uint8_t {
  sum0,
  sum1,
  sum2,
  sum3,
  first_low,
  first_high,
  second_low,
  second_high
};
enum class StrassenHeld : std::uint8_t { none, x, y };

/**
 * What a product of the seven reads and what becomes of it (ProductRows): those of Winograd's form, 7
 * products and 15 additions, 4 of rows' halves, 4 of weights' and 7 of products, in an order by which two
 * held arrays suffice.
 */
struct StrassenProduct {
  StrassenOperand rows = StrassenOperand::first_low;
  StrassenHeld start = StrassenHeld::none, keep = StrassenHeld::none, keep_with = StrassenHeld::none,
               add = StrassenHeld::none;
  /** Which row of a pair and which half of the columns it completes. */
  bool completes = false;
  int row = 0, half = 0;
};

/** Products that the weights of StrassenWeights belong to, in their order. */
constexpr std::array<StrassenProduct, 7> strassen_products() {
  using Rows = StrassenOperand;
  constexpr auto none = StrassenHeld::none, x = StrassenHeld::x, y = StrassenHeld::y;
  return {{
      {Rows::first_low, none, x, none, none},
      {Rows::first_high, x, none, none, none, true, 0, 0},
      {Rows::sum1, x, x, none, none},
      {Rows::sum2, x, y, none, none},
      {Rows::second_high, y, none, none, none, true, 1, 0},
      {Rows::sum0, none, x, x, y, true, 1, 1},
      {Rows::sum3, x, none, none, none, true, 0, 1},
  }};
}
inline constexpr std::array<StrassenProduct, 7> kStrassenProducts = strassen_products();

/** The weights of each product, of blocks [half of the inputs][half of the columns]. */
constexpr std::array<float, 7> strassen_weights(float b11, float b12, float b21, float b22) {
  const float t1 = b12 - b11, t2 = b22 - t1;
  return {b11, b21, t2, b22 - b12, b21 - t2, t1, b22};
}

}  // namespace convolith
