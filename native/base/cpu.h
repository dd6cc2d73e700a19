#pragma once

#include <string>

namespace convolith {

/** Whether the CPU runs these instructions and the system saves their registers. */
bool cpu_has_avx2();
bool cpu_has_avx512();

/** Where what is fastest differs by maker. */
bool cpu_is_amd();
/** Whether vectors of 512 bits are computed by halves, as on AMD's Zen 4: the caches then have twice the time
 * for each. */
bool cpu_halves_avx512();

/** A short name of the processor, as it calls itself. */
std::string cpu_name();

}  // namespace convolith
