#pragma once

#include "kernels/elementwise.h"

namespace convolith {

/** Axes of a broadcast or a strided copy, after neighbours that step alike have been joined. */
inline constexpr int kMaxCopyRank = 8;

/** out[i] = op(x[i]), on all threads where there are many. */
void run_unary(UnaryOp op, const UnarySpan& span);

/** The shape of a dense output, and the steps of what is read along it: 0 where broadcast. The innermost
 * steps are 0 or 1. */
struct Broadcast {
  int rank = 0;
  Index size[kMaxCopyRank] = {};
  Index a_step[kMaxCopyRank] = {};
  Index b_step[kMaxCopyRank] = {};
};

void run_binary(BinaryOp op, const float* a, const float* b, float* out, const Broadcast& shape);

/** Contract: NormalizeBlock. */
void run_normalize(const NormalizeBlock& block);

}  // namespace convolith
