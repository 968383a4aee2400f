/* SPDX-License-Identifier: MIT */
/*
 * GPADLs: memory that the guest shares with a channel's device. Their data comes in pieces and is
 * checked as it comes; what is complete is mapped and offered to the device. It stays mapped as
 * long as anybody holds it, whatever the guest says: GpadlTorndown follows the last holder.
 *
 * A holder is counted in `hold`, beside a bit that says whether new holders may come.
 */
#include "base/vmb_number.h"
#include "host/vmb_host_gpadl_words.h"
#include "host/vmb_host_internal.h"
#include "host/vmb_host_moves.h"

static struct vmb_host_channel *gpadl_channel(const struct vmb_host_gpadl *gpadl)
{
    return &gpadl->host->channels[vmb_atomic_load(&gpadl->slot, VMB_RELAXED)];
}

static bool gpadl_is(const struct vmb_host_gpadl *gpadl, uint32_t slot, uint32_t handle)
{
    return vmb_atomic_load(&gpadl->handle, VMB_RELAXED) == handle &&
           vmb_atomic_load(&gpadl->slot, VMB_RELAXED) == slot;
}

static struct vmb_host_gpadl *gpadl_find(struct vmb_host *host, uint32_t slot, uint32_t handle)
{
    uint32_t i;

    for (i = host->gpadl_first; i != VMBI_HOST_NONE; i = host->gpadls[i].next) {
        if (gpadl_is(&host->gpadls[i], slot, handle)) {
            return &host->gpadls[i];
        }
    }
    return NULL;
}

struct vmb_host_gpadl *vmbi_host_gpadl_of(struct vmb_host_channel *channel, uint32_t handle)
{
    return gpadl_find(channel->host, channel->slot, handle);
}

/* Bodies name no channel: a handle is in progress once in all channels. */
static struct vmb_host_gpadl *gpadl_find_in_progress(struct vmb_host *host, uint32_t handle)
{
    uint32_t i;

    for (i = host->gpadl_first; i != VMBI_HOST_NONE; i = host->gpadls[i].next) {
        if (host->gpadls[i].state == VMBI_GPADL_IN_PROGRESS &&
            vmb_atomic_load(&host->gpadls[i].handle, VMB_RELAXED) == handle) {
            return &host->gpadls[i];
        }
    }
    return NULL;
}

static void gpadl_answer(struct vmb_host *host, uint32_t relid, uint32_t handle, bool created)
{
    struct vmb_message message = {.number = VMB_MSG_GPADL_CREATED};

    message.u.gpadl_created.relid = relid;
    message.u.gpadl_created.gpadl = handle;
    message.u.gpadl_created.status = created ? VMB_NTSTATUS_SUCCESS : VMB_NTSTATUS_FAILURE;
    if (created) {
        host->counters.gpadls_created++;
    } else {
        host->counters.gpadls_refused++;
    }
    vmbi_host_send(host, &message);
}

/* Nobody holds it. */
void vmbi_host_gpadl_free(struct vmb_host_gpadl *gpadl)
{
    struct vmb_host *host = gpadl->host;

    if (gpadl->mapped) {
        vmbi_host_gpadl_unmap(gpadl);
    }
    if (gpadl->owes_answer) {
        host->debts--;
    }
    vmbi_gpadl_words_free(gpadl);
}

static void gpadl_refuse(struct vmb_host_gpadl *gpadl)
{
    struct vmb_host *host = gpadl->host;
    uint32_t relid = gpadl_channel(gpadl)->offer.relid;
    uint32_t handle = vmb_atomic_load(&gpadl->handle, VMB_RELAXED);

    vmbi_host_gpadl_free(gpadl);
    gpadl_answer(host, relid, handle, false);
}

/* Begin to tear down: no new holders. */
static void gpadl_end(struct vmb_host_gpadl *gpadl)
{
    vmbi_host_gpadl_move(gpadl, VMBI_GPADL_TEARING_DOWN);
    gpadl->host->settle_due = true;
    /* In the order of `hold` a holder came before this, and is waited for, or does not come. */
    vmb_atomic_fetch_and(&gpadl->hold, ~VMBI_HOLD_LIVE, VMB_RELAXED);
}

/* Map a complete GPADL and ask the device. */
static vmb_status gpadl_accept(struct vmb_host_gpadl *gpadl)
{
    struct vmb_host_channel *channel = gpadl_channel(gpadl);
    vmb_status status;

    vmbi_gpadl_words_complete(gpadl);
    if (!channel->withdrawn && channel->state != VMB_HOST_CHANNEL_REOFFERED) {
        status = vmbi_host_gpadl_map(gpadl);
        if (status != VMB_OK) {
            return status;
        }
    } /* Else nobody will ever look at it, and the guest hears soon that the device is gone. */
    vmbi_host_gpadl_move(gpadl, VMBI_GPADL_ACCEPTED);
    status = VMB_OK;
    if (gpadl->mapped && channel->hooks != NULL && channel->hooks->gpadl_created != NULL) {
        /* Held meanwhile, in case that the device resets the bus or leaves it. */
        vmb_atomic_store(&gpadl->hold, 1, VMB_RELAXED);
        status = channel->hooks->gpadl_created(channel->device, channel,
                                               vmb_atomic_load(&gpadl->handle, VMB_RELAXED));
        vmb_atomic_store(&gpadl->hold, 0, VMB_RELAXED);
    }
    if (status == VMB_OK && gpadl->state == VMBI_GPADL_ACCEPTED) {
        /* Release: pairs with the acquire in vmb_host_gpadl_get(), for all that holders read. */
        vmb_atomic_store(&gpadl->hold, VMBI_HOLD_LIVE, VMB_RELEASE);
    }
    return status;
}

