#pragma once

#include <algorithm>

#include "kernels/depthwise_line.inl.h"
#include "kernels/grouped.h"
#include "kernels/window_rows.inl.h"

namespace convolith {

/** A vector of a pixel's input channels, `count` of which exist. */
template <class V>
CONVOLITH_INLINE typename V::Reg load_inputs(const float* p, int count) {
  return count == V::lanes ? V::load(p) : V::load_n(p, count);
}

/** In place of a group's inputs: its outputs are all lanes of a vector. */
inline constexpr int kWholeVector = -1;

/**
 * One vector of output channels at `c`. A column's inputs are spread over their groups' outputs once and stay
 * in registers, and each weight is loaded once for all R rows: with a load a multiplication, of 16 lanes one
 * a cycle like the multiplications themselves, 4×4 channels at 56×56 had 0.55 of the peak. `Inputs` of a
 * group, or 0 for any: a loop over four took 123 cycles a column where the multiplications take 72, named one
 * by one they take 96; over eight, or by a stride of 2, it is the same. Or kWholeVector, of groups that fill
 * one: each input is a load for all lanes, 16 channels by a stride of 2 take 0.72 of the time of
 * permutations.
 */
template <class V, int K, int S, int R, bool Clips, int Inputs>
CONVOLITH_INLINE void grouped_slide_vector(const DepthwiseSlide& t, const GroupLanes& g, Index c) {
  using Reg = typename V::Reg;
  constexpr int window = (R - 1) * S + K;
  constexpr int flight = (K + S - 1) / S;
  // One column of two meets one output only, whose sums would be chains of three multiply-adds an input: a
  // sum a row of the kernel.
  constexpr bool parted = Inputs == kWholeVector && S == 2 && K == 3;
  const Index input = c / g.group_out * g.group_in;
  const int count = static_cast<int>(V::lanes / g.group_out * g.group_in);
  const Reg bias = V::load(t.epilogue->bias + c);
  Reg sum[flight][R];
  CONVOLITH_UNROLL
  for (int a = 0; a < flight; ++a) {
    CONVOLITH_UNROLL
    for (int r = 0; r < R; ++r) sum[a][r] = bias;
  }
  WindowRows<window> rows(t, input, 0);
  for (Index newest = 0; newest < t.outputs + flight - 1; ++newest) {
    CONVOLITH_UNROLL
    for (int s = 0; s < S; ++s) {
      const Index column = newest * S + s;
      if (column < t.begin || column >= t.end) continue;
      const float* weight = t.weight + c;
      // Of named inputs clang would load all weights before the first column, onto the stack for want of
      // registers, and with AVX-512 take 1.31 of GCC's time; by these two 1.13. Of a loop it does not.
      if constexpr (Inputs > 0) CONVOLITH_RELOAD(weight);
      Reg part[parted ? K : 1][R];
      if constexpr (parted) {
        CONVOLITH_UNROLL
        for (int ky = 0; ky < K; ++ky) {
          CONVOLITH_UNROLL
          for (int r = 0; r < R; ++r) part[ky][r] = V::zero();
        }
      }
      const auto input_taps = [&](Index n) CONVOLITH_INLINE_LAMBDA {
        Reg x[window];
        CONVOLITH_UNROLL
        for (int i = 0; i < window; ++i) {
          if constexpr (Inputs == kWholeVector) {
            x[i] = V::set(rows.at(i)[n]);
          } else {
            x[i] = V::permute(load_inputs<V>(rows.at(i), count), V::load_lanes(g.from + n * V::lanes));
          }
        }
        CONVOLITH_UNROLL
        for (int ky = 0; ky < K; ++ky) {
          CONVOLITH_UNROLL
          for (int a = 0; a < flight; ++a) {
            const int kx = s + (flight - 1 - a) * S;
            if (kx >= K) continue;
            const Reg w = V::load(weight + (ky * K + kx) * t.weight_stride);
            CONVOLITH_UNROLL
            for (int r = 0; r < R; ++r) {
              Reg& to = parted && s > 0 ? part[ky][r] : sum[a][r];
              to = V::fma(x[r * S + ky], w, to);
              if constexpr (Inputs > 0) V::order(to);
            }
          }
        }
        weight += g.weight_input;
      };
      if constexpr (Inputs > 0) {
        CONVOLITH_UNROLL
        for (int n = 0; n < Inputs; ++n) input_taps(n);
      } else {
        for (Index n = 0; n < g.group_in; ++n) input_taps(n);
      }
      if (parted && s > 0) {
        CONVOLITH_UNROLL
        for (int r = 0; r < R; ++r) {
          sum[flight - 1][r] = V::add(sum[flight - 1][r], V::add(V::add(part[0][r], part[1][r]), part[2][r]));
        }
      }
      rows.pass();
    }
    const Index o = newest - (flight - 1);
    if (o >= 0) {
      const float* residual = t.residual == nullptr ? nullptr : t.residual + o * t.out_step;
      finish_sums<V, Clips, R>(*t.epilogue, c, residual, t.out_row, sum[0]);
      CONVOLITH_UNROLL
      for (int r = 0; r < R; ++r) V::store(t.out + o * t.out_step + r * t.out_row + c, sum[0][r]);
    }
    CONVOLITH_UNROLL
    for (int a = 0; a + 1 < flight; ++a) {
      CONVOLITH_UNROLL
      for (int r = 0; r < R; ++r) sum[a][r] = sum[a + 1][r];
    }
    CONVOLITH_UNROLL
    for (int r = 0; r < R; ++r) sum[flight - 1][r] = bias;
  }
}

/** The last vector is moved back over its neighbour where channels are not whole vectors; groups stay whole.
 */
template <class V, int K, int S, int R>
void grouped_slide(const DepthwiseSlide& t, const GroupLanes& g) {
  const bool clips = t.epilogue->op == ActivationOp::clip;
  for (Index c = 0; c < t.channels; c += V::lanes) {
    const Index at = c + V::lanes <= t.channels ? c : t.channels - V::lanes;
    if (clips && g.group_out == V::lanes) {
      grouped_slide_vector<V, K, S, R, true, kWholeVector>(t, g, at);
    } else if (clips && S == 1 && g.group_in == 4) {
      grouped_slide_vector<V, K, S, R, true, S == 1 ? 4 : 0>(t, g, at);
    } else if (clips) {
      grouped_slide_vector<V, K, S, R, true, 0>(t, g, at);
    } else {
      grouped_slide_vector<V, K, S, R, false, 0>(t, g, at);
    }
  }
}

/** P outputs from `o` of one vector of output channels at `c`; all columns exist. */
template <class V, int P>
CONVOLITH_INLINE void grouped_line_vector(const DepthwiseLine& t, const GroupLanes& g, Index o, Index c) {
  const Index input = c / g.group_out * g.group_in;
  const int count = static_cast<int>(V::lanes / g.group_out * g.group_in);
  const Index pixel_step = t.stride * t.column_step, tap_step = t.spacing * t.column_step;
  typename V::Reg sum[P];
  const auto bias = V::load(t.epilogue->bias + c);
  CONVOLITH_UNROLL
  for (int p = 0; p < P; ++p) sum[p] = bias;
  for (Index n = 0; n < g.group_in; ++n) {
    const auto from = V::load_lanes(g.from + n * V::lanes);
    for (Index r = 0; r < t.row_count; ++r) {
      const float* x = t.rows[r] + o * pixel_step + input;
      const float* weight = t.weight + n * g.weight_input + t.row_tap[r] * t.weight_stride + c;
      for (Index k = 0; k < t.row_taps; ++k, x += tap_step, weight += t.weight_stride) {
        const auto w = V::load(weight);
        CONVOLITH_UNROLL
        for (int p = 0; p < P; ++p) {
          sum[p] = V::fma(V::permute(load_inputs<V>(x + p * pixel_step, count), from), w, sum[p]);
        }
      }
    }
  }
  finish_line<V, P>(t, o, c, sum);
}

/** The last outputs of a row are moved back over their neighbours: of 31 pixels 1×1 layers took 1.45 times as
 * long with the last 7 one by one. */
template <class V>
void grouped_line(const DepthwiseLine& t, const GroupLanes& g) {
  for (Index c = 0; c < t.channels; c += V::lanes) {
    const Index at = c + V::lanes <= t.channels ? c : t.channels - V::lanes;
    if (t.outputs < kLinePixels) {
      for (Index o = 0; o < t.outputs; ++o) grouped_line_vector<V, 1>(t, g, o, at);
      continue;
    }
    for (Index o = 0; o < t.outputs; o += kLinePixels) {
      grouped_line_vector<V, kLinePixels>(t, g, std::min(o, t.outputs - kLinePixels), at);
    }
  }
}

}  // namespace convolith
