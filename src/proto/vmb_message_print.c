/* SPDX-License-Identifier: MIT */
/* Channel messages as one line for people, by the tables of vmb_message_layout.c. */
#include <vmbus/proto/message.h>

#include "base/vmb_text.h"
#include "proto/vmb_message_layout.h"

static void print_guid(struct vmbi_text *line, const struct vmb_guid *guid)
{
    char text[VMB_GUID_TEXT_BYTES];

    vmb_guid_format(guid, text);
    vmbi_text_add(line, text);
}

/* The name of the class and, where it is an hv_sock service, its port; else the GUID. */
static void print_class(struct vmbi_text *line, const struct vmb_guid *guid)
{
    uint32_t port;

    if (vmb_guid_is_hvsock(guid, &port)) {
        vmbi_text_add(line, "hv_sock:");
        vmbi_text_add_number(line, port);
    } else if (vmb_class_of(guid) != VMB_CLASS_UNKNOWN) {
        vmbi_text_add(line, vmb_class_name(guid));
    } else {
        print_guid(line, guid);
    }
}

static void print_version(struct vmbi_text *line, uint32_t version)
{
    if (vmb_version_known(version)) {
        vmbi_text_add(line, vmb_version_name(version));
    } else {
        vmbi_text_add_hex(line, version, 8);
    }
}

static void print_features(struct vmbi_text *line, uint32_t features)
{
    const char *separator = " (";
    uint32_t bit;

    vmbi_text_add_hex(line, features, 1);
    for (bit = 1; bit != 0; bit <<= 1) {
        if ((features & bit & VMB_FEATURE_ALL) != 0) {
            vmbi_text_add(line, separator);
            vmbi_text_add(line, vmb_feature_name(bit));
            separator = " ";
        }
    }
    if ((features & VMB_FEATURE_ALL) != 0) {
        vmbi_text_add(line, ")");
    }
}

static void print_status(struct vmbi_text *line, uint32_t status)
{
    if (status == VMB_NTSTATUS_SUCCESS) {
        vmbi_text_add(line, "success");
    } else {
        vmbi_text_add_hex(line, status, 8);
    }
}

/* The class-specific bytes up to the last one that is not 0. */
static void print_bytes(struct vmbi_text *line, const uint8_t *bytes, uint32_t byte_count)
{
    while (byte_count > 0 && bytes[byte_count - 1u] == 0) {
        byte_count--;
    }
    if (byte_count == 0) {
        vmbi_text_add(line, "0");
    }
    vmbi_text_add_bytes(line, bytes, byte_count);
}

static void print_field(struct vmbi_text *line, uint32_t index, const struct vmb_message *message)
{
    const struct vmbi_message_field *field = &vmbi_message_fields[index];
    const uint8_t *member = (const uint8_t *)message + field->member;
    uint64_t value = vmbi_field_load(field, message);

    vmbi_text_add(line, " ");
    vmbi_text_add(line, vmbi_field_words[index].name);
    vmbi_text_add(line, "=");
    switch (vmbi_field_words[index].style) {
    case VMBI_STYLE_HEX:
        vmbi_text_add_hex(line, value, 1);
        break;
    case VMBI_STYLE_VP:
        if (value == VMB_VP_NONE) {
            vmbi_text_add(line, "none");
        } else {
            vmbi_text_add_number(line, value);
        }
        break;
    case VMBI_STYLE_STATUS:
        print_status(line, (uint32_t)value);
        break;
    case VMBI_STYLE_VERSION:
        print_version(line, (uint32_t)value);
        break;
    case VMBI_STYLE_FEATURES:
        print_features(line, (uint32_t)value);
        break;
    case VMBI_STYLE_GUID:
        print_guid(line, (const struct vmb_guid *)(const void *)member);
        break;
    case VMBI_STYLE_CLASS:
        print_class(line, (const struct vmb_guid *)(const void *)member);
        break;
    case VMBI_STYLE_BYTES:
        print_bytes(line, member, vmbi_field_bytes(field));
        break;
    default:
        vmbi_text_add_number(line, value);
        break;
    }
}

/* Whether to pass over a field: one that not all forms have, and that says nothing. */
static bool print_skips(const struct vmbi_message_field *field, const struct vmb_message *message)
{
    bool in_all_forms =
        field->since == 0 && field->before == VMBI_BRIEF_NEVER && field->features == 0;

    if (field->kind == VMBI_FIELD_GUID) {
        const void *member = (const uint8_t *)message + field->member;

        return !in_all_forms && vmb_guid_is_zero((const struct vmb_guid *)member);
    }
    return !in_all_forms && vmbi_field_load(field, message) == field->absent;
}

static void print_words(struct vmbi_text *line, const uint64_t *words, uint32_t word_count)
{
    uint32_t i;

    vmbi_text_add(line, " range_words=");
    vmbi_text_add_number(line, word_count);
    for (i = 0; i < word_count; i++) {
        vmbi_text_add(line, i == 0 ? ":" : ",");
        vmbi_text_add_hex(line, words[i], 1);
    }
}

uint32_t vmb_message_print(const struct vmb_message *message, char *text, uint32_t text_bytes)
{
    const struct vmb_msg_gpadl_header *header = &message->u.gpadl_header;
    const struct vmb_msg_gpadl_body *body = &message->u.gpadl_body;
    struct vmbi_text line;
    uint32_t i;

    vmbi_text_begin(&line, text, text_bytes);
    if (message->number == 0 || message->number > VMB_MSG_LAST) {
        vmbi_text_add(&line, "message ");
        vmbi_text_add_number(&line, message->number);
        return line.length;
    }
    vmbi_text_add(&line, vmb_message_name(message->number));
    for (i = 0; i < VMBI_MESSAGE_FIELD_COUNT; i++) {
        const struct vmbi_message_field *field = &vmbi_message_fields[i];

        if (field->number == message->number && !print_skips(field, message)) {
            print_field(&line, i, message);
        }
    }
    if (message->number == VMB_MSG_GPADL_HEADER) {
        print_words(&line, header->range_words,
                    header->range_word_count < VMB_GPADL_HEADER_WORDS ? header->range_word_count
                                                                      : VMB_GPADL_HEADER_WORDS);
    } else if (message->number == VMB_MSG_GPADL_BODY) {
        print_words(&line, body->range_words,
                    body->range_word_count < VMB_GPADL_BODY_WORDS ? body->range_word_count
                                                                  : VMB_GPADL_BODY_WORDS);
    }
    return line.length;
}
