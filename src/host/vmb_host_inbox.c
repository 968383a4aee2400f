/* SPDX-License-Identifier: MIT */
/*
 * Messages of the guest on their way to the control plane: a bounded queue with many producers
 * (VPs that post at once) and one consumer (poll). Each cell's sequence says whose turn it is:
 * equal to a producer's ticket, the cell is empty and its; one more, it is full and the consumer's.
 * Tickets grow for ever and wrap; only differences count.
 *
 * When the guest does not empty its message slot the outbox fills, poll takes no more messages and
 * this queue fills too. A new kernel in that guest must get through all the same, so the last
 * cells are kept for the messages that start over; what stands before them is of the old kernel.
 */
#include "base/vmb_le.h"
#include "host/vmb_host_internal.h"

#define INBOX_RESERVED 2u /* Cells that only a message that starts over may take. */

static bool inbox_starts_over(const uint8_t *bytes, uint32_t byte_count)
{
    uint32_t number = byte_count >= VMB_MESSAGE_HEADER_BYTES ? vmbi_le32(bytes) : 0;

    return number == VMB_MSG_INITIATE_CONTACT || number == VMB_MSG_UNLOAD;
}

void vmbi_host_inbox_init(struct vmb_host *host)
{
    uint32_t i;

    for (i = 0; i < host->options.message_limit; i++) {
        vmb_atomic_store(&host->in[i].sequence, i, VMB_RELAXED);
    }
}

/* A cell for one message, with its ticket; NULL if there is none. */
static struct vmbi_host_in *inbox_claim(struct vmb_host *host, bool starts_over,
                                        uint32_t *out_ticket)
{
    uint32_t mask = host->options.message_limit - 1;
    uint32_t allowed = host->options.message_limit - (starts_over ? 0 : INBOX_RESERVED);
    uint32_t ticket = vmb_atomic_load(&host->in_tail, VMB_RELAXED);

    for (;;) {
        struct vmbi_host_in *cell = &host->in[ticket & mask];
        /* Pairs with the release in vmbi_host_inbox_drop(): the consumer has read the cell. */
        uint32_t sequence = vmb_atomic_load(&cell->sequence, VMB_ACQUIRE);

        if ((int32_t)(sequence - ticket) < 0 ||
            (int32_t)(ticket - vmb_atomic_load(&host->in_head, VMB_RELAXED)) >= (int32_t)allowed) {
            return NULL;
        }
        if (sequence != ticket) {
            ticket = vmb_atomic_load(&host->in_tail, VMB_RELAXED);
            continue; /* Another producer was faster: that one made progress. */
        }
        /* Only shares out tickets; the cell's sequence orders its content. */
        if (vmb_atomic_compare_exchange(&host->in_tail, &ticket, ticket + 1, VMB_RELAXED,
                                        VMB_RELAXED)) {
            *out_ticket = ticket;
            return cell;
        }
    }
}

vmb_status vmb_host_on_message(struct vmb_host *host, uint32_t connection_id, const void *bytes,
                               uint32_t byte_count)
{
    return vmbi_host_inbox_put(host, connection_id, false, bytes, byte_count);
}

vmb_status vmbi_host_inbox_put(struct vmb_host *host, uint32_t connection_id, bool trusted,
                               const void *bytes, uint32_t byte_count)
{
    struct vmbi_host_in *cell;
    uint32_t ticket;

    if (connection_id != VMB_CONNECTION_MESSAGE && connection_id != VMB_CONNECTION_MULTICLIENT) {
        return VMB_ERR_INVALID_TARGET;
    }
    if (byte_count > VMB_MESSAGE_MAX_BYTES) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    cell = inbox_claim(host, inbox_starts_over(bytes, byte_count), &ticket);
    if (cell == NULL) {
        vmb_atomic_fetch_add(&host->messages_refused, 1, VMB_RELAXED);
        return VMB_ERR_RETRY;
    }
    cell->connection_id = connection_id;
    cell->trusted = trusted;
    cell->byte_count = byte_count;
    vmb_memcpy(cell->bytes, bytes, byte_count);
    vmb_atomic_fetch_add(&host->messages_received, 1, VMB_RELAXED);
    /* Pairs with the acquire in vmbi_host_inbox_peek(): the content comes before the turn. */
    vmb_atomic_store(&cell->sequence, ticket + 1, VMB_RELEASE);
    vmbi_host_wake(host, 0);
    return VMB_OK;
}

struct vmbi_host_in *vmbi_host_inbox_peek(struct vmb_host *host)
{
    uint32_t head = vmb_atomic_load(&host->in_head, VMB_RELAXED); /* Only we write it. */
    struct vmbi_host_in *cell = &host->in[head & (host->options.message_limit - 1)];

    /* Pairs with the release in vmb_host_on_message(). */
    return vmb_atomic_load(&cell->sequence, VMB_ACQUIRE) == head + 1 ? cell : NULL;
}

void vmbi_host_inbox_drop(struct vmb_host *host)
{
    uint32_t head = vmb_atomic_load(&host->in_head, VMB_RELAXED);
    struct vmbi_host_in *cell = &host->in[head & (host->options.message_limit - 1)];

    /* Pairs with the acquire in inbox_claim(): the next producer writes after we have read. */
    vmb_atomic_store(&cell->sequence, head + host->options.message_limit, VMB_RELEASE);
    /* Only a measure of how full the queue is; producers may see it late. */
    vmb_atomic_store(&host->in_head, head + 1, VMB_RELAXED);
}

bool vmbi_host_inbox_skip(struct vmb_host *host)
{
    uint32_t head = vmb_atomic_load(&host->in_head, VMB_RELAXED);
    uint32_t before;

    for (before = 0; before < host->options.message_limit; before++) {
        struct vmbi_host_in *cell = &host->in[(head + before) & (host->options.message_limit - 1)];

        if (vmb_atomic_load(&cell->sequence, VMB_ACQUIRE) != head + before + 1) {
            return false;
        }
        if (inbox_starts_over(cell->bytes, cell->byte_count) &&
            !vmbi_host_is_untrusted(host, cell->trusted)) {
            break;
        }
    }
    if (before == host->options.message_limit) {
        return false;
    }
    host->counters.messages_dropped += before;
    for (; before > 0; before--) {
        vmbi_host_inbox_drop(host);
    }
    return true;
}
