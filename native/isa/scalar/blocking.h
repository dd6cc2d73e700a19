#pragma once

namespace convolith::scalar {

/** Four lanes in a baseline CPU's 16 vector registers. */
struct Blocking {
  /** Vectors of a panel, and the most rows of a register tile of 1, 2, 3 and 4 vectors. */
  static constexpr int preferred_vectors = 2;
  static constexpr int max_rows[4] = {6, 4, 2, 2};
  /** The most rows where K is short: the same, since no registers are to spare. */
  static constexpr int short_rows[4] = {6, 4, 2, 2};
  /** Of products whose sums are handed on, by panels of preferred_vectors. Speed was not measured. */
  static constexpr int product_rows = 4;
  /** 8 rows of 3 vectors are more sums than registers. */
  static constexpr bool multiplies_eights = false;
  /** Rows of outputs that a depthwise 5x5 or 7x7 computes at once. */
  static constexpr int slider_rows = 1;
  /** None are taller. */
  static constexpr int tall_slider_rows = 0;
  /** Of groups of few channels, 3×3. */
  static constexpr int grouped_rows = 1;
  /** Points of a tile to 1, 2, 3 and 4 output channels. */
  static constexpr int dot_points[4] = {4, 2, 1, 1};
  /** Without the walks of planes, the lines of strides 1 and 2, 2×2 blocks and groups by a stride of 2, which
   * only save time (groups none, 2×2 a half) and are a quarter of the table as clang makes it. */
  static constexpr bool compact = true;
  static constexpr int plane_columns = 0, plane_vectors = 0, strided_plane_vectors = 0;
  /** Rows of a depthwise block with pixels in the lanes. */
  static constexpr int flat_rows = 4;
};

}  // namespace convolith::scalar
