/* SPDX-License-Identifier: MIT */
/* Bytes as people write them in a specification: hexadecimal digits, blanks anywhere. */
#ifndef VMB_TEST_PROTO_HEX_H
#define VMB_TEST_PROTO_HEX_H

#include <stdint.h>

/* That many bytes of zeros. */
#define Z1   "00"
#define Z2   "0000"
#define Z4   "00000000"
#define Z8   Z4 Z4
#define Z12  Z8 Z4
#define Z16  Z8 Z8
#define Z20  Z16 Z4
#define Z60  Z20 Z20 Z20
#define Z80  Z20 Z20 Z20 Z20
#define Z112 Z80 Z16 Z16
#define Z120 Z60 Z60

static inline uint32_t proto_hex_digit(char digit)
{
    return (uint32_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

/* Write the bytes and return how many they are. */
static inline uint32_t proto_hex(const char *text, uint8_t *bytes)
{
    uint32_t count = 0;

    for (; *text != '\0'; text++) {
        if (*text != ' ') {
            bytes[count] = (uint8_t)(proto_hex_digit(text[0]) << 4 | proto_hex_digit(text[1]));
            count++;
            text++;
        }
    }
    return count;
}

#endif /* VMB_TEST_PROTO_HEX_H */
