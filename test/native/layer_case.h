#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/cpu.h"
#include "spec/stage.h"

namespace convolith::test {

/** A case's choices, read from bytes that a fuzzer or a random generator makes; zeros behind their end. */
class Choices {
 public:
  Choices(const std::uint8_t* bytes, std::size_t count) : at_(bytes), end_(bytes + count) {}

  std::uint8_t byte() { return at_ == end_ ? 0 : *at_++; }
  bool flag() { return (byte() & 1) != 0; }
  /** From `least` to `most`. */
  Index between(Index least, Index most) { return least + byte() % (most - least + 1); }
  /** Any 64 bits. */
  Index any() {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | byte();
    return static_cast<Index>(value);
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

/** A layer, its geometry and data: small whole numbers, so that sums are exact in any order. */
struct LayerCase {
  Stage first;
  /** Of a separable layer. */
  std::optional<Stage> pointwise;
  ConvGeometry geometry;
  std::vector<float> input, residual;
  Index output_count = 0;
  int threads = 1;
  /** Which the machine passes for. */
  CpuFamily family = CpuFamily::other;
};

/** Nothing where the choices make a layer that is refused, or one too large to run thousands of. */
std::optional<LayerCase> read_case(Choices& choices);

/** Validates specs and geometries of any numbers whatever; throws nothing but what `validate` may. */
void validate_anything(Choices& choices);

/**
 * Runs the case by every algorithm that serves it on every instruction set, between guard pages, and compares
 * with the definition. Throws `std::runtime_error` at a difference. Gives the number of runs.
 */
int run_case(const LayerCase& one);

}  // namespace convolith::test
