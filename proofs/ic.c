/* SPDX-License-Identifier: MIT */
/*
 * Integration services: heartbeat, shutdown and time. For every length up to 64 bytes, which is
 * beyond the last field that a length is compared with, and any contents: nothing is read past the
 * end, and what was decoded lies within. Any struct at all is encoded within its buffer, or
 * refused, the header and the versions included; how those are decoded is in negotiate.c.
 */
#define PROOF_WITH_CONTENTS
#include "proof.h"

#include "proto/vmb_ic.c"
#include "proto/vmb_ic_bodies.c"
#include "proto/vmb_pipe.c"

volatile uint64_t proof_peer;

#define BODY_BYTES 64u

/* Bodies of each length end where this ends. */
static uint8_t memory[BODY_BYTES];
static uint8_t large[VMB_IC_SHUTDOWN_BYTES];
static uint8_t text[VMB_IC_SHUTDOWN_TEXT_BYTES];

static void decode(const uint8_t *body, uint32_t bytes)
{
    struct vmb_ic_version version = {(uint16_t)proof_any(), 0};
    struct vmb_ic_heartbeat heartbeat;
    struct vmb_ic_shutdown shutdown;
    struct vmb_ic_timesync timesync;

    (void)vmb_ic_heartbeat_decode(body, bytes, &heartbeat);
    if (vmb_ic_shutdown_decode(body, bytes, &shutdown) == VMB_OK && shutdown.text != NULL) {
        proof_readable(shutdown.text, shutdown.text_bytes);
    }
    (void)vmb_ic_timesync_decode(body, bytes, version, &timesync);
}

static void encode(uint8_t *body, uint32_t limit)
{
    struct vmb_ic_version versions[2] = {{(uint16_t)proof_any(), (uint16_t)proof_any()}};
    struct vmb_ic_heartbeat heartbeat = {proof_any(), (uint32_t)proof_any()};
    struct vmb_ic_timesync timesync = {0};
    uint32_t bytes = 0, frameworks, messages;

    for (frameworks = 0; frameworks <= 2; frameworks++) {
        for (messages = 0; messages <= 2; messages++) {
            (void)vmb_ic_negotiate_encode(versions, (uint16_t)frameworks, versions,
                                          (uint16_t)messages, body, limit, &bytes);
        }
    }
    (void)vmb_ic_heartbeat_encode(&heartbeat, body, limit);
    (void)vmb_ic_timesync_encode(&timesync, versions[0], body, limit, &bytes);
}

int main(void)
{
    struct vmb_ic_header header = {{0, 0}, 0, {0, 0}, (uint16_t)proof_any(), 0, 0, 0};
    struct vmb_ic_shutdown shutdown = {0};
    uint32_t bytes;

    proof_scramble(text, sizeof(text));
    //@ loop unroll 65;
    for (bytes = 0; bytes <= BODY_BYTES; bytes++) {
        proof_scramble(memory, sizeof(memory));
        decode(memory + (BODY_BYTES - bytes), bytes);
        encode(memory + (BODY_BYTES - bytes), bytes);
    }
    vmb_ic_header_encode(&header, memory + (BODY_BYTES - VMB_IC_HEADER_BYTES));
    shutdown.text = text;
    shutdown.text_bytes = proof_below(2u * VMB_IC_SHUTDOWN_TEXT_BYTES);
    (void)vmb_ic_shutdown_encode(&shutdown, large, sizeof(large));
    (void)vmb_ic_shutdown_encode(&shutdown, large + 1, sizeof(large) - 1);
    return 0;
}
