// Groups of few channels, several of them in a vector.

#include "algorithms/candidates.h"
#include "algorithms/channel_strips.h"
#include "algorithms/depthwise_core.h"

namespace convolith {

std::optional<Objection> refuse_grouped(const Problem& p) {
  const ConvSpec& spec = p.spec();
  if (spec.transposed) return Objection{"serves no transposed convolution"};
  if (spec.groups == 1) return Objection{"needs more than one group"};
  if (!packs_groups(p, standard_lattice(spec, p.geometry))) {
    return Objection{"needs groups of which several fill a vector of " + std::to_string(p.kernels.lanes) +
                     " output channels, and none with more inputs than outputs"};
  }
  if (spec.group_in() == 1) return Objection{"leaves groups of one input channel to depthwise", true};
  return std::nullopt;
}

std::unique_ptr<const Executor> make_grouped(const Problem& p) {
  return make_channel_strips(p, standard_lattice(p.spec(), p.geometry));
}

}  // namespace convolith
