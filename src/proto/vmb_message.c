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

/*
 * A version that is not known is read like the newest known one below: it has the same fields. One
 * that is not known yet is taken for the newest: every form has its fields. The number is one that
 * there is.
 */
static void message_form(uint32_t number, uint32_t version, uint32_t features,
                         struct vmbi_message_form *out)
{
    const struct vmbi_message_field *field = vmbi_message_fields;
    uint32_t known =
        version < VMB_VERSION_NEWEST ? vmb_version_next_lower(version + 1u) : VMB_VERSION_NEWEST;

    while (field->number < number) {
        field++;
    }
    out->number = number;
    out->fields = field;
    out->version = VMBI_BRIEF(known);
    out->features = version >= VMB_VERSION_6_0 ? features : 0;
}

/* Of a request, which names both itself: what is not known is plain besides. */
static void message_contact_form(uint32_t version, uint32_t features, struct vmbi_message_form *out)
{
    message_form(VMB_MSG_INITIATE_CONTACT, version, vmb_version_known(version) ? features : 0, out);
}

static bool message_exists(const struct vmbi_message_form *form)
{
    const struct vmbi_message_kind *kind = &vmbi_message_kinds[form->number];

    return form->version >= kind->since &&
           (kind->feature == 0 || (form->features & kind->feature) != 0);
}

static VMB_NOINLINE bool message_has(const struct vmbi_message_form *form,
                                     const struct vmbi_message_field *field)
{
    return form->version >= field->since && form->version < field->before &&
           (field->features == 0 || (form->features & field->features) != 0);
}

/* The end of the last field of a form, of those that no sender leaves out or of all. */
static uint32_t message_bytes(const struct vmbi_message_form *form, bool optional)
{
    uint32_t bytes = VMB_MESSAGE_HEADER_BYTES;
    const struct vmbi_message_field *field;

    for (field = form->fields; field->number == form->number; field++) {
        if (message_has(form, field) && (optional || !field->optional)) {
            bytes = field->offset + vmbi_field_bytes(field); /* In wire order: the last one ends. */
        }
    }
    return bytes;
}

static void field_decode(const struct vmbi_message_field *field, const uint8_t *bytes,
                         struct vmb_message *message)
{
    uint32_t count = vmbi_field_bytes(field);
    uint64_t value = 0;

    if (count > sizeof(value)) {
        vmb_memcpy((uint8_t *)message + field->member, bytes, count);
        return;
    }
    while (count > 0) {
        count--;
        value = value << 8 | bytes[count];
    }
    if (field->kind == VMBI_FIELD_BOOL8) {
        value = value != 0 ? 1 : 0;
    } else if (field->kind > VMBI_FIELD_BOOL8) {
        value &= 1u;
    }
    vmbi_field_store(field, value, message);
}

static void field_encode(const struct vmbi_message_field *field, const struct vmb_message *message,
                         uint8_t *bytes)
{
    uint32_t count = vmbi_field_bytes(field);
    uint64_t value;

    if (count > sizeof(value)) {
        vmb_memcpy(bytes, (const uint8_t *)message + field->member, count);
        return;
    }
    for (value = vmbi_field_load(field, message); count > 0; count--) {
        *bytes++ = (uint8_t)value;
        value >>= 8;
    }
}

/* All fields of a form, out of bytes that hold at least those that no sender leaves out. */
static void message_decode_fields(const uint8_t *bytes, uint32_t byte_count,
                                  const struct vmbi_message_form *form, struct vmb_message *message)
{
    const struct vmbi_message_field *field;

    for (field = form->fields; field->number == form->number; field++) {
        if (message_has(form, field) && field->offset + vmbi_field_bytes(field) <= byte_count) {
            field_decode(field, bytes + field->offset, message);
        } else if (field->absent != 0) {
            vmbi_field_store(field, field->absent, message);
        }
    }
}

