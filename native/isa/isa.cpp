#include "isa/isa.h"

#include <atomic>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "kernels/table.h"

#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER) && !defined(__clang__)
#include <immintrin.h>
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace convolith {

#define ISA(name, runs) const KernelTable* name##_table();
#include "isa/isas.inc"
#undef ISA

namespace {

#if defined(__x86_64__) || defined(_M_X64)

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

#else

bool cpu_has_avx2() { return false; }
bool cpu_has_avx512() { return false; }

#endif

struct Isa {
  const char* name;
  /** Null where this binary has no kernels for it or the CPU does not run them. */
  const KernelTable* table;
};

const std::vector<Isa>& isas() {
  // The CPU is asked first: building a table already runs code of its region.
  static const std::vector<Isa> list = {
#define ISA(name, runs) {#name, (runs) ? name##_table() : nullptr},
#include "isa/isas.inc"
#undef ISA
  };
  return list;
}

const KernelTable* best() {
  for (const Isa& isa : isas()) {
    if (isa.table != nullptr) return isa.table;
  }
  return nullptr;
}

std::atomic<const KernelTable*>& selected() {
  static std::atomic<const KernelTable*> table{best()};
  return table;
}

template <class List, class Name>
std::string join(const List& list, Name name) {
  std::string text;
  for (const auto& entry : list) text += (text.empty() ? "" : ", ") + std::string(name(entry));
  return text;
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Isa& isa : isas()) {
    if (isa.table != nullptr) names.emplace_back(isa.name);
  }
  return names;
}

const KernelTable& current_kernels() { return *selected().load(std::memory_order_acquire); }

void select_isa(const std::string& name) {
  for (const Isa& isa : isas()) {
    if (name != isa.name) continue;
    if (isa.table == nullptr) {
      throw Error(ErrorCode::unsupported, "Expected an instruction set that this CPU runs (" +
                                              join(available_isas(), [](const std::string& s) { return s; }) +
                                              ") for isa but received \"" + name + "\"");
    }
    selected().store(isa.table, std::memory_order_release);
    return;
  }
  throw Error(ErrorCode::option, "Expected one of " + join(isas(), [](const Isa& isa) { return isa.name; }) +
                                     " for isa but received \"" + name + "\"");
}

std::string cpu_name() {
#if defined(__x86_64__) || defined(_M_X64)
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
