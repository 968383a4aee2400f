/* SPDX-License-Identifier: MIT */
/*
 * Storage packets: of any length that a header is taken of, whatever they say, each decoder keeps
 * within the packet, and a request or an answer that is taken has a CDB or sense data that fit.
 * What is encoded fills the packet, and nothing of what was there before remains in it.
 */
#define PROOF_WITH_CONTENTS
#include "proof.h"

#include <stdlib.h>

#include "proto/vmb_stor.c"
#include "proto/vmb_stor_srb.c"

static uint8_t *packet_of(uint32_t bytes)
{
    uint8_t *packet = malloc(bytes); /* Anything, and its end is sharp. */

    proof_assume(packet != NULL);
    return packet;
}

static void decode(const uint8_t *packet, uint32_t bytes)
{
    struct vmb_stor_header header;
    struct vmb_stor_srb srb;
    struct vmb_stor_properties properties;
    struct vmb_stor_fibre_channel names;
    struct vmb_stor_event event;
    bool is_answer = proof_any() != 0;
    vmb_status status = vmb_stor_header_decode(packet, bytes, &header);

    if (status == VMB_ERR_MALFORMED) {
        return;
    }
    proof_check((status == VMB_OK) == (vmb_stor_operation_name(header.operation)[0] != '?'));
    if (vmb_stor_srb_decode(packet, bytes, is_answer, &srb) == VMB_OK) {
        proof_check(is_answer ? srb.sense_bytes <= VMB_STOR_SENSE_BYTES
                              : srb.cdb_bytes <= VMB_STOR_CDB_BYTES);
    }
    vmb_stor_properties_decode(packet, &properties);
    vmb_stor_fibre_channel_decode(packet, &names);
    vmb_stor_event_decode(packet, &event);
    (void)vmb_stor_version_decode(packet);
    (void)vmb_stor_sub_channels_decode(packet);
}

/* The same struct over two packets of any contents. */
static void encode(uint32_t bytes)
{
    uint8_t *first = packet_of(bytes), *second = packet_of(bytes);
    struct vmb_stor_header header;
    struct vmb_stor_srb srb;
    uint32_t at = (uint32_t)proof_any();

    proof_assume(srb.cdb_bytes <= VMB_STOR_CDB_BYTES && srb.sense_bytes <= VMB_STOR_SENSE_BYTES);
    vmb_stor_header_encode(&header, first, bytes);
    vmb_stor_header_encode(&header, second, bytes);
    proof_assume(at < bytes);
    proof_check(first[at] == second[at] && (at < 12u || first[at] == 0));
    vmb_stor_srb_encode(&srb, first, bytes);
    vmb_stor_srb_encode(&srb, second, bytes);
    proof_check(first[at] == second[at]);
}

int main(void)
{
    uint32_t bytes = proof_below(VMB_STOR_PACKET_BYTES + 1u);

    decode(packet_of(bytes), bytes);
    encode(VMB_STOR_PACKET_BYTES_OLD);
    encode(VMB_STOR_PACKET_BYTES);
    return 0;
}
