#include "addon/staging.h"

#include <iterator>
#include <list>
#include <mutex>
#include <new>

namespace convolith {

namespace {

/** What the shelf holds at the most; beyond it the block that has lain longest is freed. */
constexpr std::size_t kShelfBytes = std::size_t{64} << 20;
constexpr std::align_val_t kAlignment{64};

struct Block {
  void* data;
  std::size_t bytes;
};

/** Blocks between two runs. A fresh block costs its page faults, which can be dearer than the copy into it.
 */
class Shelf {
 public:
  Block take(std::size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      for (auto block = blocks_.begin(); block != blocks_.end(); ++block) {
        if (block->bytes < bytes || block->bytes / 2 > bytes) continue;
        const Block taken = *block;
        bytes_ -= taken.bytes;
        blocks_.erase(block);
        return taken;
      }
    }
    return {::operator new(bytes, kAlignment), bytes};
  }

  void give(Block block) noexcept {
    std::list<Block> dropped;
    try {
      const std::lock_guard lock(mutex_);
      blocks_.push_front(block);
      bytes_ += block.bytes;
      while (bytes_ > kShelfBytes) {
        bytes_ -= blocks_.back().bytes;
        dropped.splice(dropped.begin(), blocks_, std::prev(blocks_.end()));
      }
    } catch (const std::bad_alloc&) {
      ::operator delete(block.data, kAlignment);
    }
    for (const Block& old : dropped) ::operator delete(old.data, kAlignment);
  }

 private:
  std::mutex mutex_;
  std::list<Block> blocks_;
  std::size_t bytes_ = 0;
};

/** Leaked, like the pool: a worker may give a block back while the process ends. */
Shelf& shelf() {
  static Shelf* const instance = new Shelf;
  return *instance;
}

}  // namespace

void StagingDelete::operator()(float* data) const noexcept { shelf().give({data, bytes}); }

Staging allocate_staging(Index count) {
  const Block block = shelf().take(static_cast<std::size_t>(count) * sizeof(float));
  return Staging(static_cast<float*>(block.data), StagingDelete{block.bytes});
}

}  // namespace convolith