/* Go on with a GPADL, to its end if this was the last piece. */
static void gpadl_take_words(struct vmb_host_gpadl *gpadl, const uint64_t *words, uint32_t count)
{
    struct vmb_host *host = gpadl->host;
    uint32_t total = gpadl->page_count + gpadl->range_count;
    vmb_status status;
    uint32_t i;

    for (i = 0; i < count && gpadl->pages_seen + gpadl->ranges_seen < total; i++) {
        if (vmbi_gpadl_words_take(gpadl, words[i]) != VMB_OK) {
            host->counters.messages_malformed++;
            vmbi_host_log(host, VMB_LOG_WARNING, "a GPADL's data makes no sense: handle",
                          vmb_atomic_load(&gpadl->handle, VMB_RELAXED));
            gpadl_refuse(gpadl);
            return;
        }
    }
    if (gpadl->pages_seen + gpadl->ranges_seen < total) {
        return; /* What is missing comes in a body. */
    }
    status = gpadl_accept(gpadl);
    if (gpadl->state == VMBI_GPADL_TEARING_DOWN) {
        return; /* The device has left the bus, and the guest is not waiting any more. */
    }
    if (status != VMB_OK) {
        gpadl_refuse(gpadl);
        return;
    }
    gpadl_answer(host, gpadl_channel(gpadl)->offer.relid,
                 vmb_atomic_load(&gpadl->handle, VMB_RELAXED), true);
}

void vmbi_host_gpadl_header(struct vmb_host *host, const struct vmb_msg_gpadl_header *header)
{
    struct vmb_host_channel *channel = vmbi_host_channel_of(host, header->relid);
    struct vmb_host_gpadl *gpadl = NULL;
    uint32_t word_count = header->range_data_bytes / 8u;

    /* Each range has at least one page behind it. */
    if (channel != NULL && !channel->reserved && header->range_data_bytes % 8u == 0 &&
        header->range_count > 0 && word_count / 2u >= header->range_count &&
        gpadl_find(host, channel->slot, header->gpadl) == NULL &&
        gpadl_find_in_progress(host, header->gpadl) == NULL) {
        gpadl = vmbi_gpadl_words_allocate(host, word_count);
    }
    if (gpadl == NULL) {
        vmbi_host_log(host, VMB_LOG_WARNING, "a GPADL is refused: handle", header->gpadl);
        gpadl_answer(host, header->relid, header->gpadl, false);
        return;
    }
    vmb_atomic_store(&gpadl->handle, header->gpadl, VMB_RELAXED);
    vmb_atomic_store(&gpadl->slot, channel->slot, VMB_RELAXED);
    gpadl->range_count = header->range_count;
    gpadl->page_count = word_count - header->range_count;
    vmbi_host_gpadl_move(gpadl, VMBI_GPADL_IN_PROGRESS);
    gpadl_take_words(gpadl, header->range_words, header->range_word_count);
}

void vmbi_host_gpadl_body(struct vmb_host *host, const struct vmb_msg_gpadl_body *body)
{
    struct vmb_host_gpadl *gpadl = gpadl_find_in_progress(host, body->gpadl);

    if (gpadl == NULL) {
        vmbi_host_unexpected(host, "GpadlBody of no GPADL in progress: handle", body->gpadl);
        return;
    }
    gpadl_take_words(gpadl, body->range_words, body->range_word_count);
}

void vmbi_host_gpadl_teardown(struct vmb_host *host, const struct vmb_msg_gpadl_teardown *request)
{
    struct vmb_host_channel *channel = vmbi_host_channel_of(host, request->relid);
    struct vmb_host_gpadl *gpadl = NULL;

    if (channel != NULL && !channel->reserved) {
        gpadl = gpadl_find(host, channel->slot, request->gpadl);
    }
    if (gpadl == NULL || gpadl->state != VMBI_GPADL_ACCEPTED) {
        vmbi_host_unexpected(host, "GpadlTeardown of no such GPADL: handle", request->gpadl);
        return;
    }
    gpadl->owes_answer = true;
    host->debts++;
    gpadl_end(gpadl);
    if (gpadl->mapped && !channel->withdrawn && channel->hooks != NULL &&
        channel->hooks->gpadl_teardown != NULL) {
        channel->hooks->gpadl_teardown(channel->device, channel, request->gpadl);
    }
}

