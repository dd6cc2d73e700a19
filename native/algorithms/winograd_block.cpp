#include "algorithms/pitched_rows.h"
#include "algorithms/winograd_core.h"

#include <algorithm>

namespace convolith {

namespace {

constexpr Index kFloat = sizeof(float);

}  // namespace

/** Where the block's outputs lie, and its inputs where channels come last. */
void WinogradCore::locate(const Block& block, const Buffers& buffers, Work& w) const {
  const WinogradAxis& y = tiling_.y;
  const WinogradAxis& x = tiling_.x;
  for (Index r = 0; r < block.rows; ++r) {
    const Row row = row_of(block.row + r);
    const Index map = row.image * out_.image + (lattice_.z.out_start + row.z * lattice_.z.out_step) * out_.z;
    for (int i = 0; i < y.outputs; ++i) {
      const Index at = y.point(row.tile, i);
      const bool inside = at < y.count;
      w.row_output[r * y.outputs + i] =
          inside ? map + (lattice_.y.out_start + at * lattice_.y.out_step) * out_.y : -1;
      w.row_plane[r * y.outputs + i] = inside ? (r * y.outputs + i) * block.columns * x.outputs : -1;
    }
  }
  for (Index c = 0; c < block.columns; ++c) {
    for (int i = 0; i < x.outputs; ++i) {
      const Index at = x.point(block.column + c, i);
      const bool inside = at < x.count;
      w.column_output[c * x.outputs + i] =
          inside ? (lattice_.x.out_start + at * lattice_.x.out_step) * out_.x : -1;
      w.column_plane[c * x.outputs + i] = inside ? c * x.outputs + i : -1;
    }
  }
  stage(block, buffers, w);
  // Tiles without a row or column in the padding are read by steps, the others by a pointer a pixel.
  const auto find_inner = [](const WinogradAxis& axis, Index tiles, const Index* offset, Index step,
                             bool* inner) {
    for (Index t = 0; t < tiles; ++t, offset += axis.reach()) {
      for (int part = 0; part < axis.parts; ++part, ++inner) {
        const Index first = offset[axis.member(part, 0)];
        *inner = first >= 0;
        for (int i = 1; i < axis.products; ++i) *inner &= offset[axis.member(part, i)] == first + i * step;
      }
    }
  };
  find_inner(y, block.rows, w.y_offset, w.row_step, w.row_inner);
  find_inner(x, block.columns, w.x_offset, w.column_step, w.column_inner);
}

/** Offsets of the block's input rows, columns and slices; copies them, channels last, where channels come
 * first. */
void WinogradCore::stage(const Block& block, const Buffers& buffers, Work& w) const {
  const WinogradAxis& y = tiling_.y;
  const WinogradAxis& x = tiling_.x;
  Index first = x.input(block.column, 0);
  Index last = first;
  for (Index c = 0; c < block.columns; ++c) {
    first = std::min(first, x.input(block.column + c, 0));
    last = std::max(last, x.input(block.column + c, x.reach() - 1));
  }
  const Index width = last - first + 1;
  for (Index c = 0; c < block.columns; ++c) {
    for (int i = 0; i < x.reach(); ++i) {
      const Index at = x.input(block.column + c, i);
      const Index source = lattice_.x.source(at);
      const Index offset = channels_last_ ? source * in_.x : (at - first) * group_in_;
      // A staged padding holds its zeros.
      w.x_offset[c * x.reach() + i] = source < 0 && channels_last_ ? -1 : offset;
    }
  }
  w.column_step = x.spacing * x.phases * (channels_last_ ? in_.x : group_in_);
  const Index staged_row = width * group_in_;
  w.row_step = y.phases * (channels_last_ ? y.spacing * in_.y : staged_row);
  w.base = channels_last_ ? buffers.input + block.group * group_in_ : w.staged;

  Index staged = 0;  // floats so far
  for (Index r = 0; r < block.rows;) {
    // The rows of tiles of one slice of one image.
    const Row head = row_of(block.row + r);
    const Index end = std::min(block.rows, r + y.tiles() - head.tile);
    Index rows = 0;
    for (Index t = r; t < end; ++t) {
      for (int i = 0; i < y.reach(); ++i) {
        const Index at = y.input(head.tile + t - r, i);
        const int back = i - y.overlap() + y.reach();
        // A tile's first rows are the last of the one before it, unless that is of another interleaved map.
        const bool shared = t > r && i < y.overlap() && at == y.input(head.tile + t - r - 1, back);
        const Index source = lattice_.y.source(at);
        Index& offset = w.y_offset[t * y.reach() + i];
        if (channels_last_) {
          offset = source < 0 ? -1 : source * in_.y;
        } else if (shared) {
          offset = w.y_offset[(t - 1) * y.reach() + back];
        } else {
          offset = rows * staged_row;
          w.y_list[rows++] = at;
        }
      }
    }
    for (Index z = 0; z < depth_; ++z) {
      const Index at = lattice_.z.coordinate(head.z, z);
      const Index source = lattice_.z.source(at);
      w.z_list[z] = at;
      const Index offset =
          channels_last_ ? head.image * in_.image + source * in_.z : staged + z * rows * staged_row;
      for (Index t = r; t < end; ++t) w.z_offset[t * depth_ + z] = source < 0 ? -1 : offset;
    }
    if (!channels_last_) {
      const Region region{w.z_list, w.y_list, depth_, rows, first, width};
      stage_region(lattice_, region, buffers.input + head.image * in_.image, in_,
                   {block.group * group_in_, group_in_, 1, group_in_}, kernels_, w.staged + staged);
      staged += depth_ * rows * staged_row;
    }
    r = end;
  }
}

void WinogradCore::transform_tile(const Block& block, Index row, Index column, Index slice, Work& w) const {
  const WinogradAxis& y = tiling_.y;
  const WinogradAxis& x = tiling_.x;
  const Slice part = slice_list_[static_cast<std::size_t>(slice)];
  const auto y_offset = [&](int i) { return w.y_offset[row * y.reach() + y.member(part.y, i)]; };
  const auto x_offset = [&](int j) { return w.x_offset[column * x.reach() + x.member(part.x, j)]; };
  const float* base = w.base + w.z_offset[row * depth_ + part.z];
  const float* pixels[kMaxWinogradProducts * kMaxWinogradProducts];
  WinogradInput t;
  t.product_stride = product_stride();
  t.channels = group_in_;
  t.out = w.inputs + block.tile(row, column) * pitch_ + slice * group_in_;
  if (w.row_inner[row * y.parts + part.y] && w.column_inner[column * x.parts + part.x]) {
    t.origin = base + y_offset(0) + x_offset(0);
    t.row_step = w.row_step;
    t.column_step = w.column_step;
  } else {
    for (int i = 0; i < y.products; ++i) {
      for (int j = 0; j < x.products; ++j) {
        const bool inside = (y_offset(i) | x_offset(j)) >= 0;
        pixels[i * x.products + j] = inside ? base + y_offset(i) + x_offset(j) : zeros_.data();
      }
    }
    t.pixels = pixels;
  }
  kernels_.winograd.input[static_cast<int>(y.points)][static_cast<int>(x.points)](t);
}

/** The inputs of a row of tiles and a depth tap in the padding. */
void WinogradCore::clear_row(const Block& block, Index row, Index slice, Work& w) const {
  for (int product = 0; product < tiling_.products(); ++product) {
    float* to = w.inputs + product * product_stride() + slice * group_in_;
    for (Index column = block.begin(row); column < block.end(row); ++column)
      std::fill_n(to + block.tile(row, column) * pitch_, group_in_, 0.0F);
  }
}

/** Slice by slice, since each one's last vector runs over into the next one. */
void WinogradCore::transform_inputs(const Block& block, Work& w) const {
  for (Index slice = 0; slice < slices_; ++slice) {
    for (Index row = 0; row < block.rows; ++row) {
      if (w.z_offset[row * depth_ + slice_list_[static_cast<std::size_t>(slice)].z] < 0) {
        clear_row(block, row, slice, w);
        continue;
      }
      for (Index column = block.begin(row); column < block.end(row); ++column)
        transform_tile(block, row, column, slice, w);
    }
  }
}

/** The row pointers of every product. */
void WinogradCore::point_rows(const Block& block, Work& w) const {
  const float** row = w.rows;
  for (const int product : order_) {
    const float* from = w.inputs + product * product_stride();
    for (Index tile = 0; tile < block.tiles; ++tile) *row++ = from + tile * pitch_;
  }
}

/** Of sums alone: bias and activation follow the transform back. */
Epilogue WinogradCore::no_epilogue() const {
  Epilogue none;
  none.bias = zeros_.data();
  none.linear = true;
  return none;
}

/** What `multiply` does, a product of the transform at a time. */
void WinogradCore::multiply_pitched(const Block& block, Index panel, const Work& w) const {
  const int width = panels_.width(panel);
  const Epilogue none = no_epilogue();
  GemmRows g;
  g.pitch = pitch_;
  g.run_offset = &kOneRunOffset;
  g.run_start = &kOneRunStart;
  g.panel = packed_->data() + block.group * panel_start(panels_.count()) + panel_start(panel);
  g.depth = depth_of_sums();
  g.out_pitch = width;
  g.columns = width;
  g.epilogue = &none;
  const PitchedStretch tiles(kernels_.gemm, panels_[panel].vectors, g.depth, block.tiles);
  for (const WeightGroup& group : weights_) {
    for (int i = group.first; i < group.first + group.count; ++i) {
      const int product = order_[static_cast<std::size_t>(i)];
      g.rows = w.inputs + product * product_stride();
      g.out = w.sums + product * (block.tiles * width + 16);
      tiles.run(g);
    }
    g.panel += weight_stride(panel);
  }
}

/** Whether a panel is of a width, and the tiles of a block are whole tiles of the heights, that ProductRows
 * has. The sums are the same either way. */
bool WinogradCore::passes_in_pieces(const Block& block, Index panel) const {
  if (in_eights_) return block.tiles % kEightRows == 0;
  const NearFullPieces tiles(block.tiles, kernels_.product.tile_rows);
  return in_pieces_by_rows_ && tiles.exist() && panels_[panel].vectors == kernels_.product.vectors;
}

/** The sums of one panel, of weights from beyond the second-level cache: all tiles by one piece of a weight,
 * which bring the piece that comes next. */
void WinogradCore::multiply_in_pieces(const Block& block, Index panel, const Work& w) const {
  const ProductKernels& kernels = kernels_.product;
  const int width = panels_.width(panel), rows = in_eights_ ? kEightRows : kernels.tile_rows;
  const ProductRowsKernel full_tiles = in_eights_ ? kernels.eight(panels_[panel].vectors) : kernels.of(rows);
  const NearFullPieces tiles(block.tiles, rows);
  const Index pieces = pieces_of_sums(panel);
  const Index rest = tiles.full() * rows;
  const float* weight = packed_->data() + block.group * panel_start(panels_.count()) + panel_start(panel);
  const float* const packed_end = packed_->data() + packed_->size();
  ProductRows g;
  g.pitch = pitch_;
  for (const WeightGroup& group : weights_) {
    for (Index piece = 0; piece < pieces; ++piece) {
      const Index begin = piece_begin_of(pieces, piece), end = piece_begin_of(pieces, piece + 1);
      g.depth = end - begin;
      g.panel = weight + begin * width;
      const float* next = piece + 1 < pieces ? weight + end * width : weight + weight_stride(panel);
      g.ahead = next;
      g.ahead_end = std::min(next + g.depth * width, packed_end);
      g.ahead_lines = ceil_div(width, Index{4} * group.count * tiles.count());
      for (int i = group.first; i < group.first + group.count; ++i) {
        const int product = order_[static_cast<std::size_t>(i)];
        g.rows = w.inputs + product * product_stride() + begin;
        g.inner.keep = w.sums + product * (block.tiles * width + 16);
        g.inner.keep_with = piece == 0 ? nullptr : g.inner.keep;
        const auto bring_on = [&](Index of) { g.ahead += of * (g.depth / 4) * g.ahead_lines * kLineFloats; };
        full_tiles(g, tiles.full());
        bring_on(tiles.full());
        if (tiles.full() == tiles.count()) continue;
        g.rows += rest * pitch_;
        g.inner.keep += rest * width;
        if (piece > 0) g.inner.keep_with = g.inner.keep;
        kernels.of(rows - 1)(g, tiles.count() - tiles.full());
        bring_on(tiles.count() - tiles.full());
      }
    }
    weight += weight_stride(panel);
  }
}

/** The sums of one panel. */
void WinogradCore::multiply(const Block& block, Index panel, Work& w) const {
  const Index tiles = block.tiles;
  const int width = panels_.width(panel);
  Index at = 0;
  for (const int product : order_) {
    const Index first = product * (tiles * width + 16);
    for (Index i = 0; i < tiles; ++i) w.sum_offset[at++] = first + i * width;
  }
  const Epilogue none = no_epilogue();
  const std::int32_t start = 0;
  GemmTile g;
  g.run_start = &start;
  g.runs = 1;
  g.columns = width;
  g.epilogue = &none;
  g.out = w.sums;
  const GemmKernel* kernels = kernels_.gemm.tile[panels_[panel].vectors - 1];
  g.panel = packed_->data() + block.group * panel_start(panels_.count()) + panel_start(panel);
  const Index pieces = pieces_of_sums(panel);
  for (const WeightGroup& group : weights_) {
    const Index all = group.count * tiles;
    const FullPieces cut_rows(all, panels_.tile_rows);
    const Index cuts = cut_rows.count();
    g.ahead = nullptr;
    const bool brings = brings_weights(packed_floats() * kFloat, cuts);
    for (Index piece = 0; piece < pieces; ++piece) {
      g.k_begin = piece_begin_of(pieces, piece);
      g.k_end = piece_begin_of(pieces, piece + 1);
      g.first = piece == 0;
      g.last = piece == pieces - 1;
      const float* next = g.last ? g.panel + weight_stride(panel) : g.panel + g.k_end * width;
      const auto strip =
          brings ? nullptr : kernels_.gemm.strip_for(g, panels_.tile_rows, panels_[panel].vectors);
      Index cut = 0;
      if (strip != nullptr) {
        g.rows = w.rows + group.first * tiles;
        g.out_offset = w.sum_offset + group.first * tiles;
        cut = cut_rows.full();
        g.row_step = panels_.tile_rows;
        strip(g, cut);
      }
      for (; cut < cuts; ++cut) {
        const Index first = cut_rows.begin(cut);
        g.rows = w.rows + group.first * tiles + first;
        g.out_offset = w.sum_offset + group.first * tiles + first;
        g.partial = w.partial + first * width;
        if (brings) g.bring(next, (g.k_end - g.k_begin) * width, cut, cuts);
        kernels[cut_rows.size(cut) - 1](g);
      }
    }
    g.panel += weight_stride(panel);
  }
}

void WinogradCore::compute_panel(const Block& block, const Buffers& buffers, Index panel, Work& w) const {
  if (pitched_) {
    multiply_pitched(block, panel, w);
  } else if (passes_in_pieces(block, panel)) {
    multiply_in_pieces(block, panel, w);
  } else {
    multiply(block, panel, w);
  }
  const WinogradAxis& y = tiling_.y;
  const WinogradAxis& x = tiling_.x;
  const int width = panels_.width(panel);
  const Index channel = block.group * group_out_ + panels_[panel].column;
  const Epilogue epilogue = epilogue_.at(channel);
  WinogradOutput t;
  t.y = y.points;
  t.x = x.points;
  t.outputs_y = y.outputs;
  t.outputs_x = x.outputs;
  t.product_stride = block.tiles * width + 16;
  t.columns = panels_[panel].columns;
  t.epilogue = &epilogue;
  const Index* row_offset = w.row_output;
  const Index* column_offset = w.column_output;
  const Index map = channel * out_.channel;
  if (channels_last_) {
    t.out = buffers.output + map;
    t.residual = buffers.residual == nullptr ? nullptr : buffers.residual + map;
  } else {
    row_offset = w.row_plane;
    column_offset = w.column_plane;
    t.out = w.planes;
    if (buffers.residual != nullptr) {
      move_planes(block, buffers.residual + map, nullptr, panel, w);
      t.residual = w.residual_planes;
    }
  }
  Index scaled_row[kMaxWinogradOutputs];
  Index scaled_column[kMaxWinogradOutputs];
  const Index scale = channels_last_ ? 1 : width;
  for (Index row = 0; row < block.rows; ++row) {
    for (int i = 0; i < y.outputs; ++i) scaled_row[i] = row_offset[row * y.outputs + i] * scale;
    t.row_offset = scaled_row;
    for (Index column = block.begin(row); column < block.end(row); ++column) {
      for (int i = 0; i < x.outputs; ++i) scaled_column[i] = column_offset[column * x.outputs + i] * scale;
      t.column_offset = scaled_column;
      t.sums = w.sums + block.tile(row, column) * width;
      kernels_.winograd.output(t);
    }
  }
  if (!channels_last_) move_planes(block, nullptr, buffers.output + map, panel, w);
}

/** Between a channels-first map and the planes: into them from `from`, or out of them to `to`. */
void WinogradCore::move_planes(const Block& block, const float* from, float* to, Index panel, Work& w) const {
  const WinogradAxis& x = tiling_.x;
  const int width = panels_.width(panel);
  const Index channels = panels_[panel].columns;
  const bool dense = x.spacing == 1 && lattice_.x.out_step == 1;
  for (Index row = 0; row < block.rows * tiling_.y.outputs; ++row) {
    const Index at = w.row_output[row];
    if (at < 0) continue;
    const Index first = block.begin(row / tiling_.y.outputs) * x.outputs;
    const Index last = block.end(row / tiling_.y.outputs) * x.outputs;
    float* planes =
        (to == nullptr ? w.residual_planes : w.planes) + (row * block.columns * x.outputs + first) * width;
    if (dense) {
      const Index count = std::min(last, x.count - x.point(block.column, 0)) - first;
      const Index map = at + w.column_output[first];
      if (to != nullptr) {
        kernels_.transpose({planes, to + map, width, out_.channel, count, channels});
      } else {
        kernels_.transpose({from + map, planes, out_.channel, width, channels, count});
      }
      continue;
    }
    for (Index c = 0; c < channels; ++c) {
      for (Index i = first; i < last; ++i) {
        if (w.column_output[i] < 0) continue;
        const Index map = at + w.column_output[i] + c * out_.channel;
        float& value = planes[(i - first) * width + c];
        if (to != nullptr) {
          to[map] = value;
        } else {
          value = from[map];
        }
      }
    }
  }
}

}  // namespace convolith
