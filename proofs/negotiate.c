/* SPDX-License-Identifier: MIT */
/*
 * The header of integration services, and their versions: of any length and contents, nothing is
 * read past the end; a body that is taken lies within. Whatever list of versions a peer sends, of
 * up to 5, choosing among them stays in it, and what is chosen is one of ours.
 */
#include "proof.h"

#include "proto/vmb_ic.c"
#include "proto/vmb_pipe.c"

#define LIST_BYTES (8u + 4u * 5u) /* As long as a header. */

static uint8_t memory[LIST_BYTES];

int main(void)
{
    uint32_t bytes = proof_below(LIST_BYTES + 1u);
    struct vmb_ic_version framework, message;
    struct vmb_ic_negotiate negotiate;
    struct vmb_pipe_header pipe;
    struct vmb_ic_header header;

    proof_scramble(memory, sizeof(memory));
    if (vmb_pipe_header_decode(memory + (LIST_BYTES - bytes), bytes, &pipe) == VMB_OK) {
        proof_check(pipe.data_offset >= VMB_PIPE_HEADER_BYTES &&
                    (uint64_t)pipe.data_offset + pipe.data_bytes <= bytes);
    }
    if (vmb_ic_header_decode(memory + (LIST_BYTES - bytes), bytes, &header) == VMB_OK) {
        proof_check(VMB_IC_HEADER_BYTES + header.body_bytes <= bytes);
    }
    if (vmb_ic_negotiate_decode(memory + (LIST_BYTES - bytes), bytes, &negotiate) == VMB_OK &&
        vmb_ic_negotiate_choose(&negotiate, (uint16_t)proof_any(), &framework, &message)) {
        proof_check(negotiate.framework_count > 0 && negotiate.message_count > 0);
        proof_check((framework.major == 3 || framework.major == 1) && framework.minor == 0);
    }
    return 0;
}
