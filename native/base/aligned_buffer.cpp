#include "base/aligned_buffer.h"

#include <cstdint>
#include <limits>
#include <mutex>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace convolith {

namespace {

constexpr std::size_t kCacheLine = 64;
/** From here on the system gives fresh pages for each allocation and takes them back. */
constexpr std::size_t kLeastKept = std::size_t{128} << 10;
constexpr std::size_t kMostIdle = std::size_t{64} << 20;

std::size_t alignment_of(std::size_t bytes) { return bytes >= kHugePage ? kHugePage : kCacheLine; }

void free_block(void* block, std::size_t bytes) noexcept {
  ::operator delete (block, std::align_val_t{alignment_of(bytes)});
}

/** Packing the weights of 256 to 256 channels 3×3 for Winograd took 57 ms into fresh pages. */
class IdleBlocks {
 public:
  void* take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = blocks_.size(); i-- > 0;) {
      if (blocks_[i].bytes != bytes) continue;
      void* data = blocks_[i].data;
      blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(i));
      idle_ -= bytes;
      return data;
    }
    return nullptr;
  }

  /** Whether the block is kept; those longest idle make room for it. */
  bool give(void* data, std::size_t bytes) {
    if (bytes > kMostIdle) return false;
    const std::lock_guard lock(mutex_);
    while (idle_ + bytes > kMostIdle) {
      free_block(blocks_.front().data, blocks_.front().bytes);
      idle_ -= blocks_.front().bytes;
      blocks_.erase(blocks_.begin());
    }
    blocks_.push_back({data, bytes});
    idle_ += bytes;
    return true;
  }

 private:
  struct Block {
    void* data;
    std::size_t bytes;
  };
  std::mutex mutex_;
  std::vector<Block> blocks_;
  std::size_t idle_ = 0;
};

/** Never destroyed: threads of the pool may give blocks back while the process ends. */
IdleBlocks& idle_blocks() {
  static auto* blocks = new IdleBlocks;
  return *blocks;
}

}  // namespace

void prefer_huge_pages(void* data, std::size_t bytes) noexcept {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const auto begin = (reinterpret_cast<std::uintptr_t>(data) + kHugePage - 1) / kHugePage * kHugePage;
  const auto end = (reinterpret_cast<std::uintptr_t>(data) + bytes) / kHugePage * kHugePage;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
  (void)data;
  (void)bytes;
#endif
}

void* take_block(std::size_t bytes) {
  if (bytes >= kLeastKept) {
    if (void* kept = idle_blocks().take(bytes)) return kept;
  }
  const std::size_t alignment = alignment_of(bytes);
  if (bytes > std::numeric_limits<std::size_t>::max() - alignment) throw std::bad_alloc();
  void* data = ::operator new (bytes, std::align_val_t{alignment});
  prefer_huge_pages(data, bytes);
  return data;
}

void give_block(void* block, std::size_t bytes) noexcept {
  if (bytes < kLeastKept) return free_block(block, bytes);
  try {
    if (idle_blocks().give(block, bytes)) return;
  } catch (const std::bad_alloc&) {
    // No room to note it down: it goes back at once.
  }
  free_block(block, bytes);
}

}  // namespace convolith
