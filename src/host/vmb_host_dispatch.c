/* SPDX-License-Identifier: MIT */
/*
 * From a doorbell of the guest to on_event of its channel: every event runs it at least once
 * afterwards, never on two threads at once, never after `closed`.
 *
 * Each channel has a gate (base/vmb_gate.h). A set bit in `ready` is a token: it makes some thread
 * try to run the channel. Whoever has the duty to see a handler started sets the token. Tokens too
 * many do no harm, since a run begins only by claiming the gate.
 *
 * Channels live as long as the host, so that a thread with a stale token finds at worst another
 * device in the slot, and then runs that one for a good reason or not at all.
 */
#include "base/vmb_number.h"
#include "host/vmb_host_internal.h"

#define MONITORS_PER_GROUP      32u
#define SHARED_HOST_HALF_OFFSET 2048u /* Of the interrupt page: what the guest has for us. */

static void dispatch_make_ready(struct vmb_host_channel *channel)
{
    struct vmb_host *host = channel->host;
    uint32_t slot = channel->slot;

    /* Pairs with the acquire in dispatch_claim_token(): the gate was changed before. */
    vmb_atomic_fetch_or(&host->ready[slot / VMBI_HOST_WORD_BITS],
                        (uintptr_t)1 << slot % VMBI_HOST_WORD_BITS, VMB_RELEASE);
    if (host->platform.run_ready != NULL) {
        host->platform.run_ready(host->platform.context);
    }
}

void vmbi_host_gate_open(struct vmb_host_channel *channel)
{
    vmbi_gate_open_held(&channel->gate);
    /* A device that speaks first does, and a signal from before counts. */
    vmbi_gate_owe(&channel->gate);
    if (vmbi_gate_finish(&channel->gate)) {
        dispatch_make_ready(channel);
    }
}

void vmbi_host_signal(struct vmb_host_channel *channel)
{
    switch (vmbi_gate_event(&channel->gate)) {
    case VMBI_GATE_CLOSED:
        vmb_atomic_fetch_add(&channel->stray, 1, VMB_RELAXED);
        break;
    case VMBI_GATE_COALESCED:
        vmb_atomic_fetch_add(&channel->coalesced, 1, VMB_RELAXED);
        break;
    case VMBI_GATE_START:
        vmb_atomic_fetch_add(&channel->started, 1, VMB_RELAXED);
        dispatch_make_ready(channel);
        break;
    }
}

/* Call on_event with the ring masked: the guest need not signal while somebody looks anyway. */
static void dispatch_run(struct vmb_host_channel *channel)
{
    struct vmb_endpoint_run run;

    if (!vmbi_gate_claim(&channel->gate)) {
        return; /* Closed, served already, or running: then that run sees what is pending. */
    }
    vmb_endpoint_run_begin(&channel->endpoint, &run);
    vmb_atomic_fetch_add(&channel->handler_runs, 1, VMB_RELAXED);
    channel->driver->on_event(channel->device);
    if (vmb_endpoint_run_done(&channel->endpoint, &run)) {
        vmbi_gate_owe(&channel->gate); /* No signal will say so. */
    }
    if (vmbi_gate_finish(&channel->gate)) {
        dispatch_make_ready(channel);
    } else if (vmbi_gate_closed(&channel->gate)) {
        vmbi_host_wake(channel->host, VMBI_HOST_WAKE_SETTLE); /* Somebody waits for our end. */
    }
}

/* The first set bit of @word at or above @from, or VMBI_HOST_WORD_BITS. */
static uint32_t dispatch_next_bit(uintptr_t word, uint32_t from)
{
    if (from >= VMBI_HOST_WORD_BITS) {
        return VMBI_HOST_WORD_BITS;
    }
    word &= ~(uintptr_t)0 << from;
    return word != 0 ? vmbi_lowest_bit(word) : VMBI_HOST_WORD_BITS;
}

/* Run what is ready in [first, end). False if the budget ended it. */
static bool dispatch_span(struct vmb_host *host, uint32_t first, uint32_t end, uint32_t *budget)
{
    uint32_t slot = first;

    while (slot < end) {
        vmb_atomic_word *word = &host->ready[slot / VMBI_HOST_WORD_BITS];
        uint32_t bit =
            dispatch_next_bit(vmb_atomic_load(word, VMB_RELAXED), slot % VMBI_HOST_WORD_BITS);
        uintptr_t token;

        slot = slot / VMBI_HOST_WORD_BITS * VMBI_HOST_WORD_BITS + bit;
        if (bit == VMBI_HOST_WORD_BITS || slot >= end) {
            continue; /* The first slot of the next word, or the end. */
        }
        if (*budget == 0) {
            return false;
        }
        token = (uintptr_t)1 << bit;
        /* Pairs with the release in dispatch_make_ready(). Of several threads one gets it. */
        if ((vmb_atomic_fetch_and(word, ~token, VMB_ACQUIRE) & token) != 0) {
            (*budget)--;
            vmb_atomic_store(&host->run_cursor, slot + 1, VMB_RELAXED);
            dispatch_run(&host->channels[slot]);
        }
        slot++;
    }
    return true;
}

