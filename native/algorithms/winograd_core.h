#pragma once

#include "algorithms/cut.h"
#include "algorithms/lattice_gemm.h"
#include "algorithms/winograd_tiling.h"

namespace convolith {

/**
 * Minimal filtering over one lattice, in blocks of tiles: transform the inputs, one product of tiles ×
 * channels by channels × outputs for each product of the transform, transform back. A block's transformed
 * inputs and one panel's sums stay in cache. A block may span images, so that the weights of small maps are
 * read once a batch; depth taps and the parts of long kernels are further runs of each product's sums.
 */
class WinogradCore final : public Executor {
 public:
  WinogradCore(const LatticeProblem& problem, const WinogradTiling& tiling);

  Index tasks(int threads) const override {
    const Cut c = cut(threads);
    return groups_ * strips() * c.blocks * c.parts;
  }
  void run(const Buffers& buffers, Index task, int threads, float* scratch) const override;
  Index workspace_bytes() const override;
  Index packed_bytes() const override { return packed_->bytes(); }
  std::string tile() const override;

 private:
  /** The algorithm's name, F(outputs, taps) and its parts: with the panels' widths, what packings differ by.
   */
  std::string filter() const;
  /** How a run is cut: every strip of columns into so many blocks, each of them into parts of the panels. */
  struct Cut {
    Index blocks = 1, parts = 1;
    /** Blocks are whole rows of tiles; otherwise they begin and end anywhere in a row. */
    bool whole_rows = true;
  };
  /**
   * `tiles` of one group, row after row of a rectangle, without the first `skipped` of it. The rows count
   * through the slices and images of the batch.
   */
  struct Block {
    Index group = 0, row = 0, column = 0, rows = 0, columns = 0;
    Index skipped = 0, tiles = 0;
    /** The columns of a row that belong to the block, and which of its tiles one is. */
    Index begin(Index r) const { return r == 0 ? skipped : 0; }
    Index end(Index r) const { return std::min(columns, skipped + tiles - r * columns); }
    Index tile(Index r, Index c) const { return r * columns + c - skipped; }
  };
  /** What is summed before the transform back: a depth tap and a part of the kernel along each axis. */
  struct Slice {
    Index z = 0;
    int y = 0, x = 0;
  };
  /** Where a row of tiles lies. */
  struct Row {
    Index image, z, tile;
  };
  /** Products that share their weights: `strided` axes use one weight four times. */
  struct WeightGroup {
    int first = 0, count = 0;
  };
  /** One task's scratch. Offsets are floats from `base`, or negative: in the padding. */
  struct Work {
    float* staged;
    Index* y_list;
    Index* z_list;         // [depth]
    Index* z_offset;       // [rows][depth]
    Index* y_offset;       // [rows][reach of y]
    Index* x_offset;       // [columns][reach of x]
    bool* row_inner;       // [rows][parts of y]: no row in the padding, equal steps
    bool* column_inner;    // [columns][parts of x]
    Index* row_output;     // [rows][outputs of y], of the output map
    Index* column_output;  // [columns][outputs of x]
    Index* row_plane;      // the same in the planes
    Index* column_plane;
    float* inputs;       // [product][tile][slice][channel], tiles a pitch apart
    const float** rows;  // [product in order][tile]
    float* sums;         // [product][tile][width of a panel]
    Index* sum_offset;   // [product in order][tile]
    float* partial;      // [product of one weight][tile][width of a panel]
    float* planes;       // [row][output of y][column][output of x][width of a panel]
    float* residual_planes;
    const float* base = nullptr;
    Index row_step = 0, column_step = 0;
  };

  Row row_of(Index row) const {
    const Index tiles = tiling_.y.tiles();
    const Index map = row / tiles;
    return {map / lattice_.z.count, map % lattice_.z.count, row % tiles};
  }
  Index rows_in_all() const { return batch_ * lattice_.z.count * tiling_.y.tiles(); }
  /** Of columns: what lies side by side of more tiles than a block holds. */
  Index strips() const { return ceil_div(tiling_.x.tiles(), block_columns_); }
  Cut cut(int threads) const;
  Block block_of(Index index, const Cut& cut) const;
  /** Floats of one weight of a panel. A cache line more than they are: 36 streams a power of two apart would
   * share the sets of a cache while they are packed. */
  Index weight_stride(Index panel) const { return slices_ * group_in_ * panels_.width(panel) + 16; }
  /** Where a panel begins in a group's packing. */
  Index panel_start(Index panel) const {
    Index start = 0;
    for (Index i = 0; i < panel; ++i) start += tiling_.weights() * weight_stride(i);
    return start;
  }
  /** Channels that a product sums over. */
  Index depth_of_sums() const { return slices_ * group_in_; }
  Index product_stride() const { return block_rows_ * block_columns_ * pitch_ + 16; }
  /** Of all packed weights. */
  Index packed_floats() const { return groups_ * panel_start(panels_.count()); }
  bool streams_weights() const;
  Index tiles_of_streamed_weights() const;
  Index least_tiles(int threads) const;
  bool suits_eights() const;
  Panels choose_panels() const;
  bool suits_product_rows() const;
  Index pieces_of_sums(Index panel) const;
  Index piece_begin_of(Index pieces, Index piece) const;
  bool suits_pitched_rows() const;

  void choose_block();
  void order_products();
  Index largest_group() const;
  AlignedBuffer pack(const Stage& stage) const;
  void point_taps(const Slice& slice, const Size3& kernel, const float* filters, Index width,
                  std::vector<const float*>& taps) const;
  Work take_work(Scratch& scratch) const;
  void locate(const Block& block, const Buffers& buffers, Work& w) const;
  void stage(const Block& block, const Buffers& buffers, Work& w) const;
  void transform_inputs(const Block& block, Work& w) const;
  void clear_row(const Block& block, Index row, Index slice, Work& w) const;
  void transform_tile(const Block& block, Index row, Index column, Index slice, Work& w) const;
  void point_rows(const Block& block, Work& w) const;
  Epilogue no_epilogue() const;
  void multiply_pitched(const Block& block, Index panel, const Work& w) const;
  bool passes_in_pieces(const Block& block, Index panel) const;
  void multiply_in_pieces(const Block& block, Index panel, const Work& w) const;
  void multiply(const Block& block, Index panel, Work& w) const;
  void compute_panel(const Block& block, const Buffers& buffers, Index panel, Work& w) const;
  void move_planes(const Block& block, const float* from, float* to, Index panel, Work& w) const;

  const KernelTable& kernels_;
  const Lattice lattice_;
  const WinogradTiling tiling_;
  const EpilogueData epilogue_;
  const Index batch_, groups_, group_in_, group_out_, depth_, slices_, together_;
  const bool channels_last_;
  const MapStrides in_, out_;
  /** All tiles are one or two of kEightRows rows, which sum whole depths by panels of 3 and 2 vectors. */
  const bool in_eights_;
  const Panels panels_;
  const Index pitch_;
  const AlignedBuffer zeros_;
  /** Of a block at the most, and of a strip. */
  Index block_rows_ = 1, block_columns_ = 1;
  /** Each product of the transform is multiplied as rows at one pitch (GemmRows). */
  bool pitched_ = false;
  /** Weights pass in pieces by ProductRows, where a panel is as wide and a block's tiles are whole tiles. */
  bool in_pieces_by_rows_ = false;
  std::vector<Slice> slice_list_;
  std::vector<int> order_;  // products, those of one weight side by side
  std::vector<WeightGroup> weights_;
  std::shared_ptr<const AlignedBuffer> packed_;  // [group][panel][weight][slice][channel][width]
};

}  // namespace convolith
