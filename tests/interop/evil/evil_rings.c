/* SPDX-License-Identifier: MIT */
/* Channels that are opened as they should be, and whose rings then become anything. */
#include "evil.h"

#include <vmbus/guest.h>
#include <vmbus/proto/packet.h>

#include "bus.h"
#include "x86_hyperv.h"

#define RINGS_PAGES     16u /* Of both rings: control page and seven of data each. */
#define RINGS_HALF      (RINGS_PAGES / 2)
#define RINGS_DATA      ((RINGS_HALF - 1) * 4096u)
#define RINGS_DISTORTED 400u /* Spoilings of a channel's rings. */

/* In a control page. */
#define RING_WRITE 0u
#define RING_READ  1u

static uint64_t *rings_words(uint8_t *at)
{
    return (uint64_t *)(void *)at;
}

/* A packet that is whole but for what is in it, at the write index; then that goes on. */
static void rings_packet(uint8_t *ring)
{
    static const uint16_t types[] = {VMB_PACKET_IN_BAND,        VMB_PACKET_IN_BAND,
                                     VMB_PACKET_GPA_DIRECT,     VMB_PACKET_COMPLETION,
                                     VMB_PACKET_TRANSFER_PAGES, 99};
    volatile uint32_t *control = (volatile uint32_t *)(void *)ring;
    uint8_t *data = ring + 4096;
    uint32_t at = control[RING_WRITE] % RINGS_DATA & ~7u;
    uint32_t words = 2 + evil_random(64);
    uint32_t i;

    for (i = 0; i < words + 1; i++) {
        *rings_words(data + (at + i * 8) % RINGS_DATA) = evil_number();
    }
    *rings_words(data + at % RINGS_DATA) = types[evil_random(6)] |
                                           (uint64_t)(2 + evil_random(8)) << 16 |
                                           (uint64_t)words << 32 | (uint64_t)evil_random(2) << 48;
    __atomic_store_n(&control[RING_WRITE], (at + words * 8 + 8) % RINGS_DATA, __ATOMIC_RELEASE);
}

/* What breaks a ring for good comes late: before it, packets get through to the device. */
static void rings_spoil(uint8_t *pages, bool late)
{
    uint8_t *ring = pages + (evil_random(3) == 0 ? RINGS_HALF * 4096u : 0);
    volatile uint32_t *control = (volatile uint32_t *)(void *)ring;

    switch (late ? evil_random(8) : 7) {
    case 0: /* Where they write or read, their mask, how much space they wait for. */
        control[evil_random(4)] = (uint32_t)evil_number();
        break;
    case 1: /* Anything, anywhere. */
        *rings_words(pages + evil_random(RINGS_PAGES * 512) * 8) = evil_number();
        break;
    case 2: /* Order again, for the next lie. */
        control[RING_READ] = control[RING_WRITE] = 0;
        break;
    default:
        rings_packet(pages);
        break;
    }
}

static void rings_share(uint32_t relid, uint32_t handle, const uint8_t *pages)
{
    struct vmb_message message = {.number = VMB_MSG_GPADL_HEADER};
    struct vmb_msg_gpadl_header *header = &message.u.gpadl_header;
    uint32_t i;

    header->relid = relid;
    header->gpadl = handle;
    header->range_data_bytes = (RINGS_PAGES + 1) * 8;
    header->range_count = 1;
    header->range_word_count = RINGS_PAGES + 1;
    header->range_words[0] = RINGS_PAGES * 4096u;
    for (i = 0; i < RINGS_PAGES; i++) {
        header->range_words[1 + i] = ((uintptr_t)pages >> 12) + i;
    }
    evil_post(&message);
    evil_drain();
}

static void rings_channel(const struct vmb_msg_offer *offer, uint32_t round)
{
    uint8_t *pages = evil.arena + (uint64_t)evil_random(EVIL_ARENA_PAGES - RINGS_PAGES) * 4096u;
    struct vmb_message message = {.number = VMB_MSG_OPEN_CHANNEL};
    uint32_t handle = 0x77000 + round * 64 + offer->relid;
    uint32_t i;

    for (i = 0; i < RINGS_PAGES * 512; i++) {
        rings_words(pages)[i] = 0;
    }
    rings_share(offer->relid, handle, pages);
    message.u.open_channel.relid = offer->relid;
    message.u.open_channel.ring_gpadl = handle;
    message.u.open_channel.target_vp = evil_random(4);
    message.u.open_channel.downstream_page_offset = RINGS_HALF;
    evil_post(&message);
    evil_drain();
    for (i = 0; i < RINGS_DISTORTED; i++) {
        rings_spoil(pages, i > RINGS_DISTORTED * 3 / 4);
        if (evil_random(4) == 0) {
            (void)x86_hyperv_signal_event(offer->connection_id, 0);
        }
    }
    if (evil_random(2) == 0) { /* Take the memory away first, or never. */
        message = (struct vmb_message){.number = VMB_MSG_GPADL_TEARDOWN};
        message.u.gpadl_teardown.relid = offer->relid;
        message.u.gpadl_teardown.gpadl = handle;
        evil_post(&message);
    }
    message = (struct vmb_message){.number = VMB_MSG_CLOSE_CHANNEL};
    message.u.close_channel.relid = offer->relid;
    evil_post(&message);
    evil_drain();
}

void evil_rings(uint32_t rounds)
{
    uint32_t round;

    for (round = 0; round < rounds; round++) {
        struct vmb_channel *channel;
        uint32_t cursor = 0;

        while ((channel = vmb_guest_next_channel(bus.guest, &cursor)) != NULL) {
            if (vmb_channel_state(channel) != VMB_CHANNEL_OPEN) {
                struct vmb_msg_offer offer = *vmb_channel_offer(channel);

                rings_channel(&offer, round);
            }
        }
    }
}
