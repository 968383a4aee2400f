/* SPDX-License-Identifier: MIT */
#include "host/vmb_host_gpadl_words.h"

#include "base/vmb_number.h"
#include "host/vmb_host_internal.h"
#include "host/vmb_host_moves.h"

#define WORDS_MAX_GPN ((vmb_gpn)1 << (64 - VMB_PAGE_SHIFT))

static uint32_t words_of(const struct vmb_host_gpadl *gpadl)
{
    return gpadl->page_count + gpadl->range_count;
}

/* Close the holes. The list is in the order of the words, so each one moves down. */
static void words_compact(struct vmb_host *host)
{
    uint32_t end = 0;
    uint32_t i;

    for (i = host->gpadl_first; i != VMBI_HOST_NONE; i = host->gpadls[i].next) {
        struct vmb_host_gpadl *gpadl = &host->gpadls[i];

        vmb_memmove(&host->words[end], &host->words[gpadl->word_offset],
                    words_of(gpadl) * sizeof(host->words[0]));
        gpadl->word_offset = end;
        end += words_of(gpadl);
    }
    host->words_end = end;
}

static struct vmb_host_gpadl *words_take_slot(struct vmb_host *host)
{
    uint32_t index = host->gpadl_free;

    if (index != VMBI_HOST_NONE) {
        host->gpadl_free = host->gpadls[index].next;
        return &host->gpadls[index];
    }
    if (host->gpadl_high == host->options.gpadl_limit) {
        return NULL;
    }
    return &host->gpadls[host->gpadl_high++];
}

struct vmb_host_gpadl *vmbi_gpadl_words_allocate(struct vmb_host *host, uint32_t word_count)
{
    struct vmb_host_gpadl *gpadl;
    uint32_t index;

    if (word_count > host->options.gpadl_page_limit - host->counters.gpadl_words_in_use) {
        return NULL;
    }
    gpadl = words_take_slot(host);
    if (gpadl == NULL) {
        return NULL;
    }
    if (word_count > host->options.gpadl_page_limit - host->words_end) {
        words_compact(host);
    }
    index = (uint32_t)(gpadl - host->gpadls);
    gpadl->host = host;
    gpadl->mapped = false;
    gpadl->map_due = false;
    gpadl->owes_answer = false;
    gpadl->pages_seen = 0;
    gpadl->ranges_seen = 0;
    gpadl->range_pages_left = 0;
    gpadl->word_offset = host->words_end;
    gpadl->next = VMBI_HOST_NONE;
    gpadl->previous = host->gpadl_last;
    if (host->gpadl_last != VMBI_HOST_NONE) {
        host->gpadls[host->gpadl_last].next = index;
    } else {
        host->gpadl_first = index;
    }
    host->gpadl_last = index;
    host->words_end += word_count;
    host->counters.gpadl_words_in_use += word_count;
    host->counters.gpadls_in_use++;
    return gpadl;
}

void vmbi_gpadl_words_free(struct vmb_host_gpadl *gpadl)
{
    struct vmb_host *host = gpadl->host;
    uint32_t index = (uint32_t)(gpadl - host->gpadls);

    if (gpadl->previous != VMBI_HOST_NONE) {
        host->gpadls[gpadl->previous].next = gpadl->next;
    } else {
        host->gpadl_first = gpadl->next;
    }
    if (gpadl->next != VMBI_HOST_NONE) {
        host->gpadls[gpadl->next].previous = gpadl->previous;
    } else {
        host->gpadl_last = gpadl->previous;
        host->words_end = gpadl->word_offset;
    }
    host->counters.gpadl_words_in_use -= words_of(gpadl);
    host->counters.gpadls_in_use--;
    vmbi_host_gpadl_move(gpadl, VMBI_GPADL_FREE);
    vmb_atomic_store(&gpadl->hold, 0, VMB_RELAXED);
    gpadl->next = host->gpadl_free;
    host->gpadl_free = index;
}

vmb_status vmbi_gpadl_words_take(struct vmb_host_gpadl *gpadl, uint64_t word)
{
    uint64_t *words = &gpadl->host->words[gpadl->word_offset];
    uint32_t byte_count = (uint32_t)word;
    uint32_t byte_offset = (uint32_t)(word >> 32);
    uint32_t end;

    if (gpadl->range_pages_left > 0) {
        if (word >= WORDS_MAX_GPN) {
            return VMB_ERR_PEER;
        }
        words[gpadl->pages_seen++] = word;
        gpadl->range_pages_left--;
        return VMB_OK;
    }
    if (gpadl->ranges_seen == gpadl->range_count || byte_count == 0 ||
        byte_offset >= VMB_PAGE_BYTES || vmbi_add_overflows(byte_offset, byte_count, &end)) {
        return VMB_ERR_PEER;
    }
    gpadl->range_pages_left = vmbi_pages_touched(byte_offset, byte_count);
    if (gpadl->range_pages_left > gpadl->page_count - gpadl->pages_seen) {
        return VMB_ERR_PEER;
    }
    words[gpadl->page_count + gpadl->ranges_seen++] = word;
    return VMB_OK;
}

void vmbi_gpadl_words_complete(struct vmb_host_gpadl *gpadl)
{
    uint64_t range = gpadl->host->words[gpadl->word_offset + gpadl->page_count];

    /* No more pages and no more ranges than announced, and as many words: all are complete. */
    VMB_ASSERT(gpadl->range_pages_left == 0 && gpadl->ranges_seen == gpadl->range_count);
    gpadl->first_bytes = (uint32_t)range;
    gpadl->first_offset = (uint32_t)(range >> 32);
}
