#include "companions/elementwise.h"

#include <algorithm>

#include "companions/parallel.h"
#include "isa/isa.h"
#include "kernels/table.h"

namespace convolith {

namespace {

bool streams(Index count) { return count * static_cast<Index>(sizeof(float)) >= kStreamBytes; }

/** Rows shorter than this are repeated until they are that long: a row costs about 5 ns beside its values. */
constexpr Index kShortRow = 64;
constexpr Index kLongRow = 512;

/** One block with an operand whose short row serves every row: that row written out several times, so that
 * many rows become one. */
void run_repeated(void (*kernel)(const BinaryBlock&), const BinaryBlock& block, bool repeats_b) {
  alignas(64) float repeated[kLongRow + kShortRow];
  const Index copies = kLongRow / block.columns;
  const float* row = repeats_b ? block.b : block.a;
  for (Index copy = 0; copy < copies; ++copy)
    std::copy_n(row, block.columns, repeated + copy * block.columns);
  BinaryBlock wide = block;
  (repeats_b ? wide.b : wide.a) = repeated;
  wide.columns = copies * block.columns;
  wide.out_row = wide.columns;
  (repeats_b ? wide.a_row : wide.b_row) = wide.columns;
  wide.rows = block.rows / copies;
  kernel(wide);
  const Index done = wide.rows * copies;
  if (done == block.rows) return;
  wide.rows = 1;
  wide.columns = (block.rows - done) * block.columns;
  wide.out += done * block.columns;
  (repeats_b ? wide.a : wide.b) += done * block.columns;
  kernel(wide);
}

void run_block(void (*kernel)(const BinaryBlock&), const BinaryBlock& block) {
  const bool dense_a = !block.a_fixed && block.a_row == block.columns;
  const bool dense_b = !block.b_fixed && block.b_row == block.columns;
  const bool is_short = block.columns < kShortRow && block.rows > 1;
  if (is_short && dense_a && !block.b_fixed && block.b_row == 0) {
    run_repeated(kernel, block, true);
  } else if (is_short && dense_b && !block.a_fixed && block.a_row == 0) {
    run_repeated(kernel, block, false);
  } else {
    kernel(block);
  }
}

/** Blocks of the two innermost axes, one after the other over the outer ones, of the rows [begin, end) of
 * all. */
void run_rows(void (*kernel)(const BinaryBlock&), BinaryBlock block, const Broadcast& shape, Index begin,
              Index end) {
  const int outer_rank = shape.rank - 2;
  const Index rows = shape.size[outer_rank];
  const BinaryBlock base = block;
  while (begin < end) {
    Index outer = begin / rows;
    const Index row = begin % rows;
    Index a = row * base.a_row;
    Index b = row * base.b_row;
    for (int axis = outer_rank - 1; axis >= 0; --axis) {
      const Index place = outer % shape.size[axis];
      outer /= shape.size[axis];
      a += place * shape.a_step[axis];
      b += place * shape.b_step[axis];
    }
    block.a = base.a + a;
    block.b = base.b + b;
    block.out = base.out + begin * base.columns;
    block.rows = std::min(rows - row, end - begin);
    run_block(kernel, block);
    begin += block.rows;
  }
}

}  // namespace

void run_unary(UnaryOp op, const UnarySpan& span) {
  const auto kernel = current_kernels().elementwise.unary[static_cast<int>(op)];
  const bool stream = streams(span.count);
  parallel_ranges(span.count, kTaskValues, [&](Index begin, Index end) {
    UnarySpan part = span;
    part.x += begin;
    part.out += begin;
    part.count = end - begin;
    part.stream = stream;
    kernel(part);
  });
}

void run_binary(BinaryOp op, const float* a, const float* b, float* out, const Broadcast& shape) {
  const auto kernel = current_kernels().elementwise.binary[static_cast<int>(op)];
  const int inner = shape.rank - 1;
  BinaryBlock block;
  block.a = a;
  block.b = b;
  block.out = out;
  block.columns = block.out_row = shape.size[inner];
  block.a_fixed = shape.a_step[inner] == 0;
  block.b_fixed = shape.b_step[inner] == 0;
  if (shape.rank == 1) {
    block.stream = streams(block.columns);
    parallel_ranges(block.columns, kTaskValues, [&](Index begin, Index end) {
      BinaryBlock part = block;
      part.rows = 1;
      part.columns = end - begin;
      if (!part.a_fixed) part.a += begin;
      if (!part.b_fixed) part.b += begin;
      part.out += begin;
      kernel(part);
    });
    return;
  }
  block.a_row = shape.a_step[inner - 1];
  block.b_row = shape.b_step[inner - 1];
  Index rows = 1;
  for (int axis = 0; axis < inner; ++axis) rows *= shape.size[axis];
  block.stream = block.columns >= kLongRow && streams(rows * block.columns);
  parallel_rows(rows, block.columns,
                [&](Index begin, Index end) { run_rows(kernel, block, shape, begin, end); });
}

void run_normalize(const NormalizeBlock& block) {
  const auto kernel = current_kernels().elementwise.normalize;
  parallel_rows(block.rows, block.columns, [&](Index begin, Index end) {
    NormalizeBlock part = block;
    part.x += begin * block.columns;
    part.out += begin * block.columns;
    part.rows = end - begin;
    kernel(part);
  });
}

}  // namespace convolith
