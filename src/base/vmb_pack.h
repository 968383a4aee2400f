/* SPDX-License-Identifier: MIT */
/*
 * Records of saved state: little-endian, without padding. One function describes a record by going
 * over its fields; the pack decides whether that writes or reads them, so the two cannot differ.
 */
#ifndef VMB_PACK_H
#define VMB_PACK_H

#include <vmbus/status.h>
#include <vmbus/types.h>

struct vmbi_pack {
    uint8_t *out;      /* Where to write; */
    const uint8_t *in; /* or where to read from, if this is not NULL. */
    size_t byte_count; /* What there is of it. */
    size_t at;         /* Writing goes on counting beyond the end: what it would have taken. */
    bool failed;       /* Reading came to the end too early, or upon a value that cannot be. */
};

void vmbi_pack_writer(struct vmbi_pack *pack, void *bytes, size_t byte_count);
void vmbi_pack_reader(struct vmbi_pack *pack, const void *bytes, size_t byte_count);

VMB_INLINE bool vmbi_pack_reads(const struct vmbi_pack *pack)
{
    return pack->in != NULL;
}

/* Reading beyond the end gives zeroes and fails. */
void vmbi_pack_bytes(struct vmbi_pack *pack, void *bytes, size_t byte_count);
void vmbi_pack_u8(struct vmbi_pack *pack, uint8_t *value);
void vmbi_pack_u16(struct vmbi_pack *pack, uint16_t *value);
void vmbi_pack_u32(struct vmbi_pack *pack, uint32_t *value);
void vmbi_pack_u64(struct vmbi_pack *pack, uint64_t *value);
/* A byte that is 0 or 1. */
void vmbi_pack_bool(struct vmbi_pack *pack, bool *value);
/* A time of a clock that does not go on: travels as what is left until then. VMB_NEVER stays. */
void vmbi_pack_deadline(struct vmbi_pack *pack, uint64_t *deadline_ns, uint64_t now_ns);

/*
 * The end of a record that stands alone, such as a device's. Reading: VMB_ERR_MALFORMED if it
 * failed or something is left. Writing: VMB_ERR_TOO_SMALL if it did not fit.
 */
VMB_NODISCARD vmb_status vmbi_pack_end(const struct vmbi_pack *pack);

/* The checksum of Ethernet and zip: finds every change of up to 32 bits in a row. Start with 0. */
uint32_t vmbi_crc32(uint32_t crc, const uint8_t *bytes, size_t byte_count);

#endif /* VMB_PACK_H */
