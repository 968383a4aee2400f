/* SPDX-License-Identifier: MIT */
/*
 * What is sent tells nothing of what its memory held before: each channel message, out of any
 * struct, is written to its last byte into a buffer that holds nothing yet. At three versions, with
 * no features and with all, GPADLs with no words, some and all. The services' bodies are in
 * filled_services.c, storage packets in storage.c.
 */
#define PROOF_WITH_CONTENTS
#include "proof.h"

#include "proto/vmb_message_layout.c"
/* Behind the tables, whose sizes are known by now. */
#include "proto/vmb_message.c"
#include "proto/vmb_version.c"

volatile uint64_t proof_peer;

static struct vmb_message message;

/* The struct is such that there is one form only. */
static void fill(uint32_t version, uint32_t features)
{
    uint8_t buffer[VMB_MESSAGE_MAX_BYTES]; /* Holds nothing yet. */
    uint32_t bytes = 0;

    if (vmb_message_encode(&message, version, features, buffer, sizeof(buffer), &bytes) == VMB_OK) {
        proof_reached(filled);
        proof_filled(buffer, bytes);
    }
}

static void fill_each(uint32_t number, uint32_t version, uint32_t features)
{
    uint32_t count;

    proof_scramble(&message, sizeof(message));
    message.number = number;
    if (number == VMB_MSG_INITIATE_CONTACT) {
        message.u.initiate_contact.requested_version = version;
        message.u.initiate_contact.requested_features = features;
        fill(version, features);
    } else if (number == VMB_MSG_VERSION_RESPONSE) {
        message.u.version_response.supported_features = features;
        message.u.version_response.child_to_parent_gpa = 0;
        message.u.version_response.version_supported = false;
        fill(version, features);
        message.u.version_response.version_supported = true;
        fill(version, features);
        message.u.version_response.child_to_parent_gpa = VMB_PAGE_BYTES;
        fill(version, features);
    } else if (number != VMB_MSG_GPADL_HEADER && number != VMB_MSG_GPADL_BODY) {
        fill(version, features);
    } else {
        //@ loop unroll 4;
        for (count = 0; count <= VMB_GPADL_HEADER_WORDS; count += VMB_GPADL_HEADER_WORDS / 3) {
            if (number == VMB_MSG_GPADL_HEADER) {
                message.u.gpadl_header.range_word_count = count;
            } else {
                message.u.gpadl_body.range_word_count = count;
            }
            fill(version, features);
        }
    }
}

int main(void)
{
    static const uint32_t versions[] = {VMB_VERSION_0_13, VMB_VERSION_4_1, VMB_VERSION_6_0};
    uint32_t number, i;

    //@ loop unroll 30;
    for (number = 1; number <= VMB_MSG_LAST; number++) {
        //@ loop unroll 4;
        for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
            fill_each(number, versions[i], 0);
            fill_each(number, versions[i], VMB_FEATURE_ALL);
        }
    }
    return 0;
}
