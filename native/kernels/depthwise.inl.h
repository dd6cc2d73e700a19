#pragma once

#include <cstdint>

#include "kernels/depthwise.h"
#include "kernels/epilogue.inl.h"

namespace convolith {

/** The epilogue on P sums of one vector of channels at `c`, of which `count` lanes exist, and their store. */
template <class V, int P>
CONVOLITH_INLINE void store_pixels(const DepthwiseTile& t, typename V::Reg (&sum)[P], Index c, int count) {
  const bool whole = count == V::lanes;
  if (t.residual != nullptr) {
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) {
      const float* residual = t.residual + t.out_offset[p] + c;
      sum[p] = V::add(sum[p], whole ? V::load(residual) : V::load_n(residual, count));
    }
  }
  if (t.epilogue->op == ActivationOp::clip) {
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) sum[p] = clip<V>(*t.epilogue, sum[p]);
  } else {
    alignas(64) float tile[P * V::lanes];
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) V::store(tile + p * V::lanes, sum[p]);
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) activate_tile<V>(*t.epilogue, tile + p * V::lanes, 1, 1, c);
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) sum[p] = V::load(tile + p * V::lanes);
  }
  CONVOLITH_UNROLL
  for (int p = 0; p < P; ++p) {
    float* out = t.out + t.out_offset[p] + c;
    if (whole) {
      V::store(out, sum[p]);
    } else {
      V::store_n(out, sum[p], count);
    }
  }
}

/** Contract: DepthwiseTile, on P pixels and the first `count` lanes of one vector of channels at `c`. */
template <class V, int P>
CONVOLITH_INLINE void depthwise_vector(const DepthwiseTile& t, Index c, int count) {
  const bool whole = count == V::lanes;
  typename V::Reg sum[P];
  const auto bias = V::load(t.epilogue->bias + c);
  CONVOLITH_UNROLL
  for (int p = 0; p < P; ++p) sum[p] = bias;
  const float* weight = t.weight + c;
  for (int k = 0; k < t.taps; ++k, weight += t.weight_stride) {
    const auto w = V::load(weight);
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) {
      const float* x = t.inputs[p * t.taps + k] + c;
      sum[p] = V::fma(whole ? V::load(x) : V::load_n(x, count), w, sum[p]);
    }
  }
  store_pixels<V, P>(t, sum, c, count);
}

template <class V, int P>
void depthwise_tile(const DepthwiseTile& t) {
  Index c = 0;
  for (; c + V::lanes <= t.channels; c += V::lanes) depthwise_vector<V, P>(t, c, V::lanes);
  if (c < t.channels) depthwise_vector<V, P>(t, c, static_cast<int>(t.channels - c));
}

/**
 * Contract: DepthwiseBlock. Row by row of the window: its vectors are loaded once and meet every output row
 * that reaches them. 2 × 7 outputs of 3×3 take 54 loads for 126 multiplications, where one load each would
 * take 126.
 */
template <class V, int KH, int KW, int SH, int SW, int R, int Q>
CONVOLITH_INLINE void block_vector(const DepthwiseTile& t, Index c, int count) {
  constexpr int height = (R - 1) * SH + KH;
  constexpr int width = (Q - 1) * SW + KW;
  const bool whole = count == V::lanes;
  typename V::Reg sum[R * Q];
  const auto bias = V::load(t.epilogue->bias + c);
  CONVOLITH_UNROLL
  for (int p = 0; p < R * Q; ++p) sum[p] = bias;
  const float* weight = t.weight + c;
  CONVOLITH_UNROLL
  for (int y = 0; y < height; ++y) {
    typename V::Reg x[width];
    CONVOLITH_UNROLL
    for (int i = 0; i < width; ++i) {
      const float* from = t.inputs[y * width + i] + c;
      x[i] = whole ? V::load(from) : V::load_n(from, count);
    }
    CONVOLITH_UNROLL
    for (int r = 0; r < R; ++r) {
      const int ky = y - r * SH;
      if (ky < 0 || ky >= KH) continue;
      CONVOLITH_UNROLL
      for (int kx = 0; kx < KW; ++kx) {
        const auto w = V::load(weight + (ky * KW + kx) * t.weight_stride);
        CONVOLITH_UNROLL
        for (int q = 0; q < Q; ++q) sum[r * Q + q] = V::fma(x[q * SW + kx], w, sum[r * Q + q]);
      }
    }
  }
  store_pixels<V, R * Q>(t, sum, c, count);
}

