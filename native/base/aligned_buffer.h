#pragma once

#include <cstddef>
#include <cstdint>
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
    if (bytes > std::numeric_limits<std::size_t>::max() - 2 * kHugePage) throw std::bad_alloc();
    if (bytes >= kHugePage && map(bytes)) return;
    data_ = static_cast<float*>(::operator new (bytes, std::align_val_t{kCacheLine}));
    std::memset(data_, 0, bytes);
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept { swap(other); }
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer() {
#if defined(__linux__)
    if (mapped_ != nullptr) {
      munmap(mapped_, mapped_bytes_);
      return;
    }
#endif
    if (data_ != nullptr) ::operator delete (data_, std::align_val_t{kCacheLine});
  }

  float* data() { return data_; }
  const float* data() const { return data_; }
  Index size() const { return count_; }
  Index bytes() const { return count_ * static_cast<Index>(sizeof(float)); }

 private:
  static constexpr std::size_t kCacheLine = 64;
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;

  /**
   * Pages of the buffer's own, which are zero already. A first touch costs a page fault: 25 µs per 4 KiB on
   * some virtual machines, 0.5 µs with huge pages. False where the system has none to give or no such call.
   */
  bool map([[maybe_unused]] std::size_t bytes) {
#if defined(__linux__)
    const std::size_t length = bytes + kHugePage;
    void* pages = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return false;
    mapped_ = pages;
    mapped_bytes_ = length;
    const auto address = reinterpret_cast<std::uintptr_t>(pages);
    data_ = reinterpret_cast<float*>((address + kHugePage - 1) / kHugePage * kHugePage);
#if defined(MADV_HUGEPAGE)
    madvise(data_, bytes, MADV_HUGEPAGE);
#endif
    return true;
#else
    return false;
#endif
  }

  void swap(AlignedBuffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    std::swap(mapped_, other.mapped_);
    std::swap(mapped_bytes_, other.mapped_bytes_);
  }

  float* data_ = nullptr;
  Index count_ = 0;
  void* mapped_ = nullptr;
  std::size_t mapped_bytes_ = 0;
};

}  // namespace convolith
