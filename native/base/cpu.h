#pragma once

#include <cstdint>
#include <string>

namespace convolith {

/** Whether the CPU runs these instructions and the system saves their registers. */
bool cpu_has_avx2();
bool cpu_has_avx512();

/** Families of cores among which what is fastest differs. AMD's Zen 4 computes vectors of 512 bits by halves:
 * the caches then have twice the time for each. */
enum class CpuFamily : std::uint8_t { other, amd, amd_by_halves };

/** This machine's. */
CpuFamily cpu_family();
/** What tests have the machine pass for, so that the kernels of every family run on any. Not while plans are
 * made or run. */
void pretend_cpu_family(CpuFamily family);

inline bool cpu_is_amd() { return cpu_family() != CpuFamily::other; }
inline bool cpu_halves_avx512() { return cpu_family() == CpuFamily::amd_by_halves; }

/** A short name of the processor, as it calls itself. */
std::string cpu_name();

}  // namespace convolith
