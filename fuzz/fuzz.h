/* SPDX-License-Identifier: MIT */
/*
 * What every target shares: its entry points, a reader of the input, memory whose ends are sharp,
 * and a check that stops the run. Nothing here allocates while the fuzzer runs.
 */
#ifndef VMB_FUZZ_H
#define VMB_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <vmbus/types.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define FUZZ_UNUSED __attribute__((unused))

/* What must hold whatever the peer does. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- The input, read from its start; when it is used up it goes on as zeros -------------------
 */

struct feed {
    const uint8_t *next;
    size_t left;
};

/* What has been tried; told at the end to who asks for it by FUZZ_TELL in the environment. */
static struct {
    uint64_t inputs;
    uint64_t bytes;
    uint64_t messages; /* Of the channel, either way; where a target has any. */
} fuzz_count;

static void fuzz_tell(void)
{
    fprintf(stderr, "told: %llu inputs, %llu bytes, %llu messages\n",
            (unsigned long long)fuzz_count.inputs, (unsigned long long)fuzz_count.bytes,
            (unsigned long long)fuzz_count.messages);
}

__attribute__((constructor)) static void fuzz_tell_at_exit(void)
{
    if (getenv("FUZZ_TELL") != NULL) {
        (void)atexit(fuzz_tell);
    }
}

#ifdef FUZZ_TOCTOU
static void toctou_begin(const uint8_t *data, size_t size); /* toctou.h */
#endif

FUZZ_UNUSED static inline struct feed feed_of(const uint8_t *data, size_t size)
{
#ifdef FUZZ_TOCTOU
    toctou_begin(data, size);
#endif
    fuzz_count.inputs++;
    fuzz_count.bytes += size;
    return (struct feed){data, size};
}

FUZZ_UNUSED static inline uint8_t feed_u8(struct feed *feed)
{
    if (feed->left == 0) {
        return 0;
    }
    feed->left--;
    return *feed->next++;
}

FUZZ_UNUSED static inline uint32_t feed_bytes(struct feed *feed, void *target, size_t bytes)
{
    size_t got = bytes < feed->left ? bytes : feed->left;

    if (got != 0) {
        memcpy(target, feed->next, got);
    }
    if (got < bytes) {
        memset((uint8_t *)target + got, 0, bytes - got);
    }
    feed->next += got;
    feed->left -= got;
    return (uint32_t)got;
}

FUZZ_UNUSED static inline uint16_t feed_u16(struct feed *feed)
{
    uint32_t low = feed_u8(feed);

    return (uint16_t)(low | (uint32_t)feed_u8(feed) << 8);
}

FUZZ_UNUSED static inline uint32_t feed_u32(struct feed *feed)
{
    uint32_t low = feed_u16(feed);

    return low | (uint32_t)feed_u16(feed) << 16;
}

FUZZ_UNUSED static inline uint64_t feed_u64(struct feed *feed)
{
    uint64_t low = feed_u32(feed);

    return low | (uint64_t)feed_u32(feed) << 32;
}

/* From 0 to one less than @limit, which is at most 256. */
FUZZ_UNUSED static inline uint32_t feed_below(struct feed *feed, uint32_t limit)
{
    return feed_u8(feed) % limit;
}

/* ---- Memory -----------------------------------------------------------------------------------
 */

#define FUZZ_GUARD_BYTES ((size_t)4 << 20)

/* Zeroed pages with nothing for 4 MiB on either side of them. */
FUZZ_UNUSED static inline uint8_t *fuzz_pages(size_t count)
{
    size_t bytes = count * VMB_PAGE_BYTES;
    uint8_t *space = mmap(NULL, bytes + 2 * FUZZ_GUARD_BYTES, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    FUZZ_CHECK(space != MAP_FAILED);
    FUZZ_CHECK(mprotect(space + FUZZ_GUARD_BYTES, bytes, PROT_READ | PROT_WRITE) == 0);
    return space + FUZZ_GUARD_BYTES;
}

/* The last @bytes before such a gap: who goes on behind them is caught. */
FUZZ_UNUSED static inline uint8_t *fuzz_tail(uint8_t *pages, size_t count, size_t bytes)
{
    FUZZ_CHECK(bytes <= count * VMB_PAGE_BYTES);
    return pages + count * VMB_PAGE_BYTES - bytes;
}

/* Memory for a library object of that many bytes, whole pages, aligned. */
FUZZ_UNUSED static inline uint8_t *fuzz_object(size_t bytes)
{
    return fuzz_pages((bytes + VMB_PAGE_BYTES - 1) / VMB_PAGE_BYTES);
}

#endif /* VMB_FUZZ_H */
