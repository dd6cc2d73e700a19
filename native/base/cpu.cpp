#include "base/cpu.h"

#include <atomic>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) || defined(_M_X64)
#define CONVOLITH_HAS_CPUID
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace convolith {

#if defined(CONVOLITH_HAS_CPUID)

namespace {

struct CpuidLeaf {
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
};

CpuidLeaf cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0) {
  CpuidLeaf r;
#if defined(_MSC_VER) && !defined(__clang__)
  int registers[4];
  __cpuidex(registers, static_cast<int>(leaf), static_cast<int>(subleaf));
  std::memcpy(&r, registers, sizeof(r));
#else
  if (__get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d) == 0) r = CpuidLeaf();
#endif
  return r;
}

/** Register state that the operating system saves on a context switch; 0 where it cannot be asked. */
std::uint64_t saved_state() {
  if ((cpuid(1).c & (1U << 27)) == 0) return 0;
#if defined(_MSC_VER) && !defined(__clang__)
  return _xgetbv(0);
#else
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
#endif
}

}  // namespace

bool cpu_has_avx2() {
  const std::uint64_t ymm = 0x6;
  return (saved_state() & ymm) == ymm && (cpuid(1).c & (1U << 12)) != 0 && (cpuid(7).b & (1U << 5)) != 0;
}

bool cpu_has_avx512() {
  const std::uint64_t zmm = 0xE6;
  // Leaf 7: F, DQ, BW and VL, what every server core since Skylake has.
  const std::uint32_t wanted = (1U << 16) | (1U << 17) | (1U << 30) | (1U << 31);
  return cpu_has_avx2() && (saved_state() & zmm) == zmm && (cpuid(7).b & wanted) == wanted;
}

namespace {

CpuFamily family_of_this_machine() {
  const CpuidLeaf leaf = cpuid(0);
  // "AuthenticAMD".
  if (leaf.b != 0x68747541U || leaf.d != 0x69746E65U || leaf.c != 0x444D4163U) return CpuFamily::other;
  const std::uint32_t signature = cpuid(1).a;
  const std::uint32_t family = (signature >> 8 & 0xFU) + (signature >> 20 & 0xFFU);
  return family == 0x19 ? CpuFamily::amd_by_halves : CpuFamily::amd;
}

}  // namespace

#else

bool cpu_has_avx2() { return false; }
bool cpu_has_avx512() { return false; }

namespace {
CpuFamily family_of_this_machine() { return CpuFamily::other; }
}  // namespace

#endif

namespace {

/** Asked once: in a virtual machine each question takes 20 to 70 µs. */
std::atomic<CpuFamily>& family() {
  static std::atomic<CpuFamily> current{family_of_this_machine()};
  return current;
}

}  // namespace

CpuFamily cpu_family() { return family().load(std::memory_order_relaxed); }

void pretend_cpu_family(CpuFamily pretended) { family().store(pretended, std::memory_order_relaxed); }

std::string cpu_name() {
#if defined(CONVOLITH_HAS_CPUID)
  if (cpuid(0x80000000U).a < 0x80000004U) return "x64";
  char text[49] = {};
  for (std::uint32_t i = 0; i < 3; ++i) {
    const CpuidLeaf leaf = cpuid(0x80000002U + i);
    std::memcpy(text + i * sizeof(leaf), &leaf, sizeof(leaf));
  }
  std::string name(text);
  const auto last = name.find_last_not_of(' ');
  const auto first = name.find_first_not_of(' ');
  return first == std::string::npos ? "x64" : name.substr(first, last - first + 1);
#elif defined(__aarch64__) || defined(_M_ARM64)
  return "arm64";
#else
  return "unknown";
#endif
}

}  // namespace convolith
