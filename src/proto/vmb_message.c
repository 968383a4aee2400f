/* SPDX-License-Identifier: MIT */
/*
 * Encoding, decoding and refusing of channel messages, by the tables of vmb_message_layout.c.
 * What no table says is here: the forms that messages 14 and 15 choose for themselves, and the
 * words of messages 8 and 9.
 */
#include <vmbus/platform/string.h>
#include <vmbus/proto/message.h>

#include "base/vmb_le.h"
#include "proto/vmb_message_layout.h"

/* Bytes that choose the form of messages 14 and 15. */
#define CONTACT_REQUESTED_VERSION  8u
#define CONTACT_REQUESTED_FEATURES 20u
#define RESPONSE_SUPPORTED         8u
#define RESPONSE_FEATURES          16u
#define RESPONSE_FEATURES_BYTES    4u

#define WORD_BYTES                 8u
#define GPADL_HEADER_DATA          20u
#define GPADL_BODY_DATA            16u

/* A version that is not known yet is taken for the newest one: every form has its fields. */
static struct vmbi_message_form message_form(uint32_t version, uint32_t features)
{
    struct vmbi_message_form form;

    form.version = version < VMB_VERSION_NEWEST ? version : VMB_VERSION_NEWEST;
    form.features = version >= VMB_VERSION_6_0 ? features : 0;
    return form;
}

/* Of a request: what is not known is read like the newest known version below, and plain. */
static struct vmbi_message_form message_contact_form(uint32_t version, uint32_t features)
{
    if (!vmb_version_known(version)) {
        return message_form(vmb_version_next_lower(version), 0);
    }
    return message_form(version, features);
}

static bool message_exists(uint32_t number, const struct vmbi_message_form *form)
{
    const struct vmbi_message_kind *kind;

    if (number == 0 || number > VMB_MSG_LAST) {
        return false;
    }
    kind = &vmbi_message_kinds[number];
    return form->version >= kind->first_version &&
           (kind->feature == 0 || (form->features & kind->feature) != 0);
}

/* The first field of a message, or of the next one that has some: they stand in that order. */
static uint32_t message_first_field(uint32_t number)
{
    uint32_t first = 0;
    uint32_t count = vmbi_message_field_count;

    while (count > 0) {
        uint32_t half = count / 2u;

        if (vmbi_message_fields[first + half].number < number) {
            first += half + 1u;
            count -= half + 1u;
        } else {
            count = half;
        }
    }
    return first;
}

static bool message_has_field(uint32_t number, uint32_t index)
{
    return index < vmbi_message_field_count && vmbi_message_fields[index].number == number;
}

/* The end of the last field of a form, of those that no sender leaves out or of all. */
static uint32_t message_bytes(uint32_t number, const struct vmbi_message_form *form, bool optional)
{
    uint32_t bytes = VMB_MESSAGE_HEADER_BYTES;
    uint32_t i;

    for (i = message_first_field(number); message_has_field(number, i); i++) {
        const struct vmbi_message_field *field = &vmbi_message_fields[i];

        if (vmbi_field_present(field, form) && (optional || !field->optional) &&
            bytes < field->offset + vmbi_field_bytes(field)) {
            bytes = field->offset + vmbi_field_bytes(field);
        }
    }
    return bytes;
}

static void field_store_number(const struct vmbi_message_field *field, uint64_t value,
                               struct vmb_message *message)
{
    uint8_t *member = (uint8_t *)message + field->member;
    uint16_t number16 = (uint16_t)value;
    uint32_t number32 = (uint32_t)value;
    bool flag = value != 0;

    switch (field->kind) {
    case VMBI_FIELD_U8:
        *member = (uint8_t)value;
        break;
    case VMBI_FIELD_U16:
        vmb_memcpy(member, &number16, sizeof(number16));
        break;
    case VMBI_FIELD_U32:
        vmb_memcpy(member, &number32, sizeof(number32));
        break;
    case VMBI_FIELD_U64:
        vmb_memcpy(member, &value, sizeof(value));
        break;
    default:
        vmb_memcpy(member, &flag, sizeof(flag));
        break;
    }
}

static void field_decode(const struct vmbi_message_field *field, const uint8_t *bytes,
                         struct vmb_message *message)
{
    switch (field->kind) {
    case VMBI_FIELD_GUID:
    case VMBI_FIELD_USER:
        vmb_memcpy((uint8_t *)message + field->member, bytes, vmbi_field_bytes(field));
        break;
    case VMBI_FIELD_U8:
    case VMBI_FIELD_BOOL8:
        field_store_number(field, bytes[0], message);
        break;
    case VMBI_FIELD_BIT8:
    case VMBI_FIELD_BIT16:
        field_store_number(field, bytes[0] & 1u, message);
        break;
    case VMBI_FIELD_U16:
        field_store_number(field, vmbi_le16(bytes), message);
        break;
    case VMBI_FIELD_U32:
        field_store_number(field, vmbi_le32(bytes), message);
        break;
    default:
        field_store_number(field, vmbi_le64(bytes), message);
        break;
    }
}

