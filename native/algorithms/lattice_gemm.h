#pragma once

#include "algorithms/algorithm.h"
#include "algorithms/epilogue_data.h"
#include "algorithms/lattice.h"
#include "algorithms/panels.h"
#include "algorithms/staging.h"
#include "base/arena.h"
#include "base/function_ref.h"

namespace convolith {

/** What a lattice GEMM computes on: the maps' sizes as it sees them, which a pointwise layer flattens. */
struct LatticeProblem {
  WeightStore& weights;
  const KernelTable& kernels;
  Index batch;
  Size3 input, output;
  Lattice lattice;
  /** Distinguishes the packings of one layer. */
  std::string key;
  /** Problems of about this size, this one counted, whose tasks are those of one run. */
  Index together = 1;
};

/**
 * Implicit im2col GEMM over one lattice: output points × output channels, its left operand read where it lies
 * through one pointer a point and tap (Dukhan, "The indirect convolution algorithm", 2019), its right operand
 * packed in panels. The im2col matrix is never written. Standard, dilated, grouped and pointwise convolutions
 * are one lattice, a transposed one a lattice a phase.
 */
class LatticeGemm final : public Executor {
 public:
  explicit LatticeGemm(const LatticeProblem& problem);

  Index tasks(int threads) const override;
  void run(const Buffers& buffers, Index task, int threads, float* scratch) const override;
  Index workspace_bytes() const override;
  Index packed_bytes() const override { return packed_->bytes(); }
  std::string tile() const override;

 private:
  /** Of all packed weights. */
  Index weight_bytes() const { return groups_ * group_packing_ * static_cast<Index>(sizeof(float)); }
  bool segmented() const { return segmented_y_ || segmented_x_; }
  /** A rectangle of output points of one slice of one image, for one group. */
  struct Block {
    Index image = 0, group = 0;
    Index z = 0, y0 = 0, x0 = 0, height = 0, width = 0;
    Index points() const { return height * width; }
  };
  /** Consecutive points that one register tile computes. */
  struct Tile {
    Index first = 0;
    int rows = 0;
    /** All taps of all points lie inside the map: they are the same steps from each point's first one, and
     * `rows` has just these. */
    bool inner = false;
  };
  /** The taps of a run, its first one where the columns are merged. */
  struct RunTap {
    Index z = 0, y = 0, x = 0;
  };
  /** Runs of a tile that a chunk sums. */
  struct RunRange {
    Index begin = 0, end = 0;
  };
  /** A part of K that is short enough for its part of the panel to stay in the second-level cache; of kernels
   * whose tiles each meet a few taps, all of K. */
  struct Chunk {
    Index first_run = 0, runs = 0, k_begin = 0, k_end = 0;
  };
  /** Of the points of a block as wide as this one: where each begins in the staged region, and goes in the
   * map. */
  struct PointTable {
    std::vector<Index> from, to;
  };
  struct Work;

  Work take_work(Scratch& scratch) const;
  AlignedBuffer pack(const Stage& stage) const;
  void choose_staging();
  void choose_block();
  void choose_row_block();
  Index even_blocks(Index apart, Index units, Index most, Index least, int threads) const;
  int tile_rows() const;
  void cut_k();
  Index block_count() const { return batch_ * groups_ * lattice_.z.count * blocks_y_ * blocks_x_; }
  Block block_of(Index index) const;
  Index parts(int threads) const;
  void tabulate();
  PointTable table_of(Index width) const;
  bool suits_pitched_rows() const;
  bool is_regular() const;
  bool suits_bordered_rows();
  bool suits_carry() const;
  bool multiplies_rows(Index bytes) const;
  Index longest_run(Index bytes) const;
  Index corner_of(const Block& block) const;
  const PitchedTile& pitched_tile(Index row) const;
  bool fills_tiles(Index row) const;
  bool suits_odd_runs(Index row) const;
  void list_pitched_runs(const Block& block, Index in_row, Work& work) const;
  void line_up_rows(const Block& block, const Buffers& buffers, Work& work) const;
  void arrange_borders(const Block& block, Work& work) const;
  void line_up(const Block& block, const Buffers& buffers, Work& work) const;
  void place(const Block& block, const Buffers& buffers, Work& work) const;
  void locate(const Block& block, const Buffers& buffers, Work& work) const;
  void arrange(const Block& block, Work& work) const;
  void point(const Block& block, Work& work) const;
  Index list_runs(Work& work, FunctionRef<Index(const RunTap&)> step) const;
  Index step_taps(const Block& block, Work& work) const;
  void compute_pitched(const Block& block, const GemmTile& t, Index panel, const Work& work) const;
  void compute_panel(const Block& block, const Buffers& buffers, Index panel, Work& work) const;
  void gather_planes(const Block& block, const float* map, Index panel, Work& work) const;
  void scatter_planes(const Block& block, float* map, Index panel, Work& work) const;

  const KernelTable& kernels_;
  const Lattice lattice_;
  const EpilogueData epilogue_;
  const Index batch_, groups_, group_in_, group_out_, together_;
  const bool channels_last_;
  const MapStrides in_, out_;
  const Panels panels_;
  std::shared_ptr<const AlignedBuffer> packed_;
  std::vector<Index> panel_start_;  // of a panel in a group's packing
  Index group_packing_ = 0;

  bool staged_ = false;    // input copied into scratch, channels last
  bool merged_ = false;    // a kernel row is one run
  Index pitch_ = 0;        // floats between two staged pixels
  bool row_only_ = false;  // one row of points, one tap, no padding: a flattened pointwise layer
  // Tiles cut where the set of taps that meet only padding changes, from row to row and from column to
  // column.
  bool segmented_y_ = false, segmented_x_ = false;
  /** Staged, with few taps in the padding: every point's taps are the same steps from its first one, and
   * blocks differ by their origin alone. */
  bool regular_ = false;
  /** Short sums: rows of points without pointers, whose taps lie inside the map or the staged region. */
  bool pitched_ = false;
  /** The same with a border of zeros: rows leave out the taps in it, and points whose columns lie in it are
   * tiles with pointers. Points [inner_begin_, inner_end_) of a row have no such columns. */
  bool bordered_ = false;
  Index inner_begin_ = 0, inner_end_ = 0;
  /** Pitched, and panels may carry their last channels on: all are alike, and pixels whole lines. */
  bool carries_ = false;
  PointTable full_, narrow_;  // of blocks of block_width_, and of the last in a row, if they are regular
  Index runs_ = 0, run_length_ = 0;
  AlignedBuffer zeros_;  // what a run in the padding reads
  Index block_height_ = 1, block_width_ = 1, blocks_y_ = 1, blocks_x_ = 1;
  std::vector<RunTap> run_taps_;
  std::vector<Chunk> chunks_;
};

}  // namespace convolith
