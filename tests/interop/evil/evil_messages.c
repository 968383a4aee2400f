/* SPDX-License-Identifier: MIT */
/* Messages of the bus: noise, half-truths, floods, and memory that is not what they say. */
#include "evil.h"

#include <vmbus/proto/version.h>

#include "x86_cpu.h"
#include "x86_hyperv.h"

#define MESSAGES_RELIDS 24u
#define MESSAGES_BYTES  240u
#define MESSAGES_DRAIN  32u /* Posts between two looks at what has come. */

void evil_post_bytes(uint32_t connection_id, const uint8_t *bytes, uint32_t byte_count)
{
    if (x86_hyperv_post_message(connection_id, bytes, byte_count) == VMB_OK) {
        evil.accepted++;
    } else {
        evil.refused++;
    }
}

static uint32_t messages_connection(void)
{
    return evil_random(16) == 0 ? (uint32_t)evil_number() : VMB_CONNECTION_MULTICLIENT;
}

void evil_post(const struct vmb_message *message)
{
    uint8_t bytes[MESSAGES_BYTES];
    uint32_t byte_count;

    if (vmb_message_encode(message, VMB_VERSION_5_3, 0, bytes, sizeof(bytes), &byte_count) ==
        VMB_OK) {
        evil_post_bytes(VMB_CONNECTION_MULTICLIENT, bytes, byte_count);
    }
}

static uint32_t messages_noise(uint8_t bytes[MESSAGES_BYTES])
{
    uint32_t byte_count = evil_random(MESSAGES_BYTES + 1);
    uint32_t i;

    for (i = 0; i < MESSAGES_BYTES; i++) {
        bytes[i] = evil_random(3) != 0 ? 0 : (uint8_t)evil_random(256);
    }
    bytes[0] = (uint8_t)evil_random(VMB_MSG_LAST + 3);
    bytes[1] = bytes[2] = bytes[3] = 0;
    /* Mostly about channels that there are. */
    bytes[8] = (uint8_t)evil_random(MESSAGES_RELIDS);
    return byte_count;
}

/* Not these, which any guest may send: they would end or silence the trial in its midst. */
static bool messages_harmless(uint8_t number)
{
    return number == VMB_MSG_UNLOAD || number == VMB_MSG_INITIATE_CONTACT ||
           number == VMB_MSG_PAUSE;
}

void evil_messages(uint32_t count)
{
    uint8_t bytes[MESSAGES_BYTES];
    uint32_t i;

    for (i = 0; i < count; i++) {
        uint32_t byte_count = messages_noise(bytes);

        if (!messages_harmless(bytes[0])) {
            evil_post_bytes(messages_connection(), bytes, byte_count);
        }
        if (i % MESSAGES_DRAIN == 0) {
            evil_drain();
        }
    }
    evil_drain();
}

void evil_flood(uint32_t count, bool paused)
{
    static const uint8_t pause[8] = {VMB_MSG_PAUSE};
    struct vmb_message message = {.number = VMB_MSG_MODIFY_CHANNEL};
    uint64_t flags = x86_irq_save(); /* So that nothing takes an answer. */
    uint32_t i;

    if (paused) {
        evil_post_bytes(VMB_CONNECTION_MULTICLIENT, pause, sizeof(pause));
    }
    for (i = 0; i < count; i++) {
        message.number = evil_random(2) == 0 ? VMB_MSG_MODIFY_CHANNEL : VMB_MSG_REQUEST_OFFERS;
        message.u.modify_channel = (struct vmb_msg_modify_channel){
            .relid = evil_random(MESSAGES_RELIDS), .target_vp = evil_random(5)};
        evil_post(&message);
    }
    x86_irq_restore(flags);
    evil_drain();
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static void gpadls_words(uint64_t *words, uint32_t count, bool has_range)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        words[i] = evil_page();
    }
    if (has_range && count != 0) {
        uint64_t offset = evil_random(3) == 0 ? evil_number() & 0xFFFFFFFFu : 0;
        uint64_t byte_count =
            evil_random(3) == 0 ? evil_number() & 0xFFFFFFFFu : 4096ull * (count - 1);

        words[0] = offset << 32 | byte_count;
    }
}

static void gpadls_one(uint32_t relid, uint32_t handle)
{
    struct vmb_message message = {.number = VMB_MSG_GPADL_HEADER};
    struct vmb_msg_gpadl_header *header = &message.u.gpadl_header;
    uint32_t words = 1 + evil_random(64);
    uint32_t sent = words < VMB_GPADL_HEADER_WORDS ? words : VMB_GPADL_HEADER_WORDS;

    header->relid = relid;
    header->gpadl = handle;
    header->range_data_bytes =
        evil_random(8) == 0 ? (uint16_t)evil_number() : (uint16_t)(words * 8);
    header->range_count = evil_random(8) == 0 ? (uint16_t)evil_number() : 1;
    header->range_word_count = sent;
    gpadls_words(header->range_words, sent, true);
    evil_post(&message);
    while (sent < words && evil_random(16) != 0) {
        uint32_t more = words - sent < VMB_GPADL_BODY_WORDS ? words - sent : VMB_GPADL_BODY_WORDS;

        message.number = VMB_MSG_GPADL_BODY;
        message.u.gpadl_body.body_index = evil_random(4);
        message.u.gpadl_body.gpadl = evil_random(8) == 0 ? handle + 1 : handle;
        message.u.gpadl_body.range_word_count = more;
        gpadls_words(message.u.gpadl_body.range_words, more, false);
        evil_post(&message);
        sent += more;
    }
}

void evil_gpadls(uint32_t count)
{
    struct vmb_message message;
    uint32_t i;

    for (i = 0; i < count; i++) {
        uint32_t relid = evil_random(MESSAGES_RELIDS);
        uint32_t handle = 0x66000 + evil_random(64);

        gpadls_one(relid, handle);
        if (evil_random(3) == 0) { /* Rings of it, wherever they are. */
            message = (struct vmb_message){.number = VMB_MSG_OPEN_CHANNEL};
            message.u.open_channel.relid = relid;
            message.u.open_channel.ring_gpadl = handle;
            message.u.open_channel.target_vp = evil_random(6);
            message.u.open_channel.downstream_page_offset = evil_random(70);
            evil_post(&message);
        }
        if (evil_random(2) == 0) {
            message = (struct vmb_message){.number = VMB_MSG_GPADL_TEARDOWN};
            message.u.gpadl_teardown.relid = relid;
            message.u.gpadl_teardown.gpadl = 0x66000 + evil_random(64);
            evil_post(&message);
        }
        if (evil_random(4) == 0) {
            message = (struct vmb_message){.number = VMB_MSG_CLOSE_CHANNEL};
            message.u.close_channel.relid = relid;
            evil_post(&message);
        }
        evil_drain();
    }
}
