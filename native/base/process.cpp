#include "base/process.h"

#include <algorithm>
#include <thread>
#include <vector>

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

namespace convolith {

int affinity_cpus() {
#if defined(__linux__)
  // The kernel refuses a mask shorter than its own, so it grows until it fits.
  for (int cpus = 1024; cpus <= (1 << 16); cpus *= 2) {
    std::vector<unsigned long> mask(static_cast<std::size_t>(cpus) / (8 * sizeof(unsigned long)));
    const std::size_t bytes = mask.size() * sizeof(unsigned long);
    if (sched_getaffinity(0, bytes, reinterpret_cast<cpu_set_t*>(mask.data())) == 0) {
      return std::max(1, CPU_COUNT_S(bytes, reinterpret_cast<cpu_set_t*>(mask.data())));
    }
  }
#elif defined(_WIN32)
  DWORD_PTR process = 0, system = 0;
  if (GetProcessAffinityMask(GetCurrentProcess(), &process, &system) != 0) {
    int cpus = 0;
    for (; process != 0; process &= process - 1) ++cpus;
    // 0 stands for a process over several processor groups.
    if (cpus > 0) return cpus;
  }
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

#if defined(_WIN32)

void pin_binary() {
  HMODULE self = nullptr;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                     reinterpret_cast<LPCWSTR>(&pin_binary), &self);
}

void start_detached_thread(void (*body)(void*), void* argument) { std::thread(body, argument).detach(); }

void on_fork_in_child(void (*)()) {}

#else

void pin_binary() {
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&pin_binary), &self) == 0 || self.dli_fname == nullptr) return;
  dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

void start_detached_thread(void (*body)(void*), void* argument) {
  struct Mask {
    sigset_t before;
    Mask() {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~Mask() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  } mask;
  std::thread(body, argument).detach();
}

void on_fork_in_child(void (*handler)()) { pthread_atfork(nullptr, nullptr, handler); }

#endif

}  // namespace convolith
