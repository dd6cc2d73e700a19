#pragma once

#include <cstdint>

#include "kernels/depthwise.inl.h"
#include "kernels/window_rows.inl.h"

namespace convolith {

/**
 * N vectors of channels: whole ones, or the last of them is that of the last `count` channels and then the
 * first ones, of the same pixel (wrapped) or of the next one, which lie side by side (run_on).
 */
enum class Ends : std::uint8_t { apart, wrapped, run_on };

template <class V, Ends E, int N = 1>
struct Channels {
  using Reg = typename V::Reg;
  Index c, total;
  int count;

  /** `p` at channel c, of one pixel, and the `v`th vector from there on. */
  CONVOLITH_INLINE Reg load(const float* p, int v = 0) const {
    p += v * V::lanes;
    if constexpr (E != Ends::apart) {
      if (v == N - 1) return V::load_wrap(p, p - total, count);
    }
    return V::load(p);
  }
  CONVOLITH_INLINE void store(float* p, Reg r, int v = 0) const {
    p += v * V::lanes;
    if constexpr (E != Ends::apart) {
      if (v == N - 1) return V::store_wrap(p, p - total, r, count);
    }
    V::store(p, r);
  }
};

/** Of a vector that runs on into the next pixel, the lanes of this pixel (`low`) and of that one. */
template <class V>
CONVOLITH_INLINE typename V::Range pixel_lanes(const Channels<V, Ends::run_on>& at, bool low, bool high) {
  return V::between(low ? 0 : at.count, high ? V::lanes : at.count);
}

/**
 * Contract: DepthwiseSlide, on N vectors of channels; `before` is the channel of the vector that lags, or
 * negative. Of stride 1, 3×3 and two rows: 4 loads for 18 multiplications, the weights in registers where N
 * is 1. Of 7×7: 57 for 98, since a weight serves both rows of outputs.
 */
template <class V, int K, int SY, int SX, int R, Ends E, bool Clips, bool Pitched, int N>
CONVOLITH_INLINE void slide_vectors(const DepthwiseSlide& t, const Channels<V, E, N>& at, Index before) {
  using Reg = typename V::Reg;
  constexpr int window = (R - 1) * SY + K;
  constexpr int flight = (K + SX - 1) / SX;  // columns of outputs that an input column reaches
  constexpr bool held = K <= 3 && N == 1;
  // Whether an input is read once, where GCC would read it once a product: four vectors of 3×3 by 2 take 0.9
  // of the time so from the second-level cache, two of 2×2 0.95 and with AVX2, of 3×3 too, 0.85 to 0.98. Of
  // larger windows it is 1.0 to 1.07, of four rows 1.02.
  constexpr bool reads_once = N > 1 && K <= 3 && R == 2;
  constexpr bool runs_on = E == Ends::run_on;
  static_assert(!runs_on || (SY == 1 && Clips));
  static_assert(N == 1 || (Clips && !runs_on));
  // Side by side, so that each lies at a constant offset.
  alignas(64) float packed[held ? 1 : K * K * N * V::lanes];
  Reg w[held ? K * K : 1];
  CONVOLITH_UNROLL
  for (int k = 0; k < K * K; ++k) {
    CONVOLITH_UNROLL
    for (int v = 0; v < N; ++v) {
      const Reg weight = at.load(t.weight + at.c + k * t.weight_stride, v);
      if constexpr (held) {
        w[k] = weight;
      } else {
        V::store(packed + (k * N + v) * V::lanes, weight);
      }
    }
  }
  const float* weights = packed;
  Reg bias[N];
  Reg sum[flight][N][R];
  CONVOLITH_UNROLL
  for (int v = 0; v < N; ++v) {
    bias[v] = at.load(t.epilogue->bias + at.c, v);
    CONVOLITH_UNROLL
    for (int a = 0; a < flight; ++a) {
      CONVOLITH_UNROLL
      for (int r = 0; r < R; ++r) sum[a][v][r] = bias[v];
    }
  }
  const Index lead = runs_on && t.next.leads ? 1 : 0;
  // Columns of which this pixel exists, and the next one's.
  const Index begin = t.begin, end = t.end;
  const Index first = runs_on && t.next.begin < begin ? t.next.begin : begin;
  const Index last = runs_on && t.next.end > end ? t.next.end : end;
  WindowRows<window, Pitched> rows(t, at.c, runs_on ? first - begin : 0);
  const Reg low = V::set(t.epilogue->min), high = V::set(t.epilogue->max);
  const Index columns = lead + t.outputs + flight - 1;
  const Index out_step = t.out_step, out_row = t.out_row;
  float* to = t.out + at.c - lead * out_step;
  float* lag = N == 1 ? t.lag : nullptr;
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
        for (int s = 0; s < N * SX; ++s) CONVOLITH_PREFETCH_FAR(ahead + i * t.ahead_row + s * kLineFloats);
      }
      ahead += N * SX * kLineFloats;
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
      CONVOLITH_UNROLL
      for (int v = 0; v < N; ++v) {
        Reg x[window];
        CONVOLITH_UNROLL
        for (int ky = 0; ky < K; ++ky) {
          // Rows of the window, each as late as it is needed: weights serve all rows of outputs.
          CONVOLITH_UNROLL
          for (int i = ky == 0 ? 0 : (R - 1) * SY + ky; i <= (R - 1) * SY + ky; ++i) {
            if constexpr (runs_on) {
              x[i] = V::load_range(rows.at(i), lanes);
            } else {
              x[i] = at.load(rows.at(i), v);
              if constexpr (reads_once) V::keep(x[i]);
            }
          }
          CONVOLITH_UNROLL
          for (int a = 0; a < flight; ++a) {
            const int kx = s + (flight - 1 - a) * SX;
            if (kx >= K) continue;
            const int k = ky * K + kx;
            Reg weight = held ? w[held ? k : 0] : V::load(weights + (k * N + v) * V::lanes);
            if constexpr (!held) V::keep(weight);
            CONVOLITH_UNROLL
            for (int r = 0; r < R; ++r) {
              sum[a][v][r] = V::fma(x[ky + r * SY], weight, sum[a][v][r]);
              if constexpr (!held) V::order(sum[a][v][r]);
            }
          }
        }
      }
      rows.pass();
    }
    if (newest >= flight - 1) {
      const float* residual = t.residual == nullptr ? nullptr : t.residual + (to - t.out) - at.c;
      if constexpr (runs_on) {
        const Index o = newest - (flight - 1) - lead;
        const bool here = o >= 0, there = o < t.next.outputs;
        const auto lanes = pixel_lanes<V>(at, here, there);
        CONVOLITH_UNROLL
        for (int r = 0; r < R; ++r) {
          Reg& done = sum[0][0][r];
          if (residual != nullptr) done = V::add(done, V::load_range(residual + r * out_row + at.c, lanes));
          const Reg clipped = V::at_most(high, V::at_least(low, done));
          if (here && there) {
            V::store(to + r * out_row, clipped);
          } else {
            V::store_range(to + r * out_row, clipped, lanes);
          }
        }
      } else if constexpr (Clips) {
        CONVOLITH_UNROLL
        for (int v = 0; v < N; ++v) {
          CONVOLITH_UNROLL
          for (int r = 0; r < R; ++r) {
            Reg& done = sum[0][v][r];
            if (residual != nullptr) done = V::add(done, at.load(residual + r * out_row + at.c, v));
            done = V::at_most(high, V::at_least(low, done));
          }
        }
      } else {
        finish_sums<V, false, R>(*t.epilogue, at.c, residual, out_row, sum[0][0]);
      }
      if constexpr (runs_on) {
        // Stored already, in part at the ends of a row.
      } else if (lag == nullptr) {
        CONVOLITH_UNROLL
        for (int v = 0; v < N; ++v) {
          CONVOLITH_UNROLL
          for (int r = 0; r < R; ++r) at.store(to + r * out_row, sum[0][v][r], v);
        }
      } else {
        CONVOLITH_UNROLL
        for (int r = 0; r < R; ++r, lag += V::lanes) {
          if (before >= 0) V::store(to + r * out_row - at.c + before, V::load(lag));
          V::store(lag, sum[0][0][r]);
        }
      }
      to += out_step;
    }
    CONVOLITH_UNROLL
    for (int a = 0; a < flight; ++a) {
      CONVOLITH_UNROLL
      for (int v = 0; v < N; ++v) {
        CONVOLITH_UNROLL
        for (int r = 0; r < R; ++r) sum[a][v][r] = a + 1 < flight ? sum[a + 1][v][r] : bias[v];
      }
    }
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
inline constexpr bool kSlideShifts = K <= 5 && V::wants_alignment;