template <class V, int KH, int KW, int SH, int SW, int R, int Q>
void depthwise_block(const DepthwiseTile& t) {
  Index c = 0;
  for (; c + V::lanes <= t.channels; c += V::lanes) block_vector<V, KH, KW, SH, SW, R, Q>(t, c, V::lanes);
  if (c < t.channels) block_vector<V, KH, KW, SH, SW, R, Q>(t, c, static_cast<int>(t.channels - c));
}

/**
 * Vectors of channels: whole ones, or the one of the last `count` channels and then the first ones, of the
 * same pixel (wrapped) or of the next one, which lie side by side (run_on).
 */
enum class Ends : std::uint8_t { apart, wrapped, run_on };

template <class V, Ends E>
struct Channels {
  using Reg = typename V::Reg;
  Index c, total;
  int count;

  /** `p` at channel c, of one pixel. */
  CONVOLITH_INLINE Reg load(const float* p) const {
    if constexpr (E == Ends::apart) {
      return V::load(p);
    } else {
      return V::load_wrap(p, p - total, count);
    }
  }
  CONVOLITH_INLINE void store(float* p, Reg v) const {
    if constexpr (E == Ends::apart) {
      V::store(p, v);
    } else {
      V::store_wrap(p, p - total, v, count);
    }
  }
};

template <class V, Ends E, int P>
CONVOLITH_INLINE void add_residuals(const Channels<V, E>& at, const float* residual, Index step,
                                    typename V::Reg (&sum)[P]) {
  if (residual == nullptr) return;
  CONVOLITH_UNROLL
  for (int p = 0; p < P; ++p) sum[p] = V::add(sum[p], at.load(residual + p * step + at.c));
}

/**
 * Bias apart, the epilogue on P sums of a vector of channels; their residuals are `step` floats apart. Clips
 * says that the activation is `clip`: in a loop over columns the call that another one needs costs registers
 * even where it is not made, since clang keeps what lives across it in memory (depthwise 3×3 took 1.1 to 1.35
 * times as long).
 */
template <class V, Ends E, bool Clips, int P>
CONVOLITH_INLINE void finish_sums(const Epilogue& epilogue, const Channels<V, E>& at, const float* residual,
                                  Index step, typename V::Reg (&sum)[P]) {
  add_residuals<V, E, P>(at, residual, step, sum);
  if constexpr (Clips) {
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) sum[p] = clip<V>(epilogue, sum[p]);
  } else {
    alignas(64) float tile[P * V::lanes];
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) V::store(tile + p * V::lanes, sum[p]);
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) activate_tile<V>(epilogue, tile + p * V::lanes, 1, 1, at.c);
    CONVOLITH_UNROLL
    for (int p = 0; p < P; ++p) sum[p] = V::load(tile + p * V::lanes);
  }
}

/** Of a vector that runs on into the next pixel, the lanes of this pixel (`low`) and of that one. */
template <class V>
CONVOLITH_INLINE typename V::Range pixel_lanes(const Channels<V, Ends::run_on>& at, bool low, bool high) {
  return V::between(low ? 0 : at.count, high ? V::lanes : at.count);
}

/**
 * Contract: DepthwiseSlide, on one vector of channels; `before` is the channel of the vector that lags, or
 * negative. Of stride 1, 3×3 and two rows: 4 loads for 18 multiplications, the weights in registers. Of 7×7:
 * 57 for 98, since a weight serves both rows of outputs.
 */
