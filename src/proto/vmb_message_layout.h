/* SPDX-License-Identifier: MIT */
/*
 * The channel messages as two tables, which encoding, decoding, size checks and printing all
 * follow: which messages there are, and which fields each has, in which versions.
 */
#ifndef VMB_MESSAGE_LAYOUT_H
#define VMB_MESSAGE_LAYOUT_H

#include <vmbus/proto/message.h>

/* Which message it is. The name is an array so that the table needs no relocation. */
struct vmbi_message_kind {
    char name[28];
    uint8_t sender;         /* An enum vmb_message_direction. */
    uint32_t first_version; /* 0: legal before a version is agreed on. */
    uint32_t feature;       /* Needed besides, or 0. */
};

/* What the bytes of a field are, and with which type the member of the struct holds it. */
enum vmbi_field_kind {
    VMBI_FIELD_U8,
    VMBI_FIELD_U16,
    VMBI_FIELD_U32,
    VMBI_FIELD_U64,
    VMBI_FIELD_BOOL8, /* A byte that is not 0; bool. */
    VMBI_FIELD_BIT8,  /* Bit 0 of a byte; bool. */
    VMBI_FIELD_BIT16, /* Bit 0 of 16 bits; bool. */
    VMBI_FIELD_GUID,
    VMBI_FIELD_USER /* VMB_USER_DEFINED_BYTES bytes. */
};

/* How people like to read a field. */
enum vmbi_field_style {
    VMBI_STYLE_NUMBER,
    VMBI_STYLE_HEX,
    VMBI_STYLE_VP,
    VMBI_STYLE_STATUS,
    VMBI_STYLE_VERSION,
    VMBI_STYLE_FEATURES,
    VMBI_STYLE_GUID,
    VMBI_STYLE_CLASS,
    VMBI_STYLE_BYTES
};

struct vmbi_message_field {
    char name[24];
    uint8_t number;    /* Of the message. */
    uint8_t kind;      /* An enum vmbi_field_kind. */
    uint8_t style;     /* An enum vmbi_field_style. */
    uint8_t offset;    /* In the message, from the beginning of its header. */
    uint16_t member;   /* In struct vmb_message. */
    uint8_t absent;    /* Value of the member where the form in force lacks the field. */
    bool optional;     /* A sender may leave it out, and all behind it. */
    uint32_t since;    /* First version with the field. */
    uint32_t before;   /* First version without it again, or UINT32_MAX. */
    uint32_t features; /* One of which must be in force, or 0. */
};

/* The version and the features that choose the form of a message. */
struct vmbi_message_form {
    uint32_t version;
    uint32_t features;
};

extern const struct vmbi_message_kind vmbi_message_kinds[VMB_MSG_LAST + 1u]; /* By number. */
extern const struct vmbi_message_field vmbi_message_fields[]; /* By message, in wire order. */
extern const uint32_t vmbi_message_field_count;

/* Bytes of a field in the message. */
uint32_t vmbi_field_bytes(const struct vmbi_message_field *field);

/* The value of a member that is a number or a bool. */
uint64_t vmbi_field_load(const struct vmbi_message_field *field, const struct vmb_message *message);

/* Whether a form has the field. */
bool vmbi_field_present(const struct vmbi_message_field *field,
                        const struct vmbi_message_form *form);

#endif /* VMB_MESSAGE_LAYOUT_H */