/** Vectors of channels that are walked together at the most, where DepthwiseSlide says so. */
template <class V, int K, int S, int R>
constexpr int slide_together() {
  if (!V::wants_alignment) return 1;
  if (V::lanes < kLineFloats) return K <= 3 ? 2 : 1;
  if (K == 3) return R == 2 ? 4 : 2;
  return K < 3 || (K == 5 && S == 2) ? 2 : 1;
}

/**
 * Whether rows at one pitch have walks of their own, where that was measured to gain: with AVX-512 5×5 by a
 * stride of 2 takes 0.88 of the time by them and 7×7 0.96, 5×5 of four rows 1.0; with AVX2 3×3 0.94, larger
 * windows 1.0.
 */
template <class V, int K, int S>
constexpr bool slides_pitched() {
  if (!V::wants_alignment) return false;
  if (V::lanes < kLineFloats) return K == 3 && S == 1;
  return K == 7 || (K == 5 && S == 2);
}

/** As many channels from `c` on as are walked N vectors at a time; returns the first one that is not. In a
 * function of its own: the others' loops lost a tenth where it was not. */
template <class V, int K, int S, int R, bool Pitched, int N>
CONVOLITH_NOINLINE Index walk_together(const DepthwiseSlide& t, Index c) {
  if constexpr (V::lanes < kLineFloats) {
    if (t.alone && c + V::lanes <= t.channels) {
      slide_vectors<V, K, S, S, R, Ends::apart, true, Pitched, 1>(t, {c, t.channels, V::lanes}, -1);
      c += V::lanes;
    }
  }
  for (; c + N * V::lanes <= t.channels; c += N * V::lanes) {
    slide_vectors<V, K, S, S, R, Ends::apart, true, Pitched, N>(t, {c, t.channels, V::lanes}, -1);
  }
  if constexpr (K == 3 && (S == 2 || N == 4)) {
    // Where channels are shifted, the last vector is that of the last ones and the first.
    if (t.shift > 0 && t.channels - c == N * V::lanes - t.shift) {
      const int count = V::lanes - t.shift;
      slide_vectors<V, K, S, S, R, Ends::wrapped, true, Pitched, N>(t, {c, t.channels, count}, -1);
      return t.channels;
    }
  }
  return c;
}

