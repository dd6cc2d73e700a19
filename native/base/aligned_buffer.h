#pragma once

#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "base/check.h"

namespace convolith {

/** Zeroed floats on a cache line's boundary, or on huge pages where the buffer is large enough for one. */
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(Index count) : count_(count) {
    if (count <= 0) return;
    const auto bytes = static_cast<std::size_t>(count) * sizeof(float);
    // A first touch costs a page fault: 25 µs per 4 KiB on some virtual machines, 0.5 µs with huge pages.
    alignment_ = bytes >= kHugePage ? kHugePage : kCacheLine;
    if (bytes > std::numeric_limits<std::size_t>::max() - alignment_) throw std::bad_alloc();
    data_ = static_cast<float*>(::operator new (bytes, std::align_val_t{alignment_}));
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (alignment_ == kHugePage) madvise(data_, bytes, MADV_HUGEPAGE);
#endif
    std::memset(data_, 0, bytes);
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        count_(std::exchange(other.count_, 0)),
        alignment_(other.alignment_) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    std::swap(alignment_, other.alignment_);
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer() {
    if (data_ != nullptr) ::operator delete (data_, std::align_val_t{alignment_});
  }

  float* data() { return data_; }
  const float* data() const { return data_; }
  Index size() const { return count_; }
  Index bytes() const { return count_ * static_cast<Index>(sizeof(float)); }

 private:
  static constexpr std::size_t kCacheLine = 64;
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;

  float* data_ = nullptr;
  Index count_ = 0;
  std::size_t alignment_ = kCacheLine;
};

}  // namespace convolith
