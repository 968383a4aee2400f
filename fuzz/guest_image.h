/* SPDX-License-Identifier: MIT */
/*
 * A guest's memory as it was at the beginning of a session, and how to get back to it. Most of it
 * is tables with an entry for each relid, of which a session changes those of the relids that the
 * host named. Low ones are always copied back, all of them if a high one was named, and now and
 * then the whole is compared: an entry that changed without having been named is a stray write.
 */
#ifndef VMB_FUZZ_GUEST_IMAGE_H
#define VMB_FUZZ_GUEST_IMAGE_H

#include "fuzz.h"

#include "guest/vmb_guest_state.h"

enum {
    IMAGE_TABLES = 2 + 8, /* The bus's, and one of each VP. */
    IMAGE_LOW_RELIDS = 64,
    IMAGE_COMPARE_EVERY = 256
};

/* A guest at the beginning of a session. */
struct image {
    uint8_t *memory;
    uint32_t given;
    uint64_t now_ns;
};

/* Where a table's entries of high relids are. */
struct image_gap {
    size_t begin, end;
};

static struct image_gap image_gaps[IMAGE_TABLES]; /* In order of place. */
static uint32_t image_gap_count;
static bool image_high_named; /* Since the last time. */

static void image_add_table(size_t at, size_t entry_bytes)
{
    image_gaps[image_gap_count].begin = at + IMAGE_LOW_RELIDS * entry_bytes;
    image_gaps[image_gap_count++].end = at + VMB_RELID_COUNT * entry_bytes;
}

/* As the guest has laid its memory out. */
static void image_find_tables(const struct vmb_guest *guest)
{
    const uint8_t *memory = (const uint8_t *)guest;

    image_gap_count = 0;
    image_add_table(offsetof(struct vmb_guest, channels), sizeof(guest->channels[0]));
    image_add_table(offsetof(struct vmb_guest, slots), sizeof(guest->slots[0]));
    for (uint32_t vp = 0; vp < guest->options.vp_count; vp++) {
        image_add_table((size_t)((const uint8_t *)guest->vps[vp].runs - memory),
                        sizeof(guest->vps[vp].runs[0]));
    }
}

/* The host offers a channel with this relid. */
static void image_relid_named(uint32_t relid)
{
    image_high_named = image_high_named || relid >= IMAGE_LOW_RELIDS;
}

static void image_restore(const struct image *image, uint8_t *memory, size_t bytes)
{
    static uint32_t turns;
    size_t at = 0;

    for (uint32_t i = 0; i < image_gap_count && !image_high_named; i++) {
        memcpy(memory + at, image->memory + at, image_gaps[i].begin - at);
        at = image_gaps[i].end;
    }
    memcpy(memory + at, image->memory + at, bytes - at);
    image_high_named = false;
    if (turns++ % IMAGE_COMPARE_EVERY == 0) {
        FUZZ_CHECK(memcmp(memory, image->memory, bytes) == 0);
    }
}

#endif /* VMB_FUZZ_GUEST_IMAGE_H */