void vmbi_host_gpadl_forget(struct vmb_host_channel *channel)
{
    struct vmb_host *host = channel->host;
    uint32_t i, next;

    for (i = host->gpadl_first; i != VMBI_HOST_NONE; i = next) {
        struct vmb_host_gpadl *gpadl = &host->gpadls[i];

        next = gpadl->next;
        if (vmb_atomic_load(&gpadl->slot, VMB_RELAXED) != channel->slot) {
            continue;
        }
        if (gpadl->state == VMBI_GPADL_IN_PROGRESS) {
            vmbi_host_gpadl_free(gpadl);
            continue;
        }
        if (gpadl->owes_answer) {
            gpadl->owes_answer = false;
            host->debts--;
        }
        if (gpadl->state == VMBI_GPADL_ACCEPTED) {
            gpadl_end(gpadl);
        }
    }
}

bool vmbi_host_gpadl_any(const struct vmb_host_channel *channel)
{
    const struct vmb_host *host = channel->host;
    uint32_t i;

    for (i = host->gpadl_first; i != VMBI_HOST_NONE; i = host->gpadls[i].next) {
        if (vmb_atomic_load(&host->gpadls[i].slot, VMB_RELAXED) == channel->slot) {
            return true;
        }
    }
    return false;
}

void vmbi_host_gpadl_settle(struct vmb_host *host)
{
    uint32_t i, next;

    for (i = host->gpadl_first; i != VMBI_HOST_NONE; i = next) {
        struct vmb_host_gpadl *gpadl = &host->gpadls[i];
        struct vmb_message message = {.number = VMB_MSG_GPADL_TORNDOWN};
        bool owes_answer = gpadl->owes_answer;

        next = gpadl->next;
        /* Acquire pairs with the release in vmb_host_gpadl_put(): its accesses are over. */
        if (gpadl->state != VMBI_GPADL_TEARING_DOWN ||
            vmb_atomic_load(&gpadl->hold, VMB_ACQUIRE) != 0) {
            continue;
        }
        message.u.gpadl_torndown.gpadl = vmb_atomic_load(&gpadl->handle, VMB_RELAXED);
        vmbi_host_gpadl_free(gpadl);
        if (owes_answer) {
            vmbi_host_send(host, &message);
        }
    }
}

vmb_status vmb_host_gpadl_get(struct vmb_host_channel *channel, uint32_t handle,
                              struct vmb_host_gpadl **out_gpadl)
{
    struct vmb_host *host = channel->host;
    uint32_t i;

    for (i = 0; i < host->options.gpadl_limit; i++) {
        struct vmb_host_gpadl *gpadl = &host->gpadls[i];
        uint32_t hold = vmb_atomic_load(&gpadl->hold, VMB_RELAXED);

        if ((hold & VMBI_HOLD_LIVE) == 0 || !gpadl_is(gpadl, channel->slot, handle)) {
            continue;
        }
        /* Acquire pairs with the release in gpadl_accept(). */
        while (
            (hold & VMBI_HOLD_LIVE) != 0 &&
            !vmb_atomic_compare_exchange(&gpadl->hold, &hold, hold + 1, VMB_ACQUIRE, VMB_RELAXED)) {
        }
        if ((hold & VMBI_HOLD_LIVE) == 0) {
            continue;
        }
        /* Held, it cannot become another one any more; perhaps it did just before. */
        if (gpadl_is(gpadl, channel->slot, handle)) {
            *out_gpadl = gpadl;
            return VMB_OK;
        }
        vmb_host_gpadl_put(gpadl);
    }
    return VMB_ERR_REFUSED;
}

void vmb_host_gpadl_put(struct vmb_host_gpadl *gpadl)
{
    struct vmb_host *host = gpadl->host;

    /* Release pairs with the acquire in vmbi_host_gpadl_settle(): the memory may go. */
    if (vmb_atomic_fetch_add(&gpadl->hold, UINT32_MAX, VMB_RELEASE) == 1) {
        vmbi_host_wake(host, VMBI_HOST_WAKE_SETTLE);
    }
}

vmb_status vmb_host_gpadl_range(const struct vmb_host_gpadl *gpadl, uint32_t index,
                                struct vmb_host_gpadl_range *out_range)
{
    uint32_t first_page = 0;
    uint32_t byte_offset = gpadl->first_offset;
    uint32_t i;

    if (index >= gpadl->range_count) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    out_range->byte_count = gpadl->first_bytes;
    for (i = 1; i <= index; i++) { /* Words move, by the control plane: only range 0 is copied. */
        uint64_t range = gpadl->host->words[gpadl->word_offset + gpadl->page_count + i];

        first_page += vmbi_pages_touched(byte_offset, out_range->byte_count);
        byte_offset = (uint32_t)(range >> 32);
        out_range->byte_count = (uint32_t)range;
    }
    out_range->base = NULL;
    if (gpadl->mapped) {
        out_range->base = (uint8_t VMB_SHARED *)gpadl->mapping.base +
                          (size_t)first_page * VMB_PAGE_BYTES + byte_offset;
    }
    return VMB_OK;
}
