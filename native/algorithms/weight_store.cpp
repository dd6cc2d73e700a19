#include "algorithms/algorithm.h"

namespace convolith {

std::shared_ptr<const AlignedBuffer> WeightStore::packed(const std::string& key,
                                                         const std::function<AlignedBuffer()>& pack) {
  const std::lock_guard lock(mutex_);
  auto& entry = packed_[key];
  if (entry == nullptr) entry = std::make_shared<const AlignedBuffer>(pack());
  return entry;
}

}  // namespace convolith
