/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The library's memory functions as the explorer sees them: plain accesses that must not race.
 */
#ifndef VMB_OVERRIDE_STRING_H
#define VMB_OVERRIDE_STRING_H

#include "explore/engine/xpl.h"

static inline void *xpl_memcpy(void *target, const void *source, size_t bytes)
{
    xpl_plain_read(source, bytes);
    xpl_plain_write(target, bytes);
    return __builtin_memcpy(target, source, bytes);
}

static inline void *xpl_memmove(void *target, const void *source, size_t bytes)
{
    xpl_plain_read(source, bytes);
    xpl_plain_write(target, bytes);
    return __builtin_memmove(target, source, bytes);
}

static inline void *xpl_memset(void *target, int value, size_t bytes)
{
    xpl_plain_write(target, bytes);
    return __builtin_memset(target, value, bytes);
}

static inline int xpl_memcmp(const void *left, const void *right, size_t bytes)
{
    xpl_plain_read(left, bytes);
    xpl_plain_read(right, bytes);
    return __builtin_memcmp(left, right, bytes);
}

#define vmb_memcpy(target, source, bytes)  xpl_memcpy(target, source, bytes)
#define vmb_memmove(target, source, bytes) xpl_memmove(target, source, bytes)
#define vmb_memset(target, value, bytes)   xpl_memset(target, value, bytes)
#define vmb_memcmp(left, right, bytes)     xpl_memcmp(left, right, bytes)

#endif /* VMB_OVERRIDE_STRING_H */