static void field_encode(const struct vmbi_message_field *field, const struct vmb_message *message,
                         uint8_t *bytes)
{
    uint64_t value = vmbi_field_load(field, message);

    switch (vmbi_field_bytes(field)) {
    case 1:
        bytes[0] = (uint8_t)value;
        break;
    case 2:
        vmbi_put_le16(bytes, (uint16_t)value);
        break;
    case 4:
        vmbi_put_le32(bytes, (uint32_t)value);
        break;
    case 8:
        vmbi_put_le64(bytes, value);
        break;
    default:
        vmb_memcpy(bytes, (const uint8_t *)message + field->member, vmbi_field_bytes(field));
        break;
    }
}

/* All fields of a form, out of bytes that hold at least those that no sender leaves out. */
static void message_decode_fields(const uint8_t *bytes, uint32_t byte_count,
                                  const struct vmbi_message_form *form, struct vmb_message *message)
{
    uint32_t i;

    for (i = message_first_field(message->number); message_has_field(message->number, i); i++) {
        const struct vmbi_message_field *field = &vmbi_message_fields[i];

        if (vmbi_field_present(field, form) &&
            field->offset + vmbi_field_bytes(field) <= byte_count) {
            field_decode(field, bytes + field->offset, message);
        } else if (field->absent != 0) {
            field_store_number(field, field->absent, message);
        }
    }
}

static uint32_t words_decode(const uint8_t *bytes, uint32_t byte_count, uint32_t limit,
                             uint64_t *words)
{
    uint32_t count = byte_count / WORD_BYTES;
    uint32_t i;

    if (count > limit) {
        count = limit;
    }
    for (i = 0; i < count; i++) {
        words[i] = vmbi_le64(bytes + i * WORD_BYTES);
    }
    return count;
}

/* The words of messages 8 and 9. The header says how many there are in all; a body does not. */
static void message_decode_words(const uint8_t *bytes, uint32_t byte_count,
                                 struct vmb_message *message)
{
    if (message->number == VMB_MSG_GPADL_HEADER) {
        struct vmb_msg_gpadl_header *header = &message->u.gpadl_header;
        uint32_t needed = header->range_data_bytes / WORD_BYTES;

        header->range_word_count = words_decode(
            bytes + GPADL_HEADER_DATA, byte_count - GPADL_HEADER_DATA,
            needed < VMB_GPADL_HEADER_WORDS ? needed : VMB_GPADL_HEADER_WORDS, header->range_words);
    } else if (message->number == VMB_MSG_GPADL_BODY) {
        struct vmb_msg_gpadl_body *body = &message->u.gpadl_body;

        body->range_word_count = words_decode(bytes + GPADL_BODY_DATA, byte_count - GPADL_BODY_DATA,
                                              VMB_GPADL_BODY_WORDS, body->range_words);
    }
}

/* InitiateContact: the request names its own form. */
static vmb_status message_decode_contact(const uint8_t *bytes, uint32_t byte_count,
                                         struct vmb_message *message)
{
    struct vmbi_message_form form;

    form = message_form(VMB_VERSION_NONE, 0);
    if (byte_count < message_bytes(VMB_MSG_INITIATE_CONTACT, &form, false)) {
        return VMB_ERR_MALFORMED;
    }
    form = message_contact_form(vmbi_le32(bytes + CONTACT_REQUESTED_VERSION),
                                vmbi_le32(bytes + CONTACT_REQUESTED_FEATURES));
    if (byte_count < message_bytes(VMB_MSG_INITIATE_CONTACT, &form, false)) {
        return VMB_ERR_MALFORMED;
    }
    message_decode_fields(bytes, byte_count, &form, message);
    return VMB_OK;
}

/* VersionResponse: the form is that of the request, cut short by a refusal, grown by features. */
static vmb_status message_decode_response(const uint8_t *bytes, uint32_t byte_count,
                                          const struct vmbi_message_form *requested,
                                          struct vmb_message *message)
{
    struct vmbi_message_form form = *requested;

    if (byte_count < message_bytes(VMB_MSG_VERSION_RESPONSE, &form, false)) {
        return VMB_ERR_MALFORMED;
    }
    if (bytes[RESPONSE_SUPPORTED] == 0) {
        return VMB_OK;
    }
    if (byte_count < RESPONSE_FEATURES + RESPONSE_FEATURES_BYTES) {
        form.features = 0;
    } else {
        form.features &= vmbi_le32(bytes + RESPONSE_FEATURES);
    }
    message_decode_fields(bytes, byte_count, &form, message);
    message->u.version_response.supported_features &= form.features;
    if (message->u.version_response.child_to_parent_gpa == 0) {
        message->u.version_response.parent_to_child_gpa = 0; /* Both pages or neither. */
    }
    return VMB_OK;
}

