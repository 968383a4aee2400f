/* SPDX-License-Identifier: MIT */
/* GUIDs as text and as device classes. */
#include <vmbus/platform/string.h>
#include <vmbus/proto/guid.h>

#include "base/vmb_le.h"

struct class_entry {
    struct vmb_guid guid;
    uint32_t traits;
    char name[20];
};

/* Entry n is class n + 1: VMB_CLASS_UNKNOWN has none. */
static const struct class_entry class_table[] = {
#define CLASS_ENTRY(name, text, traits) {VMB_GUID_##name, traits, text},
    VMB_CLASS_MAP(CLASS_ENTRY)
#undef CLASS_ENTRY
};

#define CLASS_COUNT ((uint32_t)(sizeof(class_table) / sizeof(class_table[0])))

/* Every hv_sock service GUID, with a hole where the port goes (as Linux 6.12 has it). */
static const struct vmb_guid hvsock_template =
    VMB_GUID_INIT(0, 0xfacb, 0x11e6, 0xbd58, 0x64006a7986d3);

#define HVSOCK_PORT_BYTES 4u

/* The byte of the GUID that each pair of digits of the text is. */
static const uint8_t guid_text_order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

/* Whether a hyphen stands before the pair of digits with this number. */
static bool guid_hyphen_before(uint32_t pair)
{
    return pair == 4 || pair == 6 || pair == 8 || pair == 10;
}

static char guid_digit(uint32_t value)
{
    return (char)(value < 10u ? '0' + value : 'a' + (value - 10u));
}

/* The value of a hexadecimal digit, or 16 if it is none. */
static uint32_t guid_digit_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return (uint32_t)(digit - '0');
    }
    if (digit >= 'a' && digit <= 'f') {
        return (uint32_t)(digit - 'a') + 10u;
    }
    if (digit >= 'A' && digit <= 'F') {
        return (uint32_t)(digit - 'A') + 10u;
    }
    return 16;
}

bool vmb_guid_equal(const struct vmb_guid *left, const struct vmb_guid *right)
{
    return vmb_memcmp(left->bytes, right->bytes, sizeof(left->bytes)) == 0;
}

bool vmb_guid_is_zero(const struct vmb_guid *guid)
{
    return (vmbi_le64(guid->bytes) | vmbi_le64(guid->bytes + 8)) == 0;
}

vmb_status vmb_guid_parse(const char *text, struct vmb_guid *out_guid)
{
    struct vmb_guid guid;
    bool braces = *text == '{';
    uint32_t pair, high, low;

    text += braces ? 1 : 0;
    for (pair = 0; pair < 16u; pair++) {
        if (guid_hyphen_before(pair)) {
            if (*text != '-') {
                return VMB_ERR_INVALID_ARGUMENT;
            }
            text++;
        }
        high = guid_digit_value(text[0]);
        low = high < 16u ? guid_digit_value(text[1]) : 16u;
        if (low >= 16u) {
            return VMB_ERR_INVALID_ARGUMENT;
        }
        guid.bytes[guid_text_order[pair]] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    if (braces) {
        if (*text != '}') {
            return VMB_ERR_INVALID_ARGUMENT;
        }
        text++;
    }
    if (*text != '\0') {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    *out_guid = guid;
    return VMB_OK;
}

void vmb_guid_format(const struct vmb_guid *guid, char *text)
{
    uint32_t pair;

    for (pair = 0; pair < 16u; pair++) {
        uint32_t byte = guid->bytes[guid_text_order[pair]];

        if (guid_hyphen_before(pair)) {
            *text++ = '-';
        }
        *text++ = guid_digit(byte >> 4);
        *text++ = guid_digit(byte & 0xFu);
    }
    *text = '\0';
}

enum vmb_class vmb_class_of(const struct vmb_guid *interface_guid)
{
    uint32_t i;

    for (i = 0; i < CLASS_COUNT; i++) {
        if (vmb_guid_equal(&class_table[i].guid, interface_guid)) {
            return (enum vmb_class)(i + 1u);
        }
    }
    return vmb_guid_is_hvsock(interface_guid, NULL) ? VMB_CLASS_HVSOCK : VMB_CLASS_UNKNOWN;
}

const struct vmb_guid *vmb_class_guid(enum vmb_class device_class)
{
    uint32_t number = (uint32_t)device_class;

    return number >= 1u && number <= CLASS_COUNT ? &class_table[number - 1u].guid : NULL;
}

uint32_t vmb_class_traits(enum vmb_class device_class)
{
    uint32_t number = (uint32_t)device_class;

    if (device_class == VMB_CLASS_HVSOCK) {
        return VMB_CLASS_TRAIT_PIPE;
    }
    return number >= 1u && number <= CLASS_COUNT ? class_table[number - 1u].traits : 0;
}

const char *vmb_class_name(const struct vmb_guid *interface_guid)
{
    enum vmb_class device_class = vmb_class_of(interface_guid);

    if (device_class == VMB_CLASS_UNKNOWN) {
        return "unknown";
    }
    if (device_class == VMB_CLASS_HVSOCK) {
        return "hv_sock";
    }
    return class_table[(uint32_t)device_class - 1u].name;
}

bool vmb_guid_is_hvsock(const struct vmb_guid *guid, uint32_t *out_port)
{
    if (vmb_memcmp(guid->bytes + HVSOCK_PORT_BYTES, hvsock_template.bytes + HVSOCK_PORT_BYTES,
                   sizeof(guid->bytes) - HVSOCK_PORT_BYTES) != 0) {
        return false;
    }
    if (out_port != NULL) {
        *out_port = vmbi_le32(guid->bytes);
    }
    return true;
}

void vmb_guid_from_hvsock(uint32_t port, struct vmb_guid *out_guid)
{
    *out_guid = hvsock_template;
    vmbi_put_le32(out_guid->bytes, port);
}
