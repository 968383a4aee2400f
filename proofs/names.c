/* SPDX-License-Identifier: MIT */
/*
 * Texts in bodies of key/value exchange and file copy that end with a zero, or do not: whatever
 * they hold, none is read past the end of the body. A question about an adapter has the first one
 * only.
 */
#include "proof.h"

#include "proto/vmb_file_copy.c"
#include "proto/vmb_kvp.c"

volatile uint64_t proof_peer;

int main(void)
{
    static uint8_t full[VMB_KVP_BODY_BYTES_MAX], question[IP_ADAPTER_BYTES], start[START_BYTES];
    static struct vmb_file_copy copy;
    uint32_t i;

    proof_scramble(full, sizeof(full));
    proof_scramble(question, sizeof(question));
    proof_scramble(start, sizeof(start));
    for (i = 0; i < IP_TEXT_COUNT; i++) {
        (void)ip_text_decode(full, &ip_texts[i]);
    }
    (void)ip_text_decode(question, &ip_texts[0]);
    (void)start_decode(start, sizeof(start), &copy);
    return 0;
}
