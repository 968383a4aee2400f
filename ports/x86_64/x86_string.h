/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The C library functions that a compiler may call on its own, and strlen().
 */
#ifndef X86_STRING_H
#define X86_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *left, const void *right, size_t bytes);
size_t strlen(const char *text);

#endif /* X86_STRING_H */
