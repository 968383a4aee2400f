/* SPDX-License-Identifier: MIT */
/*
 * The channel messages as two tables, which encoding, decoding, size checks and printing all
 * follow: which messages there are, and which fields each has, in which versions. They are made of
 * vmb_message_list.h, and as small as they can be: every guest has them.
 */
#ifndef VMB_MESSAGE_LAYOUT_H
#define VMB_MESSAGE_LAYOUT_H

#include <vmbus/proto/message.h>

#include "proto/vmb_message_list.h"

/* A known version in a byte, in the same order. */
#define VMBI_BRIEF(version) (VMB_VERSION_MAJOR(version) << 4 | VMB_VERSION_MINOR(version))
#define VMBI_BRIEF_NEVER    0xFFu

/* Which message it is. */
struct vmbi_message_kind {
    uint8_t sender;  /* An enum vmb_message_direction. */
    uint8_t since;   /* First version, brief; 0: legal before a version is agreed on. */
    uint8_t feature; /* Needed besides, or 0. */
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
    uint8_t number;   /* Of the message. */
    uint8_t kind;     /* An enum vmbi_field_kind. */
    uint8_t offset;   /* In the message, from the beginning of its header. */
    uint8_t absent;   /* Value of the member where the form in force lacks the field. */
    bool optional;    /* A sender may leave it out, and all behind it. */
    uint8_t since;    /* First version with the field, brief. */
    uint8_t before;   /* First version without it again, brief, or VMBI_BRIEF_NEVER. */
    uint8_t features; /* One of which must be in force, or 0. */
    uint16_t member;  /* In struct vmb_message. */
};

/* What people call a field. Arrays, so that the table needs no relocation. */
struct vmbi_field_words {
    char name[24];
    uint8_t style; /* An enum vmbi_field_style. */
};

/* What chooses the form of a message: its number, the version, brief, and the features. */
struct vmbi_message_form {
    const struct vmbi_message_field *fields; /* The first that has the number, if any. */
    uint32_t number;
    uint32_t version;
    uint32_t features;
};

#define VMBI_FIELD_ONE(message, type, field, offset, kind, style, forms) +1
enum {
    VMBI_MESSAGE_FIELD_COUNT = 0 VMBI_FIELD_LIST(VMBI_FIELD_ONE)
};

extern const struct vmbi_message_kind vmbi_message_kinds[VMB_MSG_LAST + 1u]; /* By number. */
/* By message, in wire order; the last one is of none and has a number above all. */
extern const struct vmbi_message_field vmbi_message_fields[VMBI_MESSAGE_FIELD_COUNT + 1];
extern const struct vmbi_field_words vmbi_field_words[VMBI_MESSAGE_FIELD_COUNT];

/* Bytes of a field in the message. */
uint32_t vmbi_field_bytes(const struct vmbi_message_field *field);

/* The value of a member that is a number or a bool; 0 of the others. */
uint64_t vmbi_field_load(const struct vmbi_message_field *field, const struct vmb_message *message);

/* Give such a member its value. */
void vmbi_field_store(const struct vmbi_message_field *field, uint64_t value,
                      struct vmb_message *message);

#endif /* VMB_MESSAGE_LAYOUT_H */
