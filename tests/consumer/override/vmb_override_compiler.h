/* SPDX-License-Identifier: MIT */
/* A stranger's compiler.h: nothing but the standard, as for a compiler without GNU attributes. */
#ifndef STRANGER_COMPILER_H
#define STRANGER_COMPILER_H

#define VMB_BEGIN_DECLS
#define VMB_END_DECLS
#define VMB_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#define VMB_NODISCARD
#define VMB_INLINE              static inline
#define VMB_NOINLINE            __attribute__((noinline))
#define VMB_LIKELY(condition)   (condition)
#define VMB_UNLIKELY(condition) (condition)
#define VMB_SHARED
#define VMB_CACHE_LINE_BYTES 64u
#define VMB_CACHE_ALIGNED
#define VMB_ASSERT(condition) ((condition) ? (void)0 : stranger_panic(#condition))

_Noreturn void stranger_panic(const char *what);

#endif /* STRANGER_COMPILER_H */
