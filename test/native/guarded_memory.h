#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <new>

namespace convolith::test {

/**
 * `bytes` of memory that end where an unreadable page begins, and begin behind another one: an access beyond
 * either end faults at once, from any kernel, instrumented or not. The start is on a multiple of `alignment`,
 * so that up to `alignment - 1` bytes behind the end can be touched unnoticed.
 */
class GuardedMemory {
 public:
  GuardedMemory(std::size_t bytes, std::size_t alignment) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t inside = (bytes + alignment + page - 1) / page * page;
    mapped_ = inside + 2 * page;
    base_ = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) throw std::bad_alloc();
    auto* const first = static_cast<std::byte*>(base_) + page;
    if (mprotect(first, inside, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
    const auto end = reinterpret_cast<std::uintptr_t>(first) + inside;
    data_ = reinterpret_cast<void*>((end - bytes) / alignment * alignment);
  }
  ~GuardedMemory() { munmap(base_, mapped_); }
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  void* data() const { return data_; }
  float* floats() const { return static_cast<float*>(data_); }

 private:
  void* base_ = nullptr;
  void* data_ = nullptr;
  std::size_t mapped_ = 0;
};

}  // namespace convolith::test
