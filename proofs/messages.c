/* SPDX-License-Identifier: MIT */
/*
 * Channel messages: whatever bytes come, of whatever length, at whatever version and features and
 * from whichever side, each message of the table is decoded without a look past its end, and what
 * it says of its own words is true. Encoding is in encode.c.
 */
#define PROOF_WITHOUT_CONTENTS
#include "proof.h"

#include <stdlib.h>

#include "proto/vmb_message_layout.c"
/* Behind the tables, whose sizes are known by now. */
#include "proto/vmb_message.c"
#include "proto/vmb_version.c"

/*
 * What vmb_message_decode() does once it has the number: one message after the other, so that each
 * has only its own fields to be followed.
 */
static void decode(uint32_t number)
{
    struct vmbi_message_form form;
    uint32_t byte_count = proof_below(VMB_MESSAGE_MAX_BYTES + 1u);
    const uint8_t *bytes = malloc(byte_count); /* Anything, and its end is sharp. */
    struct vmb_message message;

    proof_assume(bytes != NULL && byte_count >= VMB_MESSAGE_HEADER_BYTES);
    message.number = number;
    message_form(number, (uint32_t)proof_any(), (uint32_t)proof_any(), &form);
    if (message_decode_as(&form, bytes, byte_count, &message) != VMB_OK) {
        return;
    }
    if (number == VMB_MSG_GPADL_HEADER) {
        proof_check(message.u.gpadl_header.range_word_count <= VMB_GPADL_HEADER_WORDS);
    } else if (number == VMB_MSG_GPADL_BODY) {
        proof_check(message.u.gpadl_body.range_word_count <= VMB_GPADL_BODY_WORDS);
    }
}

/* Up to there: any number. */
static void find(void)
{
    uint32_t number = (uint32_t)proof_any();

    if (vmb_message_sender(number) != 0) {
        proof_check(number > 0 && number <= VMB_MSG_LAST);
        proof_check(vmbi_message_kinds[number].sender == VMB_GUEST_TO_HOST ||
                    vmbi_message_kinds[number].sender == VMB_HOST_TO_GUEST);
    }
}

int main(void)
{
    uint32_t number;

    find();
    for (number = 1; number <= VMB_MSG_LAST; number++) {
        decode(number);
    }
    return 0;
}
