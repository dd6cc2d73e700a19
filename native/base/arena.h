#pragma once

#include <cstddef>

#include "base/aligned_buffer.h"

namespace convolith {

/**
 * How much scratch a task wants, and then the scratch itself: the same sequence of `take` calls is made once
 * at planning, on a null base, to measure, and once a task, to hand out. So the two cannot disagree.
 */
class Scratch {
 public:
  Scratch() = default;
  explicit Scratch(float* base) : base_(reinterpret_cast<std::byte*>(base)) {}

  /** `count` values of T on a cache line's boundary; null while measuring. */
  template <class T>
  T* take(Index count) {
    std::byte* at = base_ == nullptr ? nullptr : base_ + used_;
    // One line more between two blocks of a power of two: side by side they would share the sets of the
    // first-level cache.
    used_ += round_up(count * static_cast<Index>(sizeof(T)), kLine) + kLine;
    return reinterpret_cast<T*>(at);
  }

  Index used() const { return used_; }

 private:
  static constexpr Index kLine = 64;
  std::byte* base_ = nullptr;
  Index used_ = 0;
};

/** This thread's scratch memory, at least `bytes` long. It grows on first use and is kept until the thread
 * ends. */
inline float* thread_arena(Index bytes) {
  thread_local AlignedBuffer arena;
  if (arena.bytes() < bytes) {
    arena = AlignedBuffer();
    arena = AlignedBuffer(ceil_div(bytes, static_cast<Index>(sizeof(float))));
  }
  return arena.data();
}

}  // namespace convolith
