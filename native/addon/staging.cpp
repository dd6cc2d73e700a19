#include "addon/staging.h"

#include <iterator>
#include <list>
#include <mutex>
#include <new>

#include "base/aligned_buffer.h"

namespace convolith {

namespace {

/** What the shelf holds at the most; beyond it the block that has lain longest is freed. */
constexpr std::size_t kShelfBytes = std::size_t{64} << 20;

struct Block {
  void* data;
  std::size_t bytes;
};

/** Of a block of that size: a cache line, or a huge page where it holds one. */
std::align_val_t alignment(std::size_t bytes) {
  return std::align_val_t{bytes >= kHugePage ? kHugePage : std::size_t{64}};
}

/** The JavaScript thread copies into it, so its page faults would hold up the event loop: 51 MB on small
 * pages took it 170 to 240 ms on a virtual machine. */
Block allocate(std::size_t bytes) {
  void* const data = ::operator new(bytes, alignment(bytes));
  prefer_huge_pages(data, bytes);
  return {data, bytes};
}

void release(Block block) noexcept { ::operator delete(block.data, alignment(block.bytes)); }

/** Blocks between two runs. A fresh block costs page faults, which can be dearer than the copy into it. */
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
    return allocate(bytes);
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
      release(block);
    }
    for (const Block& old : dropped) release(old);
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
