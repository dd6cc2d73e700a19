#include "algorithms/epilogue_data.h"

#include <algorithm>
#include <cmath>

namespace convolith {

EpilogueData::EpilogueData(const Stage& stage) {
  const Activation& activation = stage.spec.activation;
  const Index padded = stage.spec.out_channels + Index{kMaxTileVectors} * 16;
  bias_ = AlignedBuffer(padded);
  std::copy(stage.bias.begin(), stage.bias.end(), bias_.data());
  base_.bias = bias_.data();
  if (!activation.slope.empty()) {
    slope_ = AlignedBuffer(padded);
    std::copy(activation.slope.begin(), activation.slope.end(), slope_.data());
    base_.slope = slope_.data();
  }
  base_.op = activation.op;
  base_.min = activation.min;
  base_.max = activation.max;
  base_.alpha = activation.alpha;
  base_.linear = activation.op == ActivationOp::clip && std::isinf(activation.min) && activation.min < 0.0F &&
                 std::isinf(activation.max) && activation.max > 0.0F;
}

}  // namespace convolith
