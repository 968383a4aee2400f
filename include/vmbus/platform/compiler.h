/* SPDX-License-Identifier: MIT */
/**
 * @file
 * What the library needs of a compiler. Define VMB_OVERRIDE_COMPILER and put a
 * `vmb_override_compiler.h` on the include path to replace this file whole.
 */
#ifndef VMB_PLATFORM_COMPILER_H
#define VMB_PLATFORM_COMPILER_H

#ifdef VMB_OVERRIDE_COMPILER
#include "vmb_override_compiler.h"
#else

#ifdef __cplusplus
#define VMB_BEGIN_DECLS                    extern "C" {
#define VMB_END_DECLS                      }
#define VMB_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define VMB_BEGIN_DECLS
#define VMB_END_DECLS
#define VMB_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/** The result says something that the caller must act on. */
#define VMB_NODISCARD           __attribute__((warn_unused_result))

/** Small enough that a call would cost more than the work. */
#define VMB_INLINE              static inline __attribute__((always_inline))

/** Too big, or too rare, to be put into its caller. */
#define VMB_NOINLINE            __attribute__((noinline))

#define VMB_LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define VMB_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/**
 * Marks a pointer into memory that the peer can write at any moment. Only `src/base/vmb_shm.h`
 * may look behind one. With VMB_CHECK_SHARED under clang the compiler enforces that; otherwise it
 * says so to the reader only.
 */
#if defined(VMB_CHECK_SHARED) && defined(__clang__)
#define VMB_SHARED __attribute__((noderef))
#else
#define VMB_SHARED
#endif

/** One line of cache: what two VPs must not share for things that each writes often. */
#define VMB_CACHE_LINE_BYTES 64u
#define VMB_CACHE_ALIGNED    __attribute__((aligned(64)))

/**
 * Our own mistakes, never the peer's (those are statuses). Off unless VMB_ASSERT is defined by
 * the build or VMB_DEBUG asks for a trap.
 */
#ifndef VMB_ASSERT
#ifdef VMB_DEBUG
#define VMB_ASSERT(condition) ((condition) ? (void)0 : __builtin_trap())
#else
#define VMB_ASSERT(condition) ((void)sizeof(condition))
#endif
#endif

#endif /* VMB_OVERRIDE_COMPILER */
#endif /* VMB_PLATFORM_COMPILER_H */
