/* SPDX-License-Identifier: MIT */
/*
 * A message slot against a hypervisor that writes it between any two loads. The message that is
 * taken is made of what was loaded, each byte of it once (strict); only the word with the size and
 * the flags is looked at twice, for the flags, when the slot has been emptied.
 */
#include "toctou.h"

#include <vmbus/hv.h>
#include <vmbus/proto/message.h>

#define FUZZ_LONGEST 160 /* Bytes of an input. */

enum {
    SLOT_BYTES = 256,
    TAKES = 3
};

static uint8_t *slot;
static uint8_t loads[SLOT_BYTES], seen[SLOT_BYTES]; /* How often, and what came first. */
static uint32_t until_write;
static struct feed peer;

static void peer_writes(void)
{
    uint32_t at;

    if (peer.left == 0) {
        until_write = UINT32_MAX;
        return;
    }
    at = feed_u8(&peer);
    at = (at & 0x80u) != 0 ? at & 0x7Fu : at & 7u; /* Mostly type and size. */
    slot[at] = feed_u8(&peer);
    until_write = feed_u8(&peer) & 31u;
}

static void load_comes(const void *address, size_t bytes)
{
    size_t offset = toctou_within(address, slot, SLOT_BYTES);

    if (offset == SIZE_MAX) {
        return;
    }
    if (until_write != UINT32_MAX && until_write-- == 0) {
        peer_writes();
    }
    for (size_t at = offset; at < offset + bytes; at++) {
        bool size_word = at >= VMB_HV_SLOT_SIZE && at < VMB_HV_SLOT_SIZE + 4u;

        FUZZ_CHECK(at < SLOT_BYTES && loads[at] < (size_word ? 2 : 1));
        if (loads[at]++ == 0) {
            seen[at] = slot[at];
        }
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    slot = fuzz_tail(fuzz_pages(1), 1, SLOT_BYTES);
    return 0;
}

static void take(void)
{
    struct vmb_hv_message taken;
    struct vmb_message message;
    bool end_of_message;

    memset(loads, 0, sizeof(loads));
    if (vmb_hv_slot_take(slot, &taken, &end_of_message) != VMB_OK) {
        return;
    }
    FUZZ_CHECK(taken.type != 0 && memcmp(&taken.type, seen, sizeof(taken.type)) == 0);
    FUZZ_CHECK(taken.claimed_size == seen[VMB_HV_SLOT_SIZE]);
    FUZZ_CHECK(taken.payload_bytes <= taken.claimed_size);
    FUZZ_CHECK(taken.payload_bytes <= VMB_HV_MESSAGE_MAX);
    FUZZ_CHECK(memcmp(taken.payload, seen + VMB_HV_SLOT_PAYLOAD, taken.payload_bytes) == 0);
    (void)vmb_message_decode(taken.payload, taken.payload_bytes, VMB_HOST_TO_GUEST, VMB_VERSION_6_0,
                             0, &message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed feed = feed_of(data, size);

    feed.left = size < 64 ? size : 64; /* What lies in the slot; the rest is the peer's. */
    peer = (struct feed){data + feed.left, size - feed.left};
    memset(slot, 0, SLOT_BYTES);
    (void)feed_bytes(&feed, slot, 64);
    until_write = 0;
    for (uint32_t i = 0; i < TAKES; i++) {
        take();
    }
    return 0;
}
