// One filter a channel, channels last in the lanes; any multiplier, stride, dilation and padding mode.

#include "algorithms/candidates.h"
#include "algorithms/channel_strips.h"
#include "algorithms/depthwise_flat.h"
#include "algorithms/depthwise_planes.h"
#include "algorithms/folded.h"

namespace convolith {

std::optional<Objection> refuse_depthwise(const Problem& p) {
  if (p.spec().transposed) return Objection{"serves no transposed convolution"};
  if (p.spec().group_in() != 1) return Objection{"needs one input channel a group"};
  if (p.spec().groups == 1 && p.spec().out_channels > 1) {
    return Objection{"would repeat the one input channel for every output channel", true};
  }
  // A vector holds one value of one channel: 44,098 samples by 256 taps at stride 2 took 9 ms, folded 0.3.
  if (p.spec().in_channels == 1 && folded_share(p) > 0.4) {
    return Objection{"would fill one lane of a vector, where columns folded into channels fill all", true};
  }
  return std::nullopt;
}

std::unique_ptr<const Executor> make_depthwise(const Problem& p) {
  if (suits_depthwise_planes(p)) return make_depthwise_planes(p);
  if (suits_flat_depthwise(p)) return make_flat_depthwise(p);
  return make_channel_strips(p, standard_lattice(p.spec(), p.geometry));
}

}  // namespace convolith
