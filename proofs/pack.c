/* SPDX-License-Identifier: MIT */
/*
 * Records of saved state, one field at a time: from any state that a pack can be in, any field is
 * read from within the record, or is zero and the record has failed; or it is written within, next
 * to the field before it, and nothing else is, so that no byte between them keeps what it was. What
 * was written is read as the same number.
 */
#define PROOF_WITH_CONTENTS
#include "proof.h"

#include <stdlib.h>

#include "base/vmb_pack.c"

#define RECORD_BYTES 24u
#define FIELD_BYTES  8u

struct field {
    uint8_t bytes[FIELD_BYTES];
};

static void read_field(struct vmbi_pack *pack, const uint8_t *record, uint32_t bytes)
{
    size_t before = pack->at;
    uint32_t i = proof_below(FIELD_BYTES);
    struct field field;

    proof_assume(pack->at <= pack->byte_count); /* As it begins, and each field leaves it. */
    pack->in = record;
    vmbi_pack_bytes(pack, field.bytes, bytes);
    proof_check(pack->at <= pack->byte_count && pack->at - before <= bytes);
    if (pack->at == before + bytes) {
        proof_reached(read);
        proof_check(i >= bytes || field.bytes[i] == record[before + i]);
    } else {
        proof_reached(short_of_bytes);
        proof_check(pack->failed && pack->at == before);
        proof_check(i >= bytes || field.bytes[i] == 0);
    }
}

static void write_field(struct vmbi_pack *pack, uint8_t *record, uint32_t bytes)
{
    size_t before = pack->at, i = (size_t)proof_any();
    struct field field, kept;
    uint8_t was;

    proof_assume(before <= UINT32_MAX && i < pack->byte_count);
    pack->out = record;
    kept = field;
    was = record[i];
    vmbi_pack_bytes(pack, field.bytes, bytes);
    proof_check(pack->at == before + bytes);
    if (pack->at <= pack->byte_count && i - before < bytes) {
        proof_reached(written);
        proof_check(record[i] == kept.bytes[i - before]);
    } else {
        proof_reached(not_its_own);
        proof_check(record[i] == was);
    }
}

static void numbers(struct vmbi_pack *pack)
{
    uint16_t half = (uint16_t)proof_any(), half_read = 0;
    uint32_t word = (uint32_t)proof_any(), word_read = 0;
    uint64_t number = proof_any(), number_read = 0;
    bool truth = proof_any() != 0, truth_read = false;
    uint8_t record[15];

    vmbi_pack_writer(pack, record, sizeof(record));
    vmbi_pack_u16(pack, &half);
    vmbi_pack_u32(pack, &word);
    vmbi_pack_u64(pack, &number);
    vmbi_pack_bool(pack, &truth);
    proof_check(vmbi_pack_end(pack) == VMB_OK);
    vmbi_pack_reader(pack, record, sizeof(record));
    vmbi_pack_u16(pack, &half_read);
    vmbi_pack_u32(pack, &word_read);
    vmbi_pack_u64(pack, &number_read);
    vmbi_pack_bool(pack, &truth_read);
    proof_check(vmbi_pack_end(pack) == VMB_OK);
    proof_check(half_read == half && word_read == word && number_read == number &&
                truth_read == truth);
    proof_reached(the_same);
}

int main(void)
{
    struct vmbi_pack pack = {0};
    uint32_t bytes = proof_below(FIELD_BYTES + 1u);
    uint8_t *record;

    pack.byte_count = proof_below(RECORD_BYTES + 1u);
    pack.at = (size_t)proof_any();
    pack.failed = proof_any() != 0;
    record = malloc(pack.byte_count); /* Anything, and its end is sharp. */
    proof_assume(record != NULL);
    switch ((uint32_t)proof_any() % 3u) {
    case 0:
        read_field(&pack, record, bytes);
        break;
    case 1:
        write_field(&pack, record, bytes);
        break;
    default:
        numbers(&pack);
        break;
    }
    return 0;
}
