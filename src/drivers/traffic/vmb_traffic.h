/* SPDX-License-Identifier: MIT */
/*
 * The payload of a traffic packet. Its pattern follows from all the other fields, so that a wrong
 * byte anywhere shows.
 *
 *     +0   u32  magic
 *     +4   u16  kind
 *     +6   u16  streamed packets wanted (requests), 0 (streamed packets)
 *     +8   u32  bytes of pattern
 *     +12  u32  0
 *     +16  u64  sequence number, each kind on its own, from 0 at each opening
 *     +24  u64  seed
 *     +32  u64  stamp: the sender's, returned as it came
 *     +40  u64  check: a mixture of all of the above
 *     +48  pattern, then zeros up to a multiple of 8
 */
#ifndef VMB_TRAFFIC_H
#define VMB_TRAFFIC_H

#include <vmbus/drivers/traffic.h>

#define VMBI_TRAFFIC_MAGIC     0x54424D56u /* "VMBT" */

#define VMBI_TRAFFIC_NO_ANSWER UINT32_MAX /* vmb_traffic_host.answer_bytes: nothing is kept. */

#define VMBI_TRAFFIC_REQUEST   1u /* Guest to host; its answer is the same bytes. */
#define VMBI_TRAFFIC_STREAMED  2u /* Host to guest. */

/* Members of struct vmb_traffic_counters, in its order. */
enum vmbi_traffic_counter {
    VMBI_TRAFFIC_PACKETS_SENT,
    VMBI_TRAFFIC_PACKETS_RECEIVED,
    VMBI_TRAFFIC_BYTES_SENT,
    VMBI_TRAFFIC_BYTES_RECEIVED,
    VMBI_TRAFFIC_ANSWERED,
    VMBI_TRAFFIC_STREAMS,
    VMBI_TRAFFIC_ABANDONED,
    VMBI_TRAFFIC_CORRUPT,
    VMBI_TRAFFIC_OUT_OF_ORDER,
    VMBI_TRAFFIC_UNASKED,
    VMBI_TRAFFIC_RING_FULL,
    VMBI_TRAFFIC_PEER_FAULTS
};

struct vmbi_traffic_packet {
    uint16_t kind;
    uint16_t streams;
    uint32_t pattern_bytes;
    uint64_t sequence;
    uint64_t seed;
    uint64_t stamp;
};

/* Bytes of a payload with that pattern, before any rounding. */
VMB_INLINE uint32_t vmbi_traffic_bytes(uint32_t pattern_bytes)
{
    return VMB_TRAFFIC_HEADER_BYTES + pattern_bytes;
}

/* A number that looks random and depends on every bit of its input. */
uint64_t vmbi_traffic_mix(uint64_t number);

/* Write header and pattern. @payload has room for vmbi_traffic_bytes(), rounded up to 8. */
void vmbi_traffic_fill(const struct vmbi_traffic_packet *packet, uint8_t *payload);

/* Read and check every byte of a payload; false if any is wrong. */
bool vmbi_traffic_check(const uint8_t *payload, uint32_t payload_bytes,
                        struct vmbi_traffic_packet *out_packet);

/* The counters have one writer, the channel's runner; anybody reads them. */
VMB_INLINE void vmbi_traffic_count(vmb_atomic_word *counters, enum vmbi_traffic_counter which,
                                   uint64_t amount)
{
    uintptr_t before = vmb_atomic_load(&counters[which], VMB_RELAXED);

    vmb_atomic_store(&counters[which], before + (uintptr_t)amount, VMB_RELAXED);
}

void vmbi_traffic_read_counters(const vmb_atomic_word *counters,
                                struct vmb_traffic_counters *out_counters);

#endif /* VMB_TRAFFIC_H */
