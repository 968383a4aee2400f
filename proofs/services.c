/* SPDX-License-Identifier: MIT */
/*
 * Bodies of key/value exchange, backup and file copy, of any length and contents: nothing is read
 * past the end, and each key, value or piece of a file that was decoded lies within. Texts that
 * end with a zero, which have places of a fixed size, are in names.c.
 */
#define PROOF_WITHOUT_CONTENTS
#include "proof.h"

#include <stdlib.h>

#include "proto/vmb_file_copy.c"
#include "proto/vmb_kvp.c"
#include "proto/vmb_vss.c"

#define BODY_BYTES 8192u

static void check(const struct vmb_slice *slice)
{
    proof_readable(slice->bytes, slice->byte_count);
}

int main(void)
{
    uint32_t bytes = proof_below(BODY_BYTES + 1u), number;
    const uint8_t *body = malloc(bytes); /* Anything, and its end is sharp. */
    struct vmb_file_copy copy;
    struct vmb_kvp_item item;
    struct vmb_guid set;
    struct vmb_vss vss;

    proof_assume(body != NULL);
    if (vmb_kvp_item_decode(body, bytes, proof_any() != 0, &item) == VMB_OK) {
        check(&item.key);
        check(&item.value);
    }
    if (write_decode(body, bytes, &copy) == VMB_OK) {
        check(&copy.data);
        proof_check(copy.file_offset + copy.data.byte_count >= copy.file_offset);
    }
    if (vmb_vss_decode(body, bytes, &vss) == VMB_OK) {
        check(&vss.data);
        (void)vmb_vss_flags_decode(&vss, &number);
        (void)vmb_vss_snapshot_decode(&vss, &set, &number);
    }
    return 0;
}