/* The words that follow the fields of messages 8 and 9. */
struct message_words {
    uint16_t count; /* In struct vmb_message, as the next. */
    uint16_t first;
    uint32_t limit;
};

static const struct message_words message_words_of[] = {
    {offsetof(struct vmb_message, u.gpadl_header.range_word_count),
     offsetof(struct vmb_message, u.gpadl_header.range_words), VMB_GPADL_HEADER_WORDS},
    {offsetof(struct vmb_message, u.gpadl_body.range_word_count),
     offsetof(struct vmb_message, u.gpadl_body.range_words), VMB_GPADL_BODY_WORDS},
};

static bool message_has_words(uint32_t number)
{
    return number == VMB_MSG_GPADL_HEADER || number == VMB_MSG_GPADL_BODY;
}

/* Those of them that came. The header says how many there are in all; a body does not. */
static void message_decode_words(const uint8_t *bytes, uint32_t byte_count,
                                 struct vmb_message *message)
{
    const struct message_words *of = &message_words_of[message->number - VMB_MSG_GPADL_HEADER];
    uint32_t *count = (uint32_t *)(void *)((uint8_t *)message + of->count);
    uint64_t *words = (uint64_t *)(void *)((uint8_t *)message + of->first);
    uint32_t limit = of->limit;
    uint32_t i;

    if (message->number == VMB_MSG_GPADL_HEADER &&
        message->u.gpadl_header.range_data_bytes / WORD_BYTES < limit) {
        limit = message->u.gpadl_header.range_data_bytes / WORD_BYTES;
    }
    for (i = 0; i < limit && byte_count >= WORD_BYTES; i++) {
        words[i] = vmbi_le64(bytes + i * WORD_BYTES);
        byte_count -= WORD_BYTES;
    }
    *count = i;
}

/* A message whose number, @form->number, there is. */
static vmb_status message_decode_as(struct vmbi_message_form *form, const uint8_t *bytes,
                                    uint32_t byte_count, struct vmb_message *message)
{
    uint32_t fixed_bytes;

    if (form->number == VMB_MSG_INITIATE_CONTACT) {
        message_form(form->number, VMB_VERSION_NONE, 0, form); /* To see which it names. */
    }
    fixed_bytes = message_bytes(form, false);
    if (form->number == VMB_MSG_INITIATE_CONTACT && byte_count >= fixed_bytes) {
        message_contact_form(vmbi_le32(bytes + CONTACT_REQUESTED_VERSION),
                             vmbi_le32(bytes + CONTACT_REQUESTED_FEATURES), form);
        fixed_bytes = message_bytes(form, false);
    }
    if (byte_count < fixed_bytes) {
        return VMB_ERR_MALFORMED;
    }
    if (form->number == VMB_MSG_VERSION_RESPONSE) {
        /* The form is that of the request, cut short by a refusal, grown by features. */
        if (bytes[RESPONSE_SUPPORTED] == 0) {
            return VMB_OK;
        }
        form->features &=
            byte_count < RESPONSE_FEATURES + RESPONSE_FEATURES_BYTES ? 0 : bytes[RESPONSE_FEATURES];
    }
    message_decode_fields(bytes, byte_count, form, message);
    if (form->number == VMB_MSG_VERSION_RESPONSE) {
        message->u.version_response.supported_features &= form->features;
        if (message->u.version_response.child_to_parent_gpa == 0) {
            message->u.version_response.parent_to_child_gpa = 0; /* Both pages or neither. */
        }
    } else if (message_has_words(form->number)) {
        message_decode_words(bytes + fixed_bytes, byte_count - fixed_bytes, message);
    }
    return VMB_OK;
}

