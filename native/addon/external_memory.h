#pragma once

#include <napi.h>

#include "base/check.h"

namespace convolith {

/** Native memory that a JavaScript object keeps alive, as V8's garbage collector is told. */
class ExternalMemory {
 public:
  explicit ExternalMemory(Napi::Env env) : env_(env) {}
  ~ExternalMemory() { set(0); }
  ExternalMemory(const ExternalMemory&) = delete;
  ExternalMemory& operator=(const ExternalMemory&) = delete;

  void set(Index bytes) {
    if (bytes == bytes_) return;
    std::int64_t total;
    napi_adjust_external_memory(env_, bytes - bytes_, &total);
    bytes_ = bytes;
  }

 private:
  Napi::Env env_;
  Index bytes_ = 0;
};

}  // namespace convolith
