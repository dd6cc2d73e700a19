#include "algorithms/weight_copy.h"

#include <algorithm>
#include <cstring>

namespace convolith {

namespace {

/** Four nested dimensions, dense in the target, and the step of each in the source. */
struct Copy {
  Index count[4] = {1, 1, 1, 1};
  Index step[4] = {0, 0, 0, 0};
};

/** Rows of the target that are written side by side, so that what the source has side by side is read once.
 */
constexpr Index kRows = 16;

void copy_steps(const Copy& c, const float* from, float* to) {
  const Index inner = c.count[2] * c.count[3];
  for (Index i = 0; i < c.count[0]; ++i) {
    for (Index j0 = 0; j0 < c.count[1]; j0 += kRows) {
      const Index rows = std::min(kRows, c.count[1] - j0);
      const float* block = from + i * c.step[0] + j0 * c.step[1];
      float* target = to + (i * c.count[1] + j0) * inner;
      for (Index k = 0; k < c.count[2]; ++k) {
        for (Index l = 0; l < c.count[3]; ++l, ++target) {
          const float* source = block + k * c.step[2] + l * c.step[3];
          for (Index j = 0; j < rows; ++j) target[j * inner] = source[j * c.step[1]];
        }
      }
    }
  }
}

}  // namespace

void copy_canonical(const ConvSpec& spec, WeightLayout layout, const float* from, float* to) {
  const Index taps = spec.kernel.volume();
  const Index major = spec.weight_major();
  const Index minor = spec.weight_minor();
  if (layout == WeightLayout::oihw) {
    std::memcpy(to, from, static_cast<std::size_t>(major * minor * taps) * sizeof(float));
    return;
  }
  copy_steps({{1, major, minor, taps}, {0, 1, major, minor * major}}, from, to);
}

void copy_flipped(const ConvSpec& spec, WeightLayout layout, const float* from, float* to) {
  const Index taps = spec.kernel.volume();
  const Index in = spec.group_in();
  const Index out = spec.group_out();
  if (layout == WeightLayout::oihw) {
    copy_steps({{spec.groups, out, in, taps}, {in * out * taps, taps, out * taps, -1}}, from + taps - 1, to);
    return;
  }
  const Index plane = out * spec.in_channels;
  copy_steps({{spec.groups, out, in, taps}, {in, spec.in_channels, 1, -plane}}, from + (taps - 1) * plane,
             to);
}

}  // namespace convolith
