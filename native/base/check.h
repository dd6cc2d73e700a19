#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace convolith {

/** Sizes and offsets: signed 64 bits everywhere, so that a difference of two never wraps. */
using Index = std::int64_t;

/** The kinds of refusal that can arise below the addon's face; the names are those of `ConvolithError.code`.
 */
enum class ErrorCode { shape, option, dtype, buffer, unsupported, disposed, aborted, memory };

/** Thrown by the core, turned into a `ConvolithError` by the addon. */
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/** Elements one tensor may have: what a 32-bit index can address. */
inline constexpr Index kMaxElements = (Index{1} << 31) - 1;

/** `a * b` of non-negative sizes, or `limit + 1` where the product passes `limit`. */
constexpr Index saturating_product(Index a, Index b, Index limit = kMaxElements) {
  if (a == 0 || b == 0) return 0;
  return a > limit / b ? limit + 1 : a * b;
}

constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }
constexpr Index round_up(Index a, Index multiple) { return ceil_div(a, multiple) * multiple; }

}  // namespace convolith
