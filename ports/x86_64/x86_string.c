/* SPDX-License-Identifier: MIT */
#include "x86_string.h"

#include <stdint.h>

/* REP MOVSB and STOSB are as fast as anything without vector registers, and need no tuning. */

void *memcpy(void *to, const void *from, size_t bytes)
{
    void *at = to;

    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(bytes) : : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    uint8_t *last = (uint8_t *)to + bytes - 1;
    const uint8_t *source = (const uint8_t *)from + bytes - 1;

    if ((uintptr_t)to - (uintptr_t)from >= bytes) {
        return memcpy(to, from, bytes); /* Not inside the source, or before it. */
    }
    __asm__ volatile("std; rep movsb; cld" : "+D"(last), "+S"(source), "+c"(bytes) : : "memory");
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    void *at = to;

    __asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(value) : "memory");
    return to;
}

/*
 * The empty asm statements keep a compiler from seeing the loops for what they are and calling the
 * very functions that they implement.
 */

int memcmp(const void *left, const void *right, size_t bytes)
{
    const uint8_t *a = left, *b = right;

    for (; bytes != 0; bytes--, a++, b++) {
        __asm__ volatile("" : "+r"(a));
        if (*a != *b) {
            return *a < *b ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t bytes = 0;

    while (text[bytes] != '\0') {
        bytes++;
        __asm__ volatile("" : "+r"(bytes));
    }
    return bytes;
}