bool vmb_host_run(struct vmb_host *host, uint32_t budget)
{
    uint32_t limit = host->options.channel_limit;
    /* Where the last run stopped, so that low slots cannot starve high ones. A hint only. */
    uint32_t start = vmb_atomic_load(&host->run_cursor, VMB_RELAXED) % limit;
    uint32_t i;

    if (dispatch_span(host, start, limit, &budget)) {
        (void)dispatch_span(host, 0, start, &budget);
    }
    for (i = 0; i * VMBI_HOST_WORD_BITS < limit; i++) {
        if (vmb_atomic_load(&host->ready[i], VMB_RELAXED) != 0) {
            return true;
        }
    }
    return false;
}

vmb_status vmb_host_on_signal(struct vmb_host *host, uint32_t connection_id, uint16_t flag)
{
    struct vmb_host_channel *channel;
    uint32_t entry;

    if (flag != 0) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    if (connection_id == VMB_CONNECTION_EVENT) {
        vmbi_host_wake(host, VMBI_HOST_WAKE_SHARED);
        return VMB_OK;
    }
    /* Channels are never freed, so these two may be of different moments: the signal is then late
     * and at worst runs a device once for nothing. */
    entry = vmb_atomic_load(&host->signal_map[connection_id % VMB_RELID_COUNT], VMB_RELAXED);
    if (entry == 0) {
        vmb_atomic_fetch_add(&host->signals_unknown, 1, VMB_RELAXED);
        return VMB_ERR_INVALID_TARGET;
    }
    channel = &host->channels[entry - 1];
    if (vmb_atomic_load(&channel->connection_id, VMB_RELAXED) != connection_id) {
        vmb_atomic_fetch_add(&host->signals_unknown, 1, VMB_RELAXED);
        return VMB_ERR_INVALID_TARGET;
    }
    vmbi_host_signal(channel);
    return VMB_OK;
}

void vmb_host_kick(struct vmb_host_channel *channel)
{
    vmbi_host_signal(channel);
}

void vmb_host_request_control(struct vmb_host_channel *channel)
{
    /* Pairs with the exchange in control_call(): what the device wrote before is seen there. */
    vmb_atomic_store(&channel->control_wanted, 1, VMB_RELEASE);
    vmbi_host_wake(channel->host, VMBI_HOST_WAKE_CONTROL);
}

void vmbi_host_scan_shared(struct vmb_host *host)
{
    void VMB_SHARED *page = host->connection.interrupt_page.base;
    uint32_t word;

    if (!host->connection.has_interrupt_page) {
        return;
    }
    for (word = 0; word < VMB_RELID_COUNT / 32; word++) {
        /* Take the bits before looking anything up; acquire: the ring was written before them. */
        uint32_t bits = vmbi_shm_exchange(page, SHARED_HOST_HALF_OFFSET + 4 * word, 0, VMB_ACQUIRE);

        for (; bits != 0; bits &= bits - 1) {
            uint32_t relid = 32 * word + vmbi_lowest_bit(bits);

            if (host->relid_slot[relid] != 0) {
                vmbi_host_signal(&host->channels[host->relid_slot[relid] - 1]);
            }
        }
    }
}

void vmbi_host_scan_monitors(struct vmb_host *host)
{
    void VMB_SHARED *page = host->connection.monitor_page.base;
    uint32_t group;

    if (!host->connection.has_monitor_page) {
        return;
    }
    for (group = 0; group < VMB_MONITOR_GROUP_COUNT; group++) {
        uint32_t bits = vmbi_shm_exchange(page, VMB_MONITOR_PENDING(group), 0, VMB_ACQUIRE);

        for (; bits != 0; bits &= bits - 1) {
            uint32_t monitor = MONITORS_PER_GROUP * group + vmbi_lowest_bit(bits);

            if (host->monitor_slot[monitor] != 0) {
                vmbi_host_signal(&host->channels[host->monitor_slot[monitor] - 1]);
            }
        }
    }
}
