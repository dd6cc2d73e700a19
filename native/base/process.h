#pragma once

namespace convolith {

/** CPUs that the calling thread may run on by its affinity mask, at least 1. */
int affinity_cpus();

/**
 * Keeps this binary mapped until the process ends. Node unloads an addon with the last worker_thread that
 * required it, and the pool's parked threads would wake up in unmapped code.
 */
void pin_binary();

/**
 * Starts a thread that nobody joins, with every signal blocked, so that they keep going to the host's
 * threads. Throws `std::system_error` where the system gives none.
 */
void start_detached_thread(void (*body)(void*), void* argument);

/** Calls `handler` in the child of a fork(); nothing on systems without fork. */
void on_fork_in_child(void (*handler)());

/** Tells the processor that this thread waits in a loop. */
inline void spin_pause() {
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
  __builtin_ia32_pause();
#elif defined(__GNUC__) && (defined(__aarch64__) || defined(__arm__))
  __asm__ __volatile__("yield");
#endif
}

}  // namespace convolith