template <class V, int K, int SY, int SX, int R, Ends E, bool Clips>
CONVOLITH_INLINE void slide_vector(const DepthwiseSlide& t, const Channels<V, E>& at, Index before) {
  using Reg = typename V::Reg;
  constexpr int window = (R - 1) * SY + K;
  constexpr int flight = (K + SX - 1) / SX;  // columns of outputs that an input column reaches
  constexpr bool held = K <= 3;
  constexpr bool runs_on = E == Ends::run_on;
  static_assert(!runs_on || (SY == 1 && Clips));
  // Side by side, so that each lies at a constant offset.
  alignas(64) float packed[held ? 1 : K * K * V::lanes];
  Reg w[held ? K * K : 1];
  CONVOLITH_UNROLL
  for (int k = 0; k < K * K; ++k) {
    const Reg weight = at.load(t.weight + at.c + k * t.weight_stride);
    if constexpr (held) {
      w[k] = weight;
    } else {
      V::store(packed + k * V::lanes, weight);
    }
  }
  const float* weights = packed;
  const Reg bias = at.load(t.epilogue->bias + at.c);
  Reg sum[flight][R];
  CONVOLITH_UNROLL
  for (int a = 0; a < flight; ++a) {
    CONVOLITH_UNROLL
    for (int r = 0; r < R; ++r) sum[a][r] = bias;
  }
  const Index lead = runs_on && t.next.leads ? 1 : 0;
  // Columns of which this pixel exists, and the next one's.
  const Index begin = t.begin, end = t.end;
  const Index first = runs_on && t.next.begin < begin ? t.next.begin : begin;
  const Index last = runs_on && t.next.end > end ? t.next.end : end;
  const float* row[window];
  Index row_step[window];
  CONVOLITH_UNROLL
  for (int i = 0; i < window; ++i) {
    row_step[i] = t.row_step[i];
    row[i] = t.rows[i] + at.c + (runs_on ? (first - begin) * row_step[i] : 0);
  }
  const Reg low = V::set(t.epilogue->min), high = V::set(t.epilogue->max);
  const Index columns = lead + t.outputs + flight - 1;
  const Index out_step = t.out_step, out_row = t.out_row;
  float* to = t.out + at.c - lead * out_step;
  float* lag = t.lag;
  const float* ahead =
      SY == 1 || t.ahead == nullptr ? nullptr : t.ahead + at.c / V::lanes * t.outputs * SX * kLineFloats;
  Index column = -lead * SX;
  // At `newest` the sums are those of output columns newest - flight + 1 to newest, oldest first.
  const auto slide = [&](Index newest) CONVOLITH_INLINE_LAMBDA {
    CONVOLITH_RELOAD(weights);
    if (SY > 1 && ahead != nullptr) {  // With a stride of 1 even the test costs more than it may bring.
      CONVOLITH_UNROLL
      for (int i = 0; i < R * SY; ++i) {
        CONVOLITH_UNROLL
        for (int s = 0; s < SX; ++s) CONVOLITH_PREFETCH_FAR(ahead + i * t.ahead_row + s * kLineFloats);
      }
      ahead += SX * kLineFloats;
    }
    CONVOLITH_UNROLL
    for (int s = 0; s < SX; ++s, ++column) {
      if (column < first || column >= last) continue;
      [[maybe_unused]] typename V::Range lanes{};
      if constexpr (runs_on) {
        const bool here = column >= begin && column < end;
        const bool there = column >= t.next.begin && column < t.next.end;
        lanes = pixel_lanes<V>(at, here, there);
      }
      Reg x[window];
      CONVOLITH_UNROLL
      for (int ky = 0; ky < K; ++ky) {
        // Rows of the window, each as late as it is needed: weights serve all rows of outputs.
        CONVOLITH_UNROLL
        for (int i = ky == 0 ? 0 : (R - 1) * SY + ky; i <= (R - 1) * SY + ky; ++i) {
          if constexpr (runs_on) {
            x[i] = V::load_range(row[i], lanes);
          } else {
            x[i] = at.load(row[i]);
          }
          row[i] += row_step[i];
        }
        CONVOLITH_UNROLL
        for (int a = 0; a < flight; ++a) {
          const int kx = s + (flight - 1 - a) * SX;
          if (kx >= K) continue;
          const int k = ky * K + kx;
          Reg weight = held ? w[held ? k : 0] : V::load(weights + k * V::lanes);
          if constexpr (!held) V::keep(weight);
          CONVOLITH_UNROLL
          for (int r = 0; r < R; ++r) {
            sum[a][r] = V::fma(x[ky + r * SY], weight, sum[a][r]);
            if constexpr (!held) V::order(sum[a][r]);
          }
        }
      }
    }
    if (newest >= flight - 1) {
      const float* residual = t.residual == nullptr ? nullptr : t.residual + (to - t.out) - at.c;
      if constexpr (runs_on) {
        const Index o = newest - (flight - 1) - lead;
        const bool here = o >= 0, there = o < t.next.outputs;
        const auto lanes = pixel_lanes<V>(at, here, there);
        CONVOLITH_UNROLL
        for (int r = 0; r < R; ++r) {
          if (residual != nullptr) {
            sum[0][r] = V::add(sum[0][r], V::load_range(residual + r * out_row + at.c, lanes));
          }
          const Reg v = V::at_most(high, V::at_least(low, sum[0][r]));
          if (here && there) {
            V::store(to + r * out_row, v);
          } else {
            V::store_range(to + r * out_row, v, lanes);
          }
        }
      } else if constexpr (Clips) {
        add_residuals<V, E, R>(at, residual, out_row, sum[0]);
        CONVOLITH_UNROLL
        for (int r = 0; r < R; ++r) sum[0][r] = V::at_most(high, V::at_least(low, sum[0][r]));
      } else {
        finish_sums<V, E, false, R>(*t.epilogue, at, residual, out_row, sum[0]);
      }
      if constexpr (runs_on) {
        // Stored already, in part at the ends of a row.
      } else if (lag == nullptr) {
        CONVOLITH_UNROLL
        for (int r = 0; r < R; ++r) at.store(to + r * out_row, sum[0][r]);
      } else {
        CONVOLITH_UNROLL
        for (int r = 0; r < R; ++r, lag += V::lanes) {
          if (before >= 0) V::store(to + r * out_row - at.c + before, V::load(lag));
          V::store(lag, sum[0][r]);
        }
      }
      to += out_step;
    }
    CONVOLITH_UNROLL
    for (int a = 0; a + 1 < flight; ++a) {
      CONVOLITH_UNROLL
      for (int r = 0; r < R; ++r) sum[a][r] = sum[a + 1][r];
    }
    CONVOLITH_UNROLL
    for (int r = 0; r < R; ++r) sum[flight - 1][r] = bias;
  };
  // Clang peels the first columns off, which have nothing to store: of 3x3 that saves a fifth, of 7x7 it
  // makes seven copies of a loop that alone fills the decoded instructions' cache, 1.29 of GCC's time.
  if constexpr (held) {
    for (Index newest = 0; newest < columns; ++newest) slide(newest);
  } else {
    CONVOLITH_NO_UNROLL
    for (Index newest = 0; newest < columns; ++newest) slide(newest);
  }
}

