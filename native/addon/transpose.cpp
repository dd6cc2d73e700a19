#include "addon/transpose.h"

#include <string>

#include "addon/errors.h"
#include "addon/export_function.h"
#include "addon/marshal.h"
#include "addon/typed_view.h"
#include "companions/transpose.h"

namespace convolith {

namespace {

Napi::Value transpose(const Napi::CallbackInfo& info) {
  const Index sizes[] = {read_integer(info[2], "batch"), read_integer(info[3], "rows"),
                         read_integer(info[4], "columns")};
  Index count = 1;
  for (const Index size : sizes) {
    if (size < 1) throw expected(ErrorCode::shape, "sizes above 0", "transpose", std::to_string(size));
    count = saturating_product(count, size);
  }
  const TypedView from = float_array(info[0], "from");
  TypedView to = float_array(info[1], "to");
  expect_at_least(from, count, "from");
  expect_at_least(to, count, "to");
  expect_apart(to, from, "from");
  run_transpose({from.floats(), to.floats(), sizes[0], sizes[1], sizes[2]});
  return info.Env().Undefined();
}

}  // namespace

void export_transpose(Napi::Env env, Napi::Object exports) {
  export_function<transpose>(env, exports, "transpose");
}

}  // namespace convolith
