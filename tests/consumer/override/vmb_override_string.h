/* SPDX-License-Identifier: MIT */
/* A stranger's string.h: functions of the kernel's own. */
#ifndef STRANGER_STRING_H
#define STRANGER_STRING_H

#include <stddef.h>

void *stranger_copy(void *target, const void *source, size_t bytes);
void *stranger_move(void *target, const void *source, size_t bytes);
void *stranger_fill(void *target, int value, size_t bytes);
int stranger_compare(const void *left, const void *right, size_t bytes);

#define vmb_memcpy(target, source, bytes)  stranger_copy(target, source, bytes)
#define vmb_memmove(target, source, bytes) stranger_move(target, source, bytes)
#define vmb_memset(target, value, bytes)   stranger_fill(target, value, bytes)
#define vmb_memcmp(left, right, bytes)     stranger_compare(left, right, bytes)

#endif /* STRANGER_STRING_H */
