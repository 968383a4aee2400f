/* SPDX-License-Identifier: MIT */
/*
 * Transaction ids. An id is the use count of a slot in the high half and the slot's index plus one
 * in the low half: never 0, and never one of the top values that some peers reserve for themselves.
 *
 * Free slots stand in a queue between the reader, who puts them in, and the writer, who takes them
 * out: `ended` and `begun` count both, and their difference is what the queue lacks.
 */
#include <vmbus/request.h>

static uint64_t request_id(uint32_t use, uint32_t index)
{
    return (uint64_t)use << 32 | (index + 1u);
}

vmb_status vmb_request_table_init(struct vmb_request_table *table, struct vmb_request_slot *slots,
                                  uint32_t slot_count)
{
    uint32_t index;

    if (slots == NULL || slot_count == 0 || slot_count > VMB_REQUEST_LIMIT ||
        (slot_count & (slot_count - 1u)) != 0) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    for (index = 0; index < slot_count; index++) {
        slots[index].use.value = 0;
        slots[index].free_index = index;
        slots[index].context = NULL;
    }
    table->slots = slots;
    table->slot_count = slot_count;
    table->begun = 0;
    table->ended.value = 0;
    return VMB_OK;
}

vmb_status vmb_request_begin(struct vmb_request_table *table, void *context, uint64_t *out_id)
{
    /* Acquire: pairs with the release in vmb_request_end(), after which the slot is ours. */
    uint32_t ended = vmb_atomic_load(&table->ended, VMB_ACQUIRE);
    struct vmb_request_slot *slot;
    uint32_t index, use;

    if (table->begun - ended == table->slot_count) {
        return VMB_ERR_LIMIT;
    }
    index = table->slots[table->begun & (table->slot_count - 1u)].free_index;
    table->begun++;
    slot = &table->slots[index];
    slot->context = context;
    use = vmb_atomic_load(&slot->use, VMB_RELAXED) + 1u;
    /* Release: a reader that finds this id valid, even a guessed one, finds the context too. */
    vmb_atomic_store(&slot->use, use, VMB_RELEASE);
    *out_id = request_id(use, index);
    return VMB_OK;
}

vmb_status vmb_request_end(struct vmb_request_table *table, uint64_t id, void **out_context)
{
    uint32_t index = (uint32_t)id - 1u; /* 0 wraps and is out of range. */
    uint32_t use = (uint32_t)(id >> 32);
    struct vmb_request_slot *slot;
    uint32_t ended;

    if (index >= table->slot_count || use % 2u == 0) {
        return VMB_ERR_UNKNOWN;
    }
    slot = &table->slots[index];
    /*
     * Acquire: pairs with the release in vmb_request_begin(). An exchange, because the peer may
     * have guessed the id of a request that the writer is just taking back.
     */
    if (!vmb_atomic_compare_exchange(&slot->use, &use, use + 1u, VMB_ACQUIRE, VMB_RELAXED)) {
        return VMB_ERR_UNKNOWN;
    }
    *out_context = slot->context;
    ended = vmb_atomic_load(&table->ended, VMB_RELAXED);
    table->slots[ended & (table->slot_count - 1u)].free_index = index;
    /* Release: whoever takes the slot from the queue finds it as we left it. */
    vmb_atomic_store(&table->ended, ended + 1u, VMB_RELEASE);
    return VMB_OK;
}

void vmb_request_cancel(struct vmb_request_table *table, uint64_t id)
{
    uint32_t index = (uint32_t)id - 1u;
    uint32_t use = (uint32_t)(id >> 32);

    VMB_ASSERT(index < table->slot_count && use % 2u != 0);
    if (vmb_atomic_compare_exchange(&table->slots[index].use, &use, use + 1u, VMB_RELAXED,
                                    VMB_RELAXED)) {
        table->begun--; /* The slot is the first of the queue again, where it was taken from. */
    }
}

bool vmb_request_next(const struct vmb_request_table *table, uint32_t *cursor, uint64_t *out_id,
                      void **out_context)
{
    while (*cursor < table->slot_count) {
        uint32_t index = (*cursor)++;
        const struct vmb_request_slot *slot = &table->slots[index];
        uint32_t use = vmb_atomic_load(&slot->use, VMB_RELAXED);

        if (use % 2u != 0) {
            *out_id = request_id(use, index);
            *out_context = slot->context;
            return true;
        }
    }
    return false;
}

uint32_t vmb_request_count(const struct vmb_request_table *table)
{
    return table->begun - vmb_atomic_load(&table->ended, VMB_RELAXED);
}
