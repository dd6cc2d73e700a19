// libFuzzer's entry: bytes become a layer and its geometry, which is planned and run by every algorithm.

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "layer_case.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  using namespace convolith;
  test::Choices choices(bytes, count);
  if (choices.between(0, 3) == 0) {
    test::validate_anything(choices);
    return 0;
  }
  try {
    if (const auto one = test::read_case(choices)) test::run_case(*one);
  } catch (const Error& error) {
    // What is valid in itself and not together: reflect padding wider than the map, say.
    if (error.code() != ErrorCode::shape && error.code() != ErrorCode::option) throw;
  }
  return 0;
}
