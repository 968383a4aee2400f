/* SPDX-License-Identifier: MIT */
#include "base/vmb_text.h"

/* A 64-bit number has at most 20 decimal and 16 hexadecimal digits. */
#define TEXT_DIGITS 20u

static char text_digit(uint32_t value)
{
    return (char)(value < 10u ? '0' + value : 'a' + (value - 10u));
}

static void text_add_char(struct vmbi_text *line, char character)
{
    if (line->capacity == 0 || line->length >= line->capacity - 1u) {
        return;
    }
    line->text[line->length] = character;
    line->length++;
    line->text[line->length] = '\0';
}

/*
 * Divide by 10 and return the rest. In pieces of 16 bits: a 32-bit CPU has no instruction for the
 * whole, and the compiler's function for it is not to be had everywhere.
 */
static uint32_t text_divide_by_10(uint64_t *number)
{
    uint64_t quotient = 0;
    uint32_t rest = 0;
    uint32_t shift = 64;

    while (shift > 0) {
        shift -= 16u;
        rest = rest << 16 | (uint32_t)(*number >> shift & 0xFFFFu);
        quotient = quotient << 16 | rest / 10u;
        rest %= 10u;
    }
    *number = quotient;
    return rest;
}

static void text_add_reversed(struct vmbi_text *line, const char *reversed, uint32_t count)
{
    while (count > 0) {
        count--;
        text_add_char(line, reversed[count]);
    }
}

/* The lowest hexadecimal digits of a number: all that it has, and at least @digits. */
static void text_add_hex_digits(struct vmbi_text *line, uint64_t number, uint32_t digits)
{
    char reversed[TEXT_DIGITS];
    uint32_t count = 0;

    while (count < TEXT_DIGITS && (number != 0 || count < digits)) {
        reversed[count] = text_digit((uint32_t)(number & 0xFu));
        number >>= 4;
        count++;
    }
    text_add_reversed(line, reversed, count);
}

void vmbi_text_begin(struct vmbi_text *line, char *buffer, uint32_t buffer_bytes)
{
    line->text = buffer;
    line->capacity = buffer_bytes;
    line->length = 0;
    if (buffer_bytes != 0) {
        buffer[0] = '\0';
    }
}

void vmbi_text_add(struct vmbi_text *line, const char *text)
{
    while (*text != '\0') {
        text_add_char(line, *text);
        text++;
    }
}

void vmbi_text_add_number(struct vmbi_text *line, uint64_t number)
{
    char reversed[TEXT_DIGITS];
    uint32_t count = 0;

    do {
        reversed[count] = text_digit(text_divide_by_10(&number));
        count++;
    } while (number != 0 && count < TEXT_DIGITS);
    text_add_reversed(line, reversed, count);
}

void vmbi_text_add_hex(struct vmbi_text *line, uint64_t number, uint32_t digits)
{
    vmbi_text_add(line, "0x");
    text_add_hex_digits(line, number, digits);
}

void vmbi_text_add_bytes(struct vmbi_text *line, const uint8_t *bytes, uint32_t byte_count)
{
    uint32_t i;

    for (i = 0; i < byte_count; i++) {
        text_add_hex_digits(line, bytes[i], 2u);
    }
}
