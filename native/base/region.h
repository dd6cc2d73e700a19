#pragma once

/**
 * Opens and closes a region of functions compiled for a wider instruction set than the rest of the binary.
 * Regions are opened after the standard headers. Per-file -m flags would do the same to the headers: an
 * unoptimised build then emits weak std::min or std::max with AVX-512 code, and the linker may keep that copy
 * for every CPU. MSVC accepts any intrinsic anywhere and needs no region.
 */
#define CONVOLITH_PRAGMA(text) _Pragma(#text)

#if defined(__clang__)
#define CONVOLITH_REGION_BEGIN(features) \
  CONVOLITH_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define CONVOLITH_REGION_END CONVOLITH_PRAGMA(clang attribute pop)
#elif defined(__GNUC__)
#define CONVOLITH_REGION_BEGIN(features) \
  CONVOLITH_PRAGMA(GCC push_options) CONVOLITH_PRAGMA(GCC target(features))
#define CONVOLITH_REGION_END CONVOLITH_PRAGMA(GCC pop_options)
#else
#define CONVOLITH_REGION_BEGIN(features)
#define CONVOLITH_REGION_END
#endif

/**
 * Four empty instructions that keep a loop as it is written; depthwise 5x5 and 7x7 and strips of tiles need
 * them.
 *
 * RELOAD: what `pointer` points at is loaded anew from here on. Clang otherwise loads all weights before the
 * loop, and keeps them, and sums as well, on the stack.
 * IN_MEMORY: the value lies in memory here, and is read from there afterwards.
 * IN_REGISTER: a loaded vector is loaded once. GCC otherwise repeats the load as an operand of each use: 7x7
 * at 0.72 of the peak instead of 0.93, with AVX2 5x5 at 0.60 instead of 0.70.
 * IN_ORDER, of clang alone: the value is computed here. It otherwise brings products of one sum together, and
 * loads and spills their weights: 7x7 at 0.83 instead of 0.93.
 */
#if defined(_MSC_VER) && !defined(__clang__)
#define CONVOLITH_RELOAD(pointer) static_cast<void>(pointer)
#define CONVOLITH_IN_MEMORY(value) static_cast<void>(value)
#define CONVOLITH_IN_REGISTER(kind, value) static_cast<void>(value)
#define CONVOLITH_IN_ORDER(kind, value) static_cast<void>(value)
#elif defined(__clang__)
#define CONVOLITH_RELOAD(pointer) asm volatile("" : "+r"(pointer))
#define CONVOLITH_IN_MEMORY(value) asm volatile("" : "+m"(value))
#define CONVOLITH_IN_REGISTER(kind, value) asm volatile("" : "+" kind(value))
#define CONVOLITH_IN_ORDER(kind, value) asm volatile("" : "+" kind(value))
#else
#define CONVOLITH_RELOAD(pointer) asm volatile("" : "+r"(pointer))
#define CONVOLITH_IN_MEMORY(value) asm volatile("" : "+m"(value))
#define CONVOLITH_IN_REGISTER(kind, value) asm("" : "+" kind(value))
#define CONVOLITH_IN_ORDER(kind, value) static_cast<void>(value)
#endif

/** Asks for the cache line of an address that will be written, and of one that will be read, into the
 * first-level cache or only into the second-level one. */
#if defined(_MSC_VER) && !defined(__clang__)
#define CONVOLITH_PREFETCH_WRITE(address)
#define CONVOLITH_PREFETCH_NEAR(address)
#define CONVOLITH_PREFETCH_FAR(address)
#else
#define CONVOLITH_PREFETCH_WRITE(address) __builtin_prefetch(address, 1)
#define CONVOLITH_PREFETCH_NEAR(address) __builtin_prefetch(address, 0, 3)
#define CONVOLITH_PREFETCH_FAR(address) __builtin_prefetch(address, 0, 2)
#endif

/**
 * Clang 18 to 21 open 512-bit registers by a feature of their own; no other compiler knows it. Apple counts
 * its versions apart: its 17 is built on LLVM 19.
 */
#if defined(__apple_build_version__) ? __clang_major__ >= 17 \
                                     : (__clang_major__ >= 18 && __clang_major__ <= 21)
#define CONVOLITH_AVX512_FEATURES "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,evex512"
#else
#define CONVOLITH_AVX512_FEATURES "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define CONVOLITH_INLINE __forceinline
#define CONVOLITH_INLINE_LAMBDA
#define CONVOLITH_NOINLINE __declspec(noinline)
#else
#define CONVOLITH_INLINE inline __attribute__((always_inline))
#define CONVOLITH_INLINE_LAMBDA __attribute__((always_inline))
#define CONVOLITH_NOINLINE __attribute__((noinline))
#endif

/** On a loop of constant bounds: unrolled whole, so that arrays of vectors indexed by its variable become
 * registers. */
#if defined(__clang__)
#define CONVOLITH_UNROLL _Pragma("unroll")
#define CONVOLITH_UNROLL_4 _Pragma("unroll 4")
#define CONVOLITH_NO_UNROLL _Pragma("nounroll")
#elif defined(__GNUC__)
#define CONVOLITH_UNROLL _Pragma("GCC unroll 32")
#define CONVOLITH_UNROLL_4 _Pragma("GCC unroll 4")
#define CONVOLITH_NO_UNROLL
#else
#define CONVOLITH_UNROLL
#define CONVOLITH_UNROLL_4
#define CONVOLITH_NO_UNROLL
#endif

/** The same for the large bodies of transforms. Not where vectors are arrays themselves (scalar): unrolled
 * they are a tenth of the binary there, and half of the time to compile it. */
#if defined(CONVOLITH_KEEP_TRANSFORM_LOOPS)
#define CONVOLITH_UNROLL_TRANSFORM
#else
#define CONVOLITH_UNROLL_TRANSFORM CONVOLITH_UNROLL
#endif
