/* SPDX-License-Identifier: MIT */
/* What the headers beside this file promise. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmb_override_compiler.h"
#include "vmb_override_string.h"

void stranger_panic(const char *what)
{
    fprintf(stderr, "panic: %s\n", what);
    abort();
}

void *stranger_copy(void *target, const void *source, size_t bytes)
{
    return memcpy(target, source, bytes);
}

void *stranger_move(void *target, const void *source, size_t bytes)
{
    return memmove(target, source, bytes);
}

void *stranger_fill(void *target, int value, size_t bytes)
{
    return memset(target, value, bytes);
}

int stranger_compare(const void *left, const void *right, size_t bytes)
{
    return memcmp(left, right, bytes);
}
