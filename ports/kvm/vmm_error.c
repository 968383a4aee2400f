/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool vmm_fail(struct vmm_error *error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    return false;
}

bool vmm_fail_errno(struct vmm_error *error, const char *format, ...)
{
    int number = errno;
    va_list arguments;
    size_t used;

    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    used = strlen(error->text);
    snprintf(error->text + used, sizeof(error->text) - used, ": %s", strerror(number));
    return false;
}
