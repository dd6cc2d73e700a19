#pragma once

namespace convolith::neon {

/** 32 registers of 4 lanes: NR * MR sums, NR columns of the panel and a broadcast. */
struct Blocking {
  /** Vectors of a panel, and the most rows of a register tile of 1, 2, 3 and 4 vectors. */
  static constexpr int preferred_vectors = 4;
  static constexpr int max_rows[4] = {14, 12, 8, 6};
  /** Columns of a depthwise block of two rows: its sums, and a row of its window, stay in registers. */
  static constexpr int depthwise_columns[2] = {7, 4};
  /** Rows of a depthwise block with pixels in the lanes. */
  static constexpr int flat_rows = 7;
};

}  // namespace convolith::neon
