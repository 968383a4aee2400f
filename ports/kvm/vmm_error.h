/* SPDX-License-Identifier: MIT */
/* Why something could not be done: one sentence for a person, passed up to whoever shows it. */
#ifndef VMM_ERROR_H
#define VMM_ERROR_H

#include <stdbool.h>

struct vmm_error {
    char text[512];
};

/* Write the sentence. Returns false, so that a function can end with it. */
bool vmm_fail(struct vmm_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, with what errno means behind it. */
bool vmm_fail_errno(struct vmm_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif /* VMM_ERROR_H */
