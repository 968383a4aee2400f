/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Included before everything that runs under the explorer: what scenarios copy and clear with the C
 * library's functions is seen too. A write that nobody saw would not be taken back.
 */
#ifndef XPL_LIBC_H
#define XPL_LIBC_H

#include <string.h>

#include "explore/include/vmb_override_string.h"

#define memcpy(target, source, bytes)  xpl_memcpy(target, source, bytes)
#define memmove(target, source, bytes) xpl_memmove(target, source, bytes)
#define memset(target, value, bytes)   xpl_memset(target, value, bytes)

#endif /* XPL_LIBC_H */