vmb_status vmb_message_decode(const uint8_t *bytes, uint32_t byte_count,
                              enum vmb_message_direction direction, uint32_t version,
                              uint32_t features, struct vmb_message *out_message)
{
    struct vmbi_message_form form = message_form(version, features);
    uint32_t number;

    vmb_memset(out_message, 0, sizeof(*out_message));
    if (byte_count < VMB_MESSAGE_HEADER_BYTES) {
        return VMB_ERR_MALFORMED;
    }
    number = vmbi_le32(bytes);
    out_message->number = number;
    if (!message_exists(number, &form) ||
        vmbi_message_kinds[number].sender != (uint32_t)direction) {
        return VMB_ERR_UNKNOWN;
    }
    if (number == VMB_MSG_INITIATE_CONTACT) {
        return message_decode_contact(bytes, byte_count, out_message);
    }
    if (number == VMB_MSG_VERSION_RESPONSE) {
        return message_decode_response(bytes, byte_count, &form, out_message);
    }
    if (byte_count < message_bytes(number, &form, false)) {
        return VMB_ERR_MALFORMED;
    }
    message_decode_fields(bytes, byte_count, &form, out_message);
    message_decode_words(bytes, byte_count, out_message);
    return VMB_OK;
}

/* The form in which to send a message. */
static struct vmbi_message_form message_send_form(const struct vmb_message *message,
                                                  uint32_t version, uint32_t features)
{
    const struct vmb_msg_initiate_contact *contact = &message->u.initiate_contact;
    const struct vmb_msg_version_response *response = &message->u.version_response;

    if (message->number == VMB_MSG_INITIATE_CONTACT) {
        return message_contact_form(contact->requested_version, contact->requested_features);
    }
    if (message->number != VMB_MSG_VERSION_RESPONSE) {
        return message_form(version, features);
    }
    if (!response->version_supported) {
        return message_form(VMB_VERSION_NONE, 0);
    }
    if (response->child_to_parent_gpa == 0) {
        return message_form(version,
                            response->supported_features & ~VMB_FEATURE_HOST_MONITOR_PAGES);
    }
    return message_form(version, response->supported_features);
}

/* The words that follow the fields; *out_count is more than fits if the caller is wrong. */
static const uint64_t *message_words(const struct vmb_message *message, uint32_t *out_count,
                                     uint32_t *out_limit)
{
    *out_count = 0;
    *out_limit = 0;
    if (message->number == VMB_MSG_GPADL_HEADER) {
        *out_count = message->u.gpadl_header.range_word_count;
        *out_limit = VMB_GPADL_HEADER_WORDS;
        return message->u.gpadl_header.range_words;
    }
    if (message->number == VMB_MSG_GPADL_BODY) {
        *out_count = message->u.gpadl_body.range_word_count;
        *out_limit = VMB_GPADL_BODY_WORDS;
        return message->u.gpadl_body.range_words;
    }
    return NULL;
}

static void message_encode_fields(const struct vmb_message *message,
                                  const struct vmbi_message_form *form, uint8_t *bytes)
{
    uint32_t i;

    for (i = message_first_field(message->number); message_has_field(message->number, i); i++) {
        const struct vmbi_message_field *field = &vmbi_message_fields[i];

        if (vmbi_field_present(field, form)) {
            field_encode(field, message, bytes + field->offset);
        }
    }
}

vmb_status vmb_message_encode(const struct vmb_message *message, uint32_t version,
                              uint32_t features, uint8_t *buffer, uint32_t buffer_bytes,
                              uint32_t *out_bytes)
{
    struct vmbi_message_form form = message_form(version, features);
    const uint64_t *words;
    uint32_t fixed_bytes, bytes, word_count, word_limit, i;

    if (message->number == 0 || message->number > VMB_MSG_LAST) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    if (!message_exists(message->number, &form)) {
        return VMB_ERR_VERSION;
    }
    words = message_words(message, &word_count, &word_limit);
    if (word_count > word_limit) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    form = message_send_form(message, version, features);
    fixed_bytes = message_bytes(message->number, &form, true);
    bytes = fixed_bytes + word_count * WORD_BYTES;
    *out_bytes = bytes;
    if (bytes > buffer_bytes) {
        return VMB_ERR_TOO_SMALL;
    }
    vmb_memset(buffer, 0, bytes);
    vmbi_put_le32(buffer, message->number);
    if (message->number != VMB_MSG_VERSION_RESPONSE ||
        message->u.version_response.version_supported) {
        message_encode_fields(message, &form, buffer);
    }
    for (i = 0; i < word_count; i++) {
        vmbi_put_le64(buffer + fixed_bytes + i * WORD_BYTES, words[i]);
    }
    return VMB_OK;
}

const char *vmb_message_name(uint32_t number)
{
    return vmbi_message_kinds[number <= VMB_MSG_LAST ? number : 0].name;
}

uint32_t vmb_message_sender(uint32_t number)
{
    return vmbi_message_kinds[number <= VMB_MSG_LAST ? number : 0].sender;
}

uint32_t vmb_message_minimum_bytes(uint32_t number, uint32_t version, uint32_t features)
{
    struct vmbi_message_form form = message_form(version, features);

    if (!message_exists(number, &form)) {
        return 0;
    }
    if (number == VMB_MSG_INITIATE_CONTACT) {
        form = message_contact_form(version, features);
    }
    return message_bytes(number, &form, false);
}
