/* SPDX-License-Identifier: MIT */
/* Texts of the key/value service: UTF-8 here, UTF-16 on the wire. */
#include <vmbus/proto/kvp.h>

#include "base/vmb_le.h"

#define TEXT_REPLACEMENT     0xFFFDu
#define TEXT_SURROGATE_FIRST 0xD800u
#define TEXT_SURROGATE_LOW   0xDC00u
#define TEXT_SURROGATE_LAST  0xDFFFu
#define TEXT_BEYOND          0x10000u /* Two units of UTF-16 from here on. */
#define TEXT_LAST            0x10FFFFu

/* How many bytes a character has by its first one; 0: none begins so. */
static uint32_t text_utf8_length(uint8_t first)
{
    if (first < 0x80u) {
        return 1;
    }
    if (first < 0xC2u || first > 0xF4u) {
        return 0;
    }
    return first < 0xE0u ? 2 : first < 0xF0u ? 3 : 4;
}

/* One character of @left bytes. Returns how many it took; 0: not UTF-8. */
static uint32_t text_utf8_decode(const uint8_t *bytes, uint32_t left, uint32_t *out_character)
{
    static const uint32_t smallest[] = {0, 0, 0x80u, 0x800u, TEXT_BEYOND};
    uint32_t length = text_utf8_length(bytes[0]);
    uint32_t character, i;

    if (length <= 1) {
        *out_character = bytes[0];
        return length;
    }
    if (length > left) {
        return 0;
    }
    character = bytes[0] & (0x7Fu >> length);
    for (i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0u) != 0x80u) {
            return 0;
        }
        character = character << 6 | (bytes[i] & 0x3Fu);
    }
    if (character < smallest[length] || character > TEXT_LAST ||
        (character >= TEXT_SURROGATE_FIRST && character <= TEXT_SURROGATE_LAST)) {
        return 0;
    }
    *out_character = character;
    return length;
}

static void text_put_unit(uint32_t unit, uint8_t *buffer, uint32_t buffer_bytes, uint32_t *at)
{
    if (buffer_bytes >= 2 && *at <= buffer_bytes - 2) {
        vmbi_put_le16(buffer + *at, (uint16_t)unit);
    }
    *at += 2;
}

vmb_status vmb_kvp_text_encode(const char *utf8, uint32_t utf8_bytes, uint8_t *buffer,
                               uint32_t buffer_bytes, uint32_t *out_bytes)
{
    const uint8_t *bytes = (const uint8_t *)utf8;
    uint32_t from = 0, to = 0;

    while (from < utf8_bytes) {
        uint32_t character = 0;
        uint32_t length = text_utf8_decode(bytes + from, utf8_bytes - from, &character);

        if (length == 0 || character == 0) {
            return VMB_ERR_INVALID_ARGUMENT;
        }
        from += length;
        if (character >= TEXT_BEYOND) {
            text_put_unit(TEXT_SURROGATE_FIRST + ((character - TEXT_BEYOND) >> 10), buffer,
                          buffer_bytes, &to);
            character = TEXT_SURROGATE_LOW + ((character - TEXT_BEYOND) & 0x3FFu);
        }
        text_put_unit(character, buffer, buffer_bytes, &to);
    }
    text_put_unit(0, buffer, buffer_bytes, &to);
    *out_bytes = to;
    return to <= buffer_bytes ? VMB_OK : VMB_ERR_TOO_SMALL;
}

/* The character at @at, of @text_bytes. Returns how many bytes it took. */
static uint32_t text_utf16_decode(const uint8_t *text, uint32_t at, uint32_t text_bytes,
                                  uint32_t *out_character)
{
    uint32_t unit = vmbi_le16(text + at), low;

    *out_character = unit;
    if (unit < TEXT_SURROGATE_FIRST || unit > TEXT_SURROGATE_LAST) {
        return 2;
    }
    *out_character = TEXT_REPLACEMENT;
    if (unit >= TEXT_SURROGATE_LOW || text_bytes - at < 4) {
        return 2;
    }
    low = vmbi_le16(text + at + 2);
    if (low < TEXT_SURROGATE_LOW || low > TEXT_SURROGATE_LAST) {
        return 2;
    }
    *out_character =
        TEXT_BEYOND + ((unit - TEXT_SURROGATE_FIRST) << 10 | (low - TEXT_SURROGATE_LOW));
    return 4;
}

static uint32_t text_utf8_encode(uint32_t character, uint8_t *bytes)
{
    uint32_t length = character < 0x80u         ? 1
                      : character < 0x800u      ? 2
                      : character < TEXT_BEYOND ? 3
                                                : 4;
    uint32_t i;

    if (length == 1) {
        bytes[0] = (uint8_t)character;
        return 1;
    }
    for (i = length - 1; i > 0; i--) {
        bytes[i] = (uint8_t)(0x80u | (character & 0x3Fu));
        character >>= 6;
    }
    bytes[0] = (uint8_t)(0xF00u >> length | character);
    return length;
}

uint32_t vmb_kvp_text_decode(const struct vmb_slice *text, char *buffer, uint32_t buffer_bytes)
{
    const uint8_t *units = text->bytes;
    uint32_t from = 0, to = 0;

    while (text->byte_count - from >= 2) {
        uint8_t bytes[4];
        uint32_t character, length, i;

        from += text_utf16_decode(units, from, text->byte_count, &character);
        if (character == 0) {
            break;
        }
        length = text_utf8_encode(character, bytes);
        if (length >= buffer_bytes - to) {
            break;
        }
        for (i = 0; i < length; i++) {
            buffer[to++] = (char)bytes[i];
        }
    }
    buffer[to] = '\0';
    return to;
}
