#include "plan/probe.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/aligned_buffer.h"
#include "isa/isa.h"
#include "kernels/table.h"

namespace convolith {

namespace {

/** Seconds of the fastest of `repeats` runs. */
template <class Run>
double fastest(int repeats, Run run) {
  double best = 1e9;
  for (int i = 0; i < repeats; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    run();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

}  // namespace

double fma_peak() {
  const KernelTable& kernels = current_kernels();
  // About 1 ms a run: long against the clock's grain, short against the time slice of a shared machine.
  const Index rounds = Index{100'000'000} / kernels.fma_probe_flops;
  volatile float kept = 0.0F;
  const double seconds = fastest(15, [&] { kept = kernels.fma_probe(rounds); });
  return static_cast<double>(rounds * kernels.fma_probe_flops) / seconds / 1e9;
}

double memory_bandwidth() {
  // 128 MiB a side: beyond the last-level cache of any core's share.
  const Index count = Index{32} << 20;
  AlignedBuffer from(count);
  AlignedBuffer to(count);
  const auto bytes = static_cast<std::size_t>(from.bytes());
  const double seconds = fastest(5, [&] { std::memcpy(to.data(), from.data(), bytes); });
  return 2.0 * static_cast<double>(bytes) / seconds / 1e9;
}

}  // namespace convolith
