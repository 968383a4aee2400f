/* SPDX-License-Identifier: MIT */
/*
 * Channel messages that we send: any struct at all, each message, at each version and with any
 * features, is refused or written within a buffer of a message's size; those whose form follows
 * from version and features alone, within shorter ones, too.
 */
#define PROOF_WITH_CONTENTS
#include "proof.h"

#include "proto/vmb_message_layout.c"
/* Behind the tables, whose sizes are known by now. */
#include "proto/vmb_message.c"
#include "proto/vmb_version.c"

volatile uint64_t proof_peer;

static uint8_t buffer[VMB_MESSAGE_MAX_BYTES];
static struct vmb_message message;

static void encode(uint32_t number, uint32_t version, uint32_t features, uint32_t limit)
{
    uint8_t *end = buffer + sizeof(buffer);
    uint32_t bytes = 0;

    proof_scramble(&message, sizeof(message));
    message.number = number;
    if (number == VMB_MSG_VERSION_RESPONSE) {
        message.u.version_response.version_supported = proof_any() != 0;
    }
    if (vmb_message_encode(&message, version, features, end - limit, limit, &bytes) == VMB_OK) {
        proof_check(bytes <= limit && bytes >= VMB_MESSAGE_HEADER_BYTES);
    }
}

static bool form_is_known(uint32_t number)
{
    return number != VMB_MSG_GPADL_HEADER && number != VMB_MSG_GPADL_BODY &&
           number != VMB_MSG_INITIATE_CONTACT && number != VMB_MSG_VERSION_RESPONSE;
}

int main(void)
{
    static const uint32_t versions[] = {VMB_VERSION_0_13, VMB_VERSION_1_1, VMB_VERSION_2_4,
                                        VMB_VERSION_4_1,  VMB_VERSION_5_2, VMB_VERSION_5_3,
                                        VMB_VERSION_6_0};
    static const uint32_t limits[] = {4, 12, 24, 60, 196};
    uint32_t number, i, k;

    //@ loop unroll 30;
    for (number = 1; number <= VMB_MSG_LAST; number++) {
        //@ loop unroll 8;
        for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
            encode(number, versions[i], (uint32_t)proof_any(), sizeof(buffer));
            //@ loop unroll 6;
            for (k = 0; form_is_known(number) && k < sizeof(limits) / sizeof(limits[0]); k++) {
                encode(number, versions[i], 0, limits[k]);
                encode(number, versions[i], VMB_FEATURE_ALL, limits[k]);
            }
        }
    }
    return 0;
}
