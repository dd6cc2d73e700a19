// Groups of few channels, one or several of them in a vector.

#include "algorithms/candidates.h"
#include "algorithms/channel_strips.h"
#include "algorithms/depthwise_core.h"

namespace convolith {

namespace {

/**
 * Whether a group that fills a vector gains by slides. On Zen 5, of the time: 8 to 16 channels 0.53 to 0.72,
 * 12 to 16 0.93, 16 to 16 by a stride of 2 0.86 to 1.0, with AVX2 8 to 8 0.96 to 1.12; by a stride of 1 0.72
 * on 7x7 and 0.94 on 14x14, but 1.01 to 1.36 where Winograd serves.
 */
bool pays_by_vector(const Problem& p) {
  const ConvSpec& spec = p.spec();
  if (spec.kernel != Size3{1, 3, 3} || spec.stride.h != spec.stride.w || spec.stride.w > 2) return false;
  if (spec.group_in() < spec.group_out()) return true;
  return spec.stride.w == 2 ? p.kernels.lanes == kLineFloats : refuse_winograd(p).has_value();
}

}  // namespace

std::optional<Objection> refuse_grouped(const Problem& p) {
  const ConvSpec& spec = p.spec();
  if (spec.transposed) return Objection{"serves no transposed convolution"};
  if (spec.groups == 1) return Objection{"needs more than one group"};
  if (!packs_groups(p, standard_lattice(spec, p.geometry))) {
    return Objection{"needs groups of which some fill a vector of " + std::to_string(p.kernels.lanes) +
                     " output channels, and none with more inputs than outputs"};
  }
  if (spec.group_in() == 1) return Objection{"leaves groups of one input channel to depthwise", true};
  // A permutation a multiplication: 8 groups of 8 channels, 1x1 on 28x28, take 0.036 ms, half empty panels
  // 0.032; of 4 channels 0.020 and 0.043.
  if (spec.kernel.volume() == 1 && spec.group_in() >= 8)
    return Objection{"would permute inputs for a single tap", true};
  if (spec.group_out() == p.kernels.lanes && !pays_by_vector(p))
    return Objection{"gains nothing by groups that fill a vector", true};
  return std::nullopt;
}

std::unique_ptr<const Executor> make_grouped(const Problem& p) {
  return make_channel_strips(p, standard_lattice(p.spec(), p.geometry));
}

}  // namespace convolith
