/* SPDX-License-Identifier: MIT */
/*
 * Resets: answered once every SCSI request that was in flight when their turn came has ended, on
 * any channel; newer requests are not waited for, so that a busy guest cannot put a reset off.
 *
 * Requests are counted under the epoch in which they began. A reset moves the epoch on and waits
 * until the count of the old one is 0. There are two counts, so one reset runs at a time, and it
 * begins when the count that it moves to is 0. So it has seen both at 0 before it is answered, and
 * it does no harm that a request is counted under an epoch that has just passed: at most one of a
 * channel is, and the next reset waits for it first.
 *
 * Counts and `resetter` are sequentially consistent: a reset announces itself, then looks whether a
 * count is 0; who makes a count 0 looks afterwards whether a reset waits. One sees the other.
 */
#include "drivers/stor/vmb_stor_host_state.h"

static uint32_t reset_epoch(struct vmb_stor_host *host)
{
    return vmb_atomic_load(&host->epoch, VMB_RELAXED) & 1u;
}

static uint32_t reset_count(struct vmb_stor_host *host, uint32_t epoch)
{
    return vmb_atomic_load(&host->in_flight[epoch], VMB_SEQ_CST);
}

static void reset_uncount(struct vmb_stor_host *host, uint32_t epoch)
{
    if (vmb_atomic_fetch_add(&host->in_flight[epoch], (uint32_t)-1, VMB_SEQ_CST) == 1) {
        /* After the count, as a reset announces itself before it looks at the count. */
        struct vmbi_stor_channel *resetter = vmb_atomic_load(&host->resetter, VMB_SEQ_CST);

        if (resetter != NULL) {
            vmbi_stor_wake(resetter);
        }
    }
}

void vmbi_stor_flight_begin(struct vmb_stor_host *host, struct vmbi_stor_request *request)
{
    request->epoch = reset_epoch(host);
    vmb_atomic_fetch_add(&host->in_flight[request->epoch], 1, VMB_SEQ_CST);
}

void vmbi_stor_flight_end(struct vmb_stor_host *host, struct vmbi_stor_request *request)
{
    reset_uncount(host, request->epoch);
}

static bool reset_claim(struct vmbi_stor_channel *channel)
{
    void *nobody = NULL;

    return vmb_atomic_compare_exchange(&channel->host->resetter, &nobody, (void *)channel,
                                       VMB_SEQ_CST, VMB_RELAXED) ||
           nobody == (void *)channel;
}

/* Whether it is this channel's turn; if so its reset is announced. */
static bool reset_is_ours(struct vmbi_stor_channel *channel)
{
    if (reset_claim(channel)) {
        return true;
    }
    /* With the fence in vmbi_stor_wake_all(): we see that nobody resets any more, or are woken. */
    vmb_atomic_fence(VMB_SEQ_CST);
    return reset_claim(channel);
}

/* What the units say afterwards. */
static void reset_units(struct vmb_stor_host *host, const struct vmbi_stor_request *request)
{
    bool one = request->operation == VMB_STOR_RESET_LUN;
    uint32_t i;

    for (i = 0; i < VMB_STOR_LUN_COUNT; i++) {
        if (!one) {
            vmb_atomic_store(&host->units[i].stopped, 0, VMB_RELAXED);
            vmbi_stor_unit_attend(&host->units[i], VMBI_STOR_ATTENTION_BUS_RESET);
        } else if (i == request->srb.lun) {
            vmbi_stor_unit_attend(&host->units[i], VMBI_STOR_ATTENTION_DEVICE_RESET);
        }
    }
}

static void reset_done(struct vmbi_stor_channel *channel)
{
    struct vmbi_stor_request *request = vmbi_stor_queue_pop(&channel->resets);

    reset_units(channel->host, request);
    vmb_stor_answer_encode(request->packet, VMB_STOR_STATUS_SUCCESS);
    vmbi_stor_channel_answer(channel, request);
    vmbi_stor_count(channel, VMBI_STOR_RESETS, 1);
    vmbi_stor_reset_abandon(channel);
}

void vmbi_stor_reset_step(struct vmbi_stor_channel *channel)
{
    struct vmb_stor_host *host = channel->host;

    while (channel->resets.first != NULL && reset_is_ours(channel)) {
        struct vmbi_stor_request *request = channel->resets.first;

        if (!request->reset_begun) {
            if (reset_count(host, reset_epoch(host) ^ 1u) != 0) {
                return; /* One that was given up left something behind; its end wakes us. */
            }
            vmb_atomic_fetch_add(&host->epoch, 1, VMB_RELAXED);
            request->reset_begun = true;
        }
        if (reset_count(host, reset_epoch(host) ^ 1u) != 0) {
            return;
        }
        reset_done(channel);
    }
}

void vmbi_stor_reset_abandon(struct vmbi_stor_channel *channel)
{
    void *ours = channel;

    /* Release: the epoch has moved on. Pairs with who is the resetter next. */
    if (vmb_atomic_compare_exchange(&channel->host->resetter, &ours, NULL, VMB_RELEASE,
                                    VMB_RELAXED)) {
        vmbi_stor_wake_all(channel->host);
    }
}
