/* SPDX-License-Identifier: MIT */
/*
 * A line of text put together in a buffer of fixed size. What does not fit is cut off; the text is
 * always terminated, unless the buffer has no byte at all. No stdio, no locale, no allocation.
 */
#ifndef VMB_TEXT_H
#define VMB_TEXT_H

#include <vmbus/types.h>

struct vmbi_text {
    char *text;
    uint32_t capacity; /* With the terminator. */
    uint32_t length;   /* Without it. */
};

/* Begin an empty text in @buffer, which may be NULL if @buffer_bytes is 0. */
void vmbi_text_begin(struct vmbi_text *line, char *buffer, uint32_t buffer_bytes);

/* Append a terminated string. */
void vmbi_text_add(struct vmbi_text *line, const char *text);

/* Append a number in decimal. */
void vmbi_text_add_number(struct vmbi_text *line, uint64_t number);

/* Append a number in hexadecimal: "0x", then at least @digits digits, lower case. */
void vmbi_text_add_hex(struct vmbi_text *line, uint64_t number, uint32_t digits);

/* Append bytes as pairs of hexadecimal digits, in their order. */
void vmbi_text_add_bytes(struct vmbi_text *line, const uint8_t *bytes, uint32_t byte_count);

#endif /* VMB_TEXT_H */