/** The last vector of channels that are shifted: the first ones share it. */
template <class V, int K, int S, int R>
CONVOLITH_INLINE void slide_ends(const DepthwiseSlide& t, Index before) {
  const int count = V::lanes - t.shift;
  const Index c = t.channels - count;
  // AVX2's masks cost as much as they save: 0.96 to 1.05 of the time.
  if constexpr (S == 1 && K <= 3 && V::masks_stores) {
    if (t.next.runs_on) {
      return slide_vectors<V, K, S, S, R, Ends::run_on, true, false, 1>(t, {c, t.channels, count}, before);
    }
  }
  const Channels<V, Ends::wrapped> at{c, t.channels, count};
  slide_vectors<V, K, S, S, R, Ends::wrapped, true, false, 1>(t, at, before);
  catch_up<V, R, Ends::wrapped>(t, at);
}

/** The last vector is moved back over its neighbour where channels are not whole vectors. */
template <class V, int K, int S, int R, bool Clips, bool Pitched>
CONVOLITH_INLINE void slide_channels(const DepthwiseSlide& t) {
  constexpr int together = Clips ? slide_together<V, K, S, R>() : 1;
  Index c = t.shift;
  if constexpr (together == 4) {
    if (t.together == 4) c = walk_together<V, K, S, R, Pitched, 4>(t, c);
  }
  if constexpr (together > 1) {
    if (t.together > 1) c = walk_together<V, K, S, R, Pitched, 2>(t, c);
  }
  // Where channels are shifted, the last ones wrap around.
  const Index end = t.shift > 0 ? t.channels - V::lanes + 1 : t.channels;
  Channels<V, Ends::apart> at{t.shift, t.channels, V::lanes};
  Index before = -1;
  for (; c < end; c += V::lanes) {
    at.c = c + V::lanes <= t.channels ? c : t.channels - V::lanes;
    slide_vectors<V, K, S, S, R, Ends::apart, Clips, Pitched, 1>(t, at, before);
    before = at.c;
  }
  if constexpr (kSlideShifts<V, K> && Clips) {
    if (t.shift > 0 && c < t.channels) return slide_ends<V, K, S, R>(t, before);
  }
  catch_up<V, R, Ends::apart>(t, at);
}

/** `clip` is asked for first: the other way round GCC's 3×3 with AVX2 took 1.2 times as long. */
template <class V, int K, int S, int R>
void depthwise_slide(const DepthwiseSlide& t) {
  const bool clips = t.epilogue->op == ActivationOp::clip;
  if constexpr (slides_pitched<V, K, S>()) {
    if (clips && t.pitch != 0) return slide_channels<V, K, S, R, true, true>(t);
  }
  if (clips) {
    slide_channels<V, K, S, R, true, false>(t);
  } else {
    slide_channels<V, K, S, R, false, false>(t);
  }
}

/** Of taller blocks, which serve `clip` alone. */
template <class V, int K, int S, int R>
void depthwise_tall_slide(const DepthwiseSlide& t) {
  slide_channels<V, K, S, R, true, false>(t);
}

/** Every second output of a row of stride 1, from its first aligned vector on; the activation is `clip`. */
template <class V, int K, int R>
void depthwise_pair_slide(const DepthwiseSlide& t) {
  Index c = t.shift;
  for (; c + V::lanes <= t.channels; c += V::lanes) {
    slide_vectors<V, K, 1, 2, R, Ends::apart, true, false, 1>(t, {c, t.channels, V::lanes}, -1);
  }
  const int count = static_cast<int>(t.channels - c);
  if (count > 0) slide_vectors<V, K, 1, 2, R, Ends::run_on, true, false, 1>(t, {c, t.channels, count}, -1);
}

}  // namespace convolith
