/* SPDX-License-Identifier: MIT */
/* The tables of all channel messages and their fields, and what every user of them needs. */
#include "proto/vmb_message_layout.h"

#include <vmbus/platform/string.h>

#define LAYOUT_KIND(name, sender, version, feature)                                                \
    {LAYOUT_SENDER_##sender, VMBI_BRIEF(VMB_VERSION_##version), feature},
#define LAYOUT_SENDER_0             0
#define LAYOUT_SENDER_HOST_TO_GUEST VMB_HOST_TO_GUEST
#define LAYOUT_SENDER_GUEST_TO_HOST VMB_GUEST_TO_HOST

const struct vmbi_message_kind vmbi_message_kinds[VMB_MSG_LAST + 1u] = {
    VMBI_MESSAGE_LIST(LAYOUT_KIND)};

#define LAYOUT_FIELD(number, struct_name, field, offset, kind, style, forms)                       \
    {VMB_MSG_##number, VMBI_FIELD_##kind, offset, forms,                                           \
     (uint16_t)offsetof(struct vmb_message, u.struct_name.field)},

const struct vmbi_message_field vmbi_message_fields[VMBI_MESSAGE_FIELD_COUNT + 1] = {
    VMBI_FIELD_LIST(LAYOUT_FIELD){.number = 0xFFu}};

VMB_STATIC_ASSERT(VMB_FEATURE_ALL <= 0xFFu, "features fit a byte");
VMB_STATIC_ASSERT(sizeof(bool) == 1, "a bool member is one byte");

/* By kind: bytes in the message, and of the member if it is a number or a bool. */
static const uint8_t field_bytes[] = {
    1, 2, 4, 8, 1, 1, 2, sizeof(struct vmb_guid), VMB_USER_DEFINED_BYTES,
};
static const uint8_t field_member_bytes[] = {1, 2, 4, 8, 1, 1, 1, 0, 0};

uint32_t vmbi_field_bytes(const struct vmbi_message_field *field)
{
    return field_bytes[field->kind];
}

/* Where the lowest so many bytes of a number lie. */
static uint8_t *field_lowest(uint64_t *value, uint32_t bytes)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return (uint8_t *)value + (sizeof(*value) - bytes);
#else
    (void)bytes;
    return (uint8_t *)value;
#endif
}

uint64_t vmbi_field_load(const struct vmbi_message_field *field, const struct vmb_message *message)
{
    uint32_t bytes = field_member_bytes[field->kind];
    uint64_t value = 0;

    vmb_memcpy(field_lowest(&value, bytes), (const uint8_t *)message + field->member, bytes);
    return value;
}

void vmbi_field_store(const struct vmbi_message_field *field, uint64_t value,
                      struct vmb_message *message)
{
    uint32_t bytes = field_member_bytes[field->kind];

    vmb_memcpy((uint8_t *)message + field->member, field_lowest(&value, bytes), bytes);
}
