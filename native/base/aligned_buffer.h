#pragma once

#include <cstddef>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace convolith {

/** The size of a huge page on every system that has them for the asking. */
inline constexpr std::size_t kHugePage = std::size_t{2} << 20;

/**
 * Asks for huge pages under memory that is about to be touched for the first time, which costs a page fault:
 * 25 µs per 4 KiB on some virtual machines, 0.5 µs with huge pages. A hint: memory that does not hold one, or
 * was touched already, stays as it is.
 */
void prefer_huge_pages(void* data, std::size_t bytes) noexcept;

/**
 * Memory on a cache line's boundary, or on huge pages where it is large enough for one. Large blocks given
 * back are kept for a while for the next of the same size: weights that change are packed again and again.
 */
void* take_block(std::size_t bytes);
void give_block(void* block, std::size_t bytes) noexcept;

/** Zeroed floats on a cache line's boundary, or on huge pages where the buffer is large enough for one. */
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(Index count) : AlignedBuffer(uncleared(count)) {
    if (data_ != nullptr) std::memset(data_, 0, static_cast<std::size_t>(bytes()));
  }
  /** Left as the memory was, for one who writes all that is read. */
  static AlignedBuffer uncleared(Index count) {
    AlignedBuffer buffer;
    if (count <= 0) return buffer;
    buffer.data_ = static_cast<float*>(take_block(static_cast<std::size_t>(count) * sizeof(float)));
    buffer.count_ = count;
    return buffer;
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer() {
    if (data_ != nullptr) give_block(data_, static_cast<std::size_t>(bytes()));
  }

  float* data() { return data_; }
  const float* data() const { return data_; }
  Index size() const { return count_; }
  Index bytes() const { return count_ * static_cast<Index>(sizeof(float)); }

 private:
  float* data_ = nullptr;
  Index count_ = 0;
};

}  // namespace convolith
