#include "algorithms/algorithm.h"

namespace convolith {

std::shared_ptr<const AlignedBuffer> WeightStore::packed(const std::string& key,
                                                         const std::function<AlignedBuffer()>& pack) {
  const std::lock_guard lock(mutex_);
  Packing& packing = packed_[key];
  if (packing.buffer == nullptr) packing = {std::make_shared<AlignedBuffer>(pack()), pack};
  return packing.buffer;
}

void WeightStore::repack() {
  const std::lock_guard lock(mutex_);
  for (auto& [key, packing] : packed_) *packing.buffer = packing.pack();
}

Index WeightStore::bytes() const {
  const std::lock_guard lock(mutex_);
  Index total = 0;
  for (const Stage& stage : stages_)
    total += static_cast<Index>((stage.weight.size() + stage.bias.size()) * sizeof(float));
  for (const auto& [key, packing] : packed_) total += packing.buffer->bytes();
  return total;
}

}  // namespace convolith