/** Stores what lags, at last. */
template <class V, int R, Ends E>
CONVOLITH_INLINE void catch_up(const DepthwiseSlide& t, const Channels<V, E>& at) {
  if (t.lag == nullptr) return;
  for (Index o = 0; o < t.outputs; ++o) {
    CONVOLITH_UNROLL
    for (int r = 0; r < R; ++r) {
      at.store(t.out + o * t.out_step + r * t.out_row + at.c, V::load(t.lag + (o * R + r) * V::lanes));
    }
  }
}

template <class V, int K>
inline constexpr bool kSlideShifts = V::wants_alignment&& K <= 3;

/** The last vector is moved back over its neighbour where channels are not whole vectors. */
template <class V, int K, int S, int R, bool Clips>
CONVOLITH_INLINE void slide_channels(const DepthwiseSlide& t) {
  // Where channels are shifted, the last ones wrap around.
  const Index end = t.shift > 0 ? t.channels - V::lanes + 1 : t.channels;
  Channels<V, Ends::apart> at{t.shift, t.channels, V::lanes};
  Index before = -1;
  for (Index c = t.shift; c < end; c += V::lanes) {
    at.c = c + V::lanes <= t.channels ? c : t.channels - V::lanes;
    slide_vector<V, K, S, S, R, Ends::apart, Clips>(t, at, before);
    before = at.c;
  }
  if constexpr (kSlideShifts<V, K> && Clips) {
    if (t.shift > 0) {
      const int count = V::lanes - t.shift;
      const Index last = t.channels - count;
      // AVX2's masks cost as much as they save: 0.96 to 1.05 of the time.
      if constexpr (S == 1 && V::masks_stores) {
        if (t.next.runs_on) {
          return slide_vector<V, K, S, S, R, Ends::run_on, true>(t, {last, t.channels, count}, before);
        }
      }
      const Channels<V, Ends::wrapped> ends{last, t.channels, count};
      slide_vector<V, K, S, S, R, Ends::wrapped, true>(t, ends, before);
      return catch_up<V, R, Ends::wrapped>(t, ends);
    }
  }
  catch_up<V, R, Ends::apart>(t, at);
}

template <class V, int K, int S, int R>
void depthwise_slide(const DepthwiseSlide& t) {
  if (t.epilogue->op == ActivationOp::clip) {
    slide_channels<V, K, S, R, true>(t);
  } else {
    slide_channels<V, K, S, R, false>(t);
  }
}

/** Every second output of a row of stride 1, from its first aligned vector on; the activation is `clip`. */
template <class V, int K, int R>
void depthwise_pair_slide(const DepthwiseSlide& t) {
  Index c = t.shift;
  for (; c + V::lanes <= t.channels; c += V::lanes) {
    slide_vector<V, K, 1, 2, R, Ends::apart, true>(t, {c, t.channels, V::lanes}, -1);
  }
  const int count = static_cast<int>(t.channels - c);
  if (count > 0) slide_vector<V, K, 1, 2, R, Ends::run_on, true>(t, {c, t.channels, count}, -1);
}

}  // namespace convolith
