/* SPDX-License-Identifier: MIT */
/*
 * Channel messages: whatever bytes come, of whatever length, at whatever version and features and
 * from whichever side, each message of the table is decoded without a look past its end, and what
 * it says of its own words is true. And any struct at all is encoded within the buffer, or refused.
 */
#define PROOF_WITHOUT_CONTENTS
#include "proof.h"

#include <stdlib.h>

#include "proto/vmb_message_layout.c"
/* Behind the tables, whose sizes are known by now. */
#include "proto/vmb_message.c"
#include "proto/vmb_version.c"

static void decode_any(void)
{
    uint32_t byte_count = proof_below(VMB_MESSAGE_MAX_BYTES + 1u);
    const uint8_t *bytes = malloc(byte_count); /* Anything, and its end is sharp. */
    struct vmb_message message;
    enum vmb_message_direction direction = proof_any() != 0 ? VMB_HOST_TO_GUEST : VMB_GUEST_TO_HOST;

    proof_assume(bytes != NULL);
    if (vmb_message_decode(bytes, byte_count, direction, (uint32_t)proof_any(),
                           (uint32_t)proof_any(), &message) != VMB_OK) {
        return;
    }
    proof_check(message.number > 0 && message.number <= VMB_MSG_LAST);
    if (message.number == VMB_MSG_GPADL_HEADER) {
        proof_check(message.u.gpadl_header.range_word_count <= VMB_GPADL_HEADER_WORDS);
    } else if (message.number == VMB_MSG_GPADL_BODY) {
        proof_check(message.u.gpadl_body.range_word_count <= VMB_GPADL_BODY_WORDS);
    }
}

static void encode_any(void)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    struct vmb_message message; /* Anything. */
    uint32_t limit = proof_below(sizeof(bytes) + 1u), byte_count = 0;

    if (vmb_message_encode(&message, (uint32_t)proof_any(), (uint32_t)proof_any(),
                           bytes + (sizeof(bytes) - limit), limit, &byte_count) == VMB_OK) {
        proof_check(byte_count <= limit && byte_count >= VMB_MESSAGE_HEADER_BYTES);
    }
}

int main(void)
{
#ifdef PROOF_ENCODE
    encode_any();
#else
    decode_any();
#endif
    return 0;
}
