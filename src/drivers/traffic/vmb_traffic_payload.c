/* SPDX-License-Identifier: MIT */
/* Traffic: making and checking payloads, for both roles. */
#include "drivers/traffic/vmb_traffic.h"

#include <vmbus/platform/string.h>

#include "base/vmb_le.h"
#include "base/vmb_number.h"

#define TRAFFIC_STEP 0x9E3779B97F4A7C15u /* 2^64 divided by the golden ratio, odd. */

/* The finalizer of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom generators). */
uint64_t vmbi_traffic_mix(uint64_t number)
{
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9u;
    number = (number ^ number >> 27) * 0x94D049BB133111EBu;
    return number ^ number >> 31;
}

/* The check word of a header whose first 40 bytes are written. */
static uint64_t traffic_check_word(const uint8_t *payload)
{
    uint64_t check = 0;
    uint32_t offset;

    for (offset = 0; offset < 40; offset += 8) {
        check = vmbi_traffic_mix(check + TRAFFIC_STEP + vmbi_le64(payload + offset));
    }
    return check;
}

static uint64_t traffic_pattern_word(uint64_t check, uint32_t word_index)
{
    return vmbi_traffic_mix(check + (word_index + 1u) * (uint64_t)TRAFFIC_STEP);
}

void vmbi_traffic_fill(const struct vmbi_traffic_packet *packet, uint8_t *payload)
{
    uint32_t word_count = vmbi_round_up_8(packet->pattern_bytes) / 8u;
    uint32_t rest = packet->pattern_bytes % 8u;
    uint8_t *pattern = payload + VMB_TRAFFIC_HEADER_BYTES;
    uint64_t check;
    uint32_t index;

    vmbi_put_le32(payload, VMBI_TRAFFIC_MAGIC);
    vmbi_put_le16(payload + 4, packet->kind);
    vmbi_put_le16(payload + 6, packet->streams);
    vmbi_put_le32(payload + 8, packet->pattern_bytes);
    vmbi_put_le32(payload + 12, 0);
    vmbi_put_le64(payload + 16, packet->sequence);
    vmbi_put_le64(payload + 24, packet->seed);
    vmbi_put_le64(payload + 32, packet->stamp);
    check = traffic_check_word(payload);
    vmbi_put_le64(payload + 40, check);
    for (index = 0; index < word_count; index++) {
        vmbi_put_le64(pattern + 8u * (size_t)index, traffic_pattern_word(check, index));
    }
    if (rest != 0) {
        vmb_memset(pattern + packet->pattern_bytes, 0, 8u - rest);
    }
}

bool vmbi_traffic_check(const uint8_t *payload, uint32_t payload_bytes,
                        struct vmbi_traffic_packet *out_packet)
{
    const uint8_t *pattern = payload + VMB_TRAFFIC_HEADER_BYTES;
    uint64_t check, wrong;
    uint32_t index, whole_words, rest;

    if (payload_bytes < VMB_TRAFFIC_HEADER_BYTES) {
        return false;
    }
    out_packet->kind = vmbi_le16(payload + 4);
    out_packet->streams = vmbi_le16(payload + 6);
    out_packet->pattern_bytes = vmbi_le32(payload + 8);
    out_packet->sequence = vmbi_le64(payload + 16);
    out_packet->seed = vmbi_le64(payload + 24);
    out_packet->stamp = vmbi_le64(payload + 32);
    check = vmbi_le64(payload + 40);
    if (vmbi_le32(payload) != VMBI_TRAFFIC_MAGIC || vmbi_le32(payload + 12) != 0 ||
        out_packet->pattern_bytes > payload_bytes ||
        vmbi_round_up_8(vmbi_traffic_bytes(out_packet->pattern_bytes)) != payload_bytes ||
        check != traffic_check_word(payload)) {
        return false;
    }
    whole_words = out_packet->pattern_bytes / 8u;
    rest = out_packet->pattern_bytes % 8u;
    wrong = 0; /* No early way out: a good packet, the usual one, is read to its end anyway. */
    for (index = 0; index < whole_words; index++) {
        wrong |= vmbi_le64(pattern + 8u * (size_t)index) ^ traffic_pattern_word(check, index);
    }
    if (rest != 0) {
        uint64_t mask = ((uint64_t)1 << (8u * rest)) - 1u;

        wrong |= vmbi_le64(pattern + 8u * (size_t)whole_words) ^
                 (traffic_pattern_word(check, whole_words) & mask);
    }
    return wrong == 0;
}

void vmbi_traffic_read_counters(const vmb_atomic_word *counters,
                                struct vmb_traffic_counters *out_counters)
{
#define TRAFFIC_READ(which) (uint64_t) vmb_atomic_load(&counters[VMBI_TRAFFIC_##which], VMB_RELAXED)
    out_counters->packets_sent = TRAFFIC_READ(PACKETS_SENT);
    out_counters->packets_received = TRAFFIC_READ(PACKETS_RECEIVED);
    out_counters->bytes_sent = TRAFFIC_READ(BYTES_SENT);
    out_counters->bytes_received = TRAFFIC_READ(BYTES_RECEIVED);
    out_counters->answered = TRAFFIC_READ(ANSWERED);
    out_counters->streamed = TRAFFIC_READ(STREAMS);
    out_counters->abandoned = TRAFFIC_READ(ABANDONED);
    out_counters->corrupt = TRAFFIC_READ(CORRUPT);
    out_counters->out_of_order = TRAFFIC_READ(OUT_OF_ORDER);
    out_counters->unasked = TRAFFIC_READ(UNASKED);
    out_counters->ring_full = TRAFFIC_READ(RING_FULL);
    out_counters->peer_faults = TRAFFIC_READ(PEER_FAULTS);
#undef TRAFFIC_READ
}
