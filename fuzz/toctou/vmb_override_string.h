/* SPDX-License-Identifier: MIT */
/* Copies of which each word is a load that a peer can come before: see fuzz_ring_toctou.c. */
#ifndef VMB_OVERRIDE_STRING_H
#define VMB_OVERRIDE_STRING_H

#include <stddef.h>

void *toctou_copy(void *target, const void *source, size_t bytes);

#define vmb_memcpy(target, source, bytes)  toctou_copy(target, source, bytes)
#define vmb_memmove(target, source, bytes) __builtin_memmove(target, source, bytes)
#define vmb_memset(target, value, bytes)   __builtin_memset(target, value, bytes)
#define vmb_memcmp(left, right, bytes)     __builtin_memcmp(left, right, bytes)

#endif /* VMB_OVERRIDE_STRING_H */
