#include "algorithms/algorithm.h"

namespace convolith {

std::shared_ptr<const AlignedBuffer> WeightStore::packed(const std::string& key,
                                                         const std::function<AlignedBuffer()>& pack) {
  const std::lock_guard lock(mutex_);
  auto& entry = packed_[key];
  if (entry == nullptr) entry = std::make_shared<const AlignedBuffer>(pack());
  return entry;
}

Index WeightStore::bytes() const {
  const std::lock_guard lock(mutex_);
  Index total = 0;
  for (const Stage& stage : stages_)
    total += static_cast<Index>((stage.weight.size() + stage.bias.size()) * sizeof(float));
  for (const auto& [key, buffer] : packed_) total += buffer->bytes();
  return total;
}

}  // namespace convolith