vmb_status vmb_message_decode(const uint8_t *bytes, uint32_t byte_count,
                              enum vmb_message_direction direction, uint32_t version,
                              uint32_t features, struct vmb_message *out_message)
{
    struct vmbi_message_form form;
    uint32_t number;

    vmb_memset(out_message, 0, sizeof(*out_message));
    if (byte_count < VMB_MESSAGE_HEADER_BYTES) {
        return VMB_ERR_MALFORMED;
    }
    number = vmbi_le32(bytes);
    out_message->number = number;
    if (vmb_message_sender(number) != (uint32_t)direction) {
        return VMB_ERR_UNKNOWN;
    }
    message_form(number, version, features, &form);
    if (!message_exists(&form)) {
        return VMB_ERR_UNKNOWN;
    }
    return message_decode_as(&form, bytes, byte_count, out_message);
}

/* The form in which to send a message. */
static void message_send_form(const struct vmb_message *message, uint32_t version,
                              uint32_t features, struct vmbi_message_form *out)
{
    const struct vmb_msg_initiate_contact *contact = &message->u.initiate_contact;
    const struct vmb_msg_version_response *response = &message->u.version_response;

    if (message->number == VMB_MSG_INITIATE_CONTACT) {
        message_contact_form(contact->requested_version, contact->requested_features, out);
        return;
    }
    if (message->number == VMB_MSG_VERSION_RESPONSE) {
        version = response->version_supported ? version : VMB_VERSION_NONE;
        features = response->supported_features;
        if (response->child_to_parent_gpa == 0) {
            features &= ~VMB_FEATURE_HOST_MONITOR_PAGES;
        }
    }
    message_form(message->number, version, features, out);
}

static void message_encode_fields(const struct vmb_message *message,
                                  const struct vmbi_message_form *form, uint8_t *bytes)
{
    const struct vmbi_message_field *field;

    for (field = form->fields; field->number == form->number; field++) {
        if (message_has(form, field)) {
            field_encode(field, message, bytes + field->offset);
        }
    }
}

vmb_status vmb_message_encode(const struct vmb_message *message, uint32_t version,
                              uint32_t features, uint8_t *buffer, uint32_t buffer_bytes,
                              uint32_t *out_bytes)
{
    const uint64_t *words = NULL;
    struct vmbi_message_form form;
    uint32_t bytes, i;
    uint32_t word_count = 0;

    if (vmb_message_sender(message->number) == 0) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    message_form(message->number, version, features, &form);
    if (!message_exists(&form)) {
        return VMB_ERR_VERSION;
    }
    if (message_has_words(message->number)) {
        const struct message_words *of = &message_words_of[message->number - VMB_MSG_GPADL_HEADER];

        word_count = *(const uint32_t *)(const void *)((const uint8_t *)message + of->count);
        words = (const uint64_t *)(const void *)((const uint8_t *)message + of->first);
        if (word_count > of->limit) {
            return VMB_ERR_INVALID_ARGUMENT;
        }
    }
    message_send_form(message, version, features, &form);
    bytes = message_bytes(&form, true);
    *out_bytes = bytes + word_count * WORD_BYTES;
    if (*out_bytes > buffer_bytes) {
        return VMB_ERR_TOO_SMALL;
    }
    vmb_memset(buffer, 0, bytes);
    vmbi_put_le32(buffer, message->number);
    if (message->number != VMB_MSG_VERSION_RESPONSE ||
        message->u.version_response.version_supported) {
        message_encode_fields(message, &form, buffer);
    }
    for (i = 0; i < word_count; i++) {
        vmbi_put_le64(buffer + bytes + i * WORD_BYTES, words[i]);
    }
    return VMB_OK;
}

uint32_t vmb_message_sender(uint32_t number)
{
    return vmbi_message_kinds[number <= VMB_MSG_LAST ? number : 0].sender;
}

uint32_t vmb_message_minimum_bytes(uint32_t number, uint32_t version, uint32_t features)
{
    struct vmbi_message_form form;

    if (vmb_message_sender(number) == 0) {
        return 0;
    }
    message_form(number, version, features, &form);
    if (!message_exists(&form)) {
        return 0;
    }
    if (number == VMB_MSG_INITIATE_CONTACT) {
        message_contact_form(version, features, &form);
    }
    return message_bytes(&form, false);
}
