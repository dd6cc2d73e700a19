#include "companions/matmul.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/arena.h"
#include "companions/parallel.h"
#include "isa/isa.h"
#include "kernels/table.h"

namespace convolith {

namespace {

/** Products of one part of a sum: 512 × 32 columns of a panel are 64 KiB, which the second-level cache keeps.
 */
constexpr Index kDepth = 512;
/** Rows of a task, a multiple of every tile's: each task packs its own panel, 1 / 168 of its multiplications.
 */
constexpr Index kRows = 168;

/** Bias and slopes padded by a whole panel, since tiles load whole vectors. */
struct Columns {
  AlignedBuffer bias, slope;
  Epilogue epilogue;

  explicit Columns(const MatMul& p) : bias(p.n + 64), slope(p.slope == nullptr ? 0 : p.n + 64) {
    if (p.bias != nullptr) std::copy_n(p.bias, p.n, bias.data());
    if (p.slope != nullptr) std::copy_n(p.slope, p.n, slope.data());
    epilogue.op = p.op;
    epilogue.min = p.min;
    epilogue.max = p.max;
    epilogue.alpha = p.alpha;
    epilogue.linear = p.op == ActivationOp::clip && std::isinf(p.min) && std::isinf(p.max);
  }

  Epilogue at(Index column) const {
    Epilogue e = epilogue;
    e.bias = bias.data() + column;
    if (slope.size() > 0) e.slope = slope.data() + column;
    return e;
  }
};

/** Columns [column, column + columns) of one right matrix as a panel [k][width], zeros in the missing ones.
 */
void pack_panel(const MatMul& p, const float* b, Index column, int columns, int width, float* panel) {
  if (columns < width) std::fill_n(panel, p.k * width, 0.0F);
  if (p.transpose_b) {
    Transposition t;
    t.from = b + column * p.k;
    t.to = panel;
    t.from_stride = p.k;
    t.to_stride = width;
    t.rows = columns;
    t.columns = p.k;
    current_kernels().transpose(t);
    return;
  }
  const auto bytes = static_cast<std::size_t>(columns) * sizeof(float);
  for (Index k = 0; k < p.k; ++k) std::memcpy(panel + k * width, b + k * p.n + column, bytes);
}

/** One panel of columns of one product, for the rows [begin, end). */
void multiply_panel(const MatMul& p, const Columns& vectors, Index product, Index panel_index, Index begin,
                    Index end) {
  const GemmKernels& gemm = current_kernels().gemm;
  const Index column = panel_index * gemm.preferred_vectors * gemm.lanes;
  const int columns =
      static_cast<int>(std::min<Index>(p.n - column, Index{gemm.preferred_vectors} * gemm.lanes));
  const int vectors_wide = static_cast<int>(ceil_div(columns, gemm.lanes));
  const int width = vectors_wide * gemm.lanes;
  const Index tile_rows = gemm.tile_rows(vectors_wide, p.k);
  const auto lay_out = [&](Scratch scratch, float** panel, float** partial) {
    *panel = scratch.take<float>(p.k * width);
    *partial = scratch.take<float>(p.k > kDepth ? round_up(end - begin, tile_rows) * width : 0);
    return scratch.used();
  };
  float* panel;
  float* partial;
  const Index bytes = lay_out(Scratch(), &panel, &partial);
  lay_out(Scratch(thread_arena(bytes)), &panel, &partial);
  const float* a = p.a + product % p.batch_a * p.m * p.k;
  pack_panel(p, p.b + product % p.batch_b * p.k * p.n, column, columns, width, panel);

  const Epilogue epilogue = vectors.at(column);
  const std::int32_t start = 0;
  const float* rows[kMaxTileRows];
  Index offsets[kMaxTileRows];
  GemmTile tile;
  tile.rows = rows;
  tile.run_start = &start;
  tile.runs = 1;
  tile.panel = panel;
  tile.out = p.out + product * p.m * p.n + column;
  tile.out_offset = offsets;
  tile.columns = columns;
  tile.epilogue = &epilogue;
  for (Index k = 0; k < p.k || k == 0; k += kDepth) {
    tile.k_begin = k;
    tile.k_end = std::min(p.k, k + kDepth);
    tile.first = k == 0;
    tile.last = tile.k_end == p.k;
    for (Index row = begin; row < end; row += tile_rows) {
      const Index count = std::min(tile_rows, end - row);
      for (Index i = 0; i < count; ++i) {
        rows[i] = a + (row + i) * p.k;
        offsets[i] = (row + i) * p.n;
      }
      tile.partial = partial + (row - begin) * width;
      gemm.tile[vectors_wide - 1][count - 1](tile);
    }
  }
}

/** Bias and activation in place on one row's columns, by the elementwise kernels. */
void finish_row(const MatMul& p, float* row, Index column, Index columns) {
  const ElementwiseKernels& kernels = current_kernels().elementwise;
  const auto binary = [&](BinaryOp op, const float* vector) {
    BinaryBlock block;
    block.a = block.out = row;
    block.b = vector + column;
    block.rows = 1;
    block.columns = columns;
    kernels.binary[static_cast<int>(op)](block);
  };
  const auto unary = [&](UnaryOp op, float first, float second) {
    kernels.unary[static_cast<int>(op)]({row, row, columns, first, second, false});
  };
  if (p.bias != nullptr) binary(BinaryOp::add, p.bias);
  switch (p.op) {
    case ActivationOp::leaky_relu:
      return unary(UnaryOp::leaky_relu, p.alpha, 0.0F);
    case ActivationOp::elu:
      return unary(UnaryOp::elu, 0.0F, 0.0F);
    case ActivationOp::sigmoid:
      return unary(UnaryOp::sigmoid, 0.0F, 0.0F);
    case ActivationOp::prelu:
      return binary(BinaryOp::prelu, p.slope);
    default:
      if (!std::isinf(p.min) || !std::isinf(p.max)) unary(UnaryOp::clip, p.min, p.max);
  }
}

/** Few rows: each value of the right matrix is read once, where it lies. A packed panel would be written and
 * read again. */
void run_few_rows(const MatMul& p) {
  const GemvKernels& gemv = current_kernels().gemv;
  const Index strip = round_up(std::max<Index>(1, kTaskValues / std::max<Index>(1, p.k)), 64);
  const Index strips = ceil_div(p.n, strip);
  parallel_rows(p.batch * strips, p.k * std::min(strip, p.n), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index product = i / strips;
      const Index column = i % strips * strip;
      const float* b = p.b + product % p.batch_b * p.k * p.n;
      GemvBlock block;
      block.a = p.a + product % p.batch_a * p.m * p.k;
      block.a_row = p.k;
      block.b = b + column * (p.transpose_b ? p.k : 1);
      block.b_row = p.transpose_b ? p.k : p.n;
      block.sum = p.out + product * p.m * p.n + column;
      block.sum_row = p.n;
      block.rows = p.m;
      block.columns = std::min(strip, p.n - column);
      block.k = p.k;
      (p.transpose_b ? gemv.transposed : gemv.plain)(block);
      for (Index row = 0; row < p.m; ++row) finish_row(p, block.sum + row * p.n, column, block.columns);
    }
  });
}

