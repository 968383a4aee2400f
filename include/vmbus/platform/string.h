/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The four functions that a freestanding C compiler may call anyway. Define VMB_OVERRIDE_STRING
 * and put a `vmb_override_string.h` on the include path to use your kernel's own.
 */
#ifndef VMB_PLATFORM_STRING_H
#define VMB_PLATFORM_STRING_H

#ifdef VMB_OVERRIDE_STRING
#include "vmb_override_string.h"
#else
#define vmb_memcpy(target, source, bytes)  __builtin_memcpy(target, source, bytes)
#define vmb_memmove(target, source, bytes) __builtin_memmove(target, source, bytes)
#define vmb_memset(target, value, bytes)   __builtin_memset(target, value, bytes)
#define vmb_memcmp(left, right, bytes)     __builtin_memcmp(left, right, bytes)
#endif

#endif /* VMB_PLATFORM_STRING_H */
