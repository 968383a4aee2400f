/* SPDX-License-Identifier: MIT */
/*
 * What is sent tells nothing of what its memory held before: the header and the bodies of the
 * integration services, encoded twice from one struct into two buffers that may hold anything, are
 * the same in both to the last byte. That they stay within is in ic.c.
 */
#define PROOF_WITH_CONTENTS
#include "proof.h"

#include "proto/vmb_ic.c"
#include "proto/vmb_ic_bodies.c"
#include "proto/vmb_pipe.c"

#define BYTES 64u

struct buffer {
    uint8_t bytes[BYTES];
};

/* Some byte of @count: the same in both. */
static void same(const struct buffer *first, const struct buffer *second, uint32_t count)
{
    uint32_t at = (uint32_t)proof_any();

    proof_check(count <= BYTES);
    proof_assume(at < count);
    proof_reached(some_byte);
    proof_check(first->bytes[at] == second->bytes[at]);
}

int main(void)
{
    struct vmb_ic_version version = {(uint16_t)proof_any(), (uint16_t)proof_any()};
    struct vmb_ic_version versions[2] = {{(uint16_t)proof_any(), (uint16_t)proof_any()}, version};
    uint32_t limit = proof_below(BYTES + 1u), count = 0, of = proof_below(3);
    struct vmb_ic_heartbeat heartbeat;
    struct vmb_ic_timesync timesync;
    struct vmb_ic_header header;
    struct buffer first, second;

    switch ((uint32_t)proof_any() % 4u) {
    case 0:
        vmb_ic_header_encode(&header, first.bytes);
        vmb_ic_header_encode(&header, second.bytes);
        count = VMB_IC_HEADER_BYTES;
        break;
    case 1:
        if (vmb_ic_heartbeat_encode(&heartbeat, first.bytes, limit) == VMB_OK &&
            vmb_ic_heartbeat_encode(&heartbeat, second.bytes, limit) == VMB_OK) {
            count = limit;
        }
        break;
    case 2:
        if (vmb_ic_timesync_encode(&timesync, version, first.bytes, limit, &count) != VMB_OK ||
            vmb_ic_timesync_encode(&timesync, version, second.bytes, limit, &count) != VMB_OK) {
            count = 0;
        }
        break;
    default:
        (void)vmb_ic_negotiate_encode(versions, (uint16_t)of, versions, 2, first.bytes, BYTES,
                                      &count);
        (void)vmb_ic_negotiate_encode(versions, (uint16_t)of, versions, 2, second.bytes, BYTES,
                                      &count);
        break;
    }
    same(&first, &second, count);
    return 0;
}