/** The left matrices turned to [batch][m][k], in memory that this thread keeps. */
const float* transposed_left(const MatMul& p) {
  thread_local AlignedBuffer turned;
  const Index count = p.batch_a * p.m * p.k;
  if (turned.size() < count) {
    turned = AlignedBuffer();
    turned = AlignedBuffer(count);
  }
  float* to = turned.data();
  parallel_rows(p.batch_a, p.m * p.k, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      Transposition t;
      t.from = p.a + i * p.m * p.k;
      t.to = to + i * p.m * p.k;
      t.from_stride = p.m;
      t.to_stride = p.k;
      t.rows = p.k;
      t.columns = p.m;
      current_kernels().transpose(t);
    }
  });
  return to;
}

}  // namespace

void run_matmul(const MatMul& product) {
  MatMul p = product;
  if (p.transpose_a && p.m > 1 && p.k > 1) p.a = transposed_left(p);
  if (p.batch_b == 1 && p.batch_a == p.batch) {
    // One right matrix for all: the batch is rows.
    p.m *= p.batch;
    p.batch = p.batch_a = 1;
  }
  if (p.m <= kGemvRows) return run_few_rows(p);
  const GemmKernels& gemm = current_kernels().gemm;
  const Columns vectors(p);
  const Index panels = ceil_div(p.n, Index{gemm.preferred_vectors} * gemm.lanes);
  const Index chunks = ceil_div(p.m, kRows);
  const Index work = std::min(p.m, kRows) * p.k * 2;
  parallel_rows(p.batch * panels * chunks, work, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index chunk = i % chunks;
      const Index panel = i / chunks % panels;
      multiply_panel(p, vectors, i / chunks / panels, panel, chunk * kRows,
                     std::min(p.m, (chunk + 1) * kRows));
    }
  });
}

}  // namespace convolith
