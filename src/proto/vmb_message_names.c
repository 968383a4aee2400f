/* SPDX-License-Identifier: MIT */
/* What people call messages and their fields; apart, so that a kernel that prints none has none. */
#include "proto/vmb_message_layout.h"

#define NAMES_OF_MESSAGE(name, sender, version, feature) name,

/* By number. Arrays, so that the table needs no relocation. */
static const char message_names[VMB_MSG_LAST + 1u][28] = {VMBI_MESSAGE_LIST(NAMES_OF_MESSAGE)};

#define NAMES_OF_FIELD(number, struct_name, field, offset, kind, style, forms)                     \
    {#field, VMBI_STYLE_##style},

const struct vmbi_field_words vmbi_field_words[VMBI_MESSAGE_FIELD_COUNT] = {
    VMBI_FIELD_LIST(NAMES_OF_FIELD)};

const char *vmb_message_name(uint32_t number)
{
    return message_names[number <= VMB_MSG_LAST ? number : 0];
}
