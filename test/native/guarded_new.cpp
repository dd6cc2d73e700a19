// Linked into one program in place of the standard operators: packed weights and scratch, which the core
// allocates aligned, end at unreadable pages too. Not with a sanitizer, which brings its own.

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <new>

#include "guarded_memory.h"

namespace {

using convolith::test::GuardedMemory;

/** A cache line is what kernels may count on; a huge page would leave no end to guard. */
constexpr std::size_t kMostAlignment = 64;

std::mutex mutex;
/** Leaked: detached threads give memory back until the process ends. */
auto& blocks() {
  static auto* const instance = new std::map<void*, std::unique_ptr<GuardedMemory>>;
  return *instance;
}

}  // namespace

void* operator new(std::size_t bytes, std::align_val_t alignment) {
  auto block =
      std::make_unique<GuardedMemory>(bytes, std::min(static_cast<std::size_t>(alignment), kMostAlignment));
  void* const data = block->data();
  const std::lock_guard lock(mutex);
  blocks().emplace(data, std::move(block));
  return data;
}

void operator delete(void* data, std::align_val_t) noexcept {
  const std::lock_guard lock(mutex);
  blocks().erase(data);
}

void operator delete(void* data, std::size_t, std::align_val_t alignment) noexcept {
  operator delete(data, alignment);
}
