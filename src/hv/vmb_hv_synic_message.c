/* SPDX-License-Identifier: MIT */
/* Messages: a queue for each SINT, of which the head goes into the slot when the slot is empty. */
#include <vmbus/platform/string.h>

#include "base/vmb_shm.h"
#include "hv/vmb_hv_synic_state.h"

/* Size and flags share a word, which the guest reads while we set the flag: see vmb_hv_slot.c. */
#define MESSAGE_PENDING ((uint32_t)VMB_HV_SLOT_FLAG_PENDING << 8)

void vmbi_hv_messages_reset(struct vmb_hv_synic *synic, uint32_t vp)
{
    struct vmbi_hv_vp *state = &synic->vps[vp];

    for (uint32_t i = 0; i < VMB_HV_SINT_COUNT; i++) {
        state->sints[i].head = VMBI_HV_NO_BUFFER;
        state->sints[i].tail = VMBI_HV_NO_BUFFER;
        state->sints[i].queued = 0;
    }
    for (uint32_t i = 0; i < synic->message_buffers; i++) {
        state->buffers[i].next =
            (uint16_t)(i + 1 < synic->message_buffers ? i + 1 : VMBI_HV_NO_BUFFER);
    }
    state->free_buffer = 0;
}

static bool message_possible(const struct vmbi_hv_vp *state)
{
    return (state->scontrol & VMB_HV_SCONTROL_ENABLE) != 0 && state->message_page != NULL;
}

static void message_enqueue(struct vmbi_hv_vp *state, struct vmbi_hv_sint *sint, uint16_t index)
{
    state->buffers[index].next = VMBI_HV_NO_BUFFER;
    if (sint->queued == 0) {
        sint->head = index;
    } else {
        state->buffers[sint->tail].next = index;
    }
    sint->tail = index;
    sint->queued++;
}

/* The head's buffer is free again once its bytes are in the slot. */
static void message_dequeue(struct vmbi_hv_vp *state, struct vmbi_hv_sint *sint)
{
    uint16_t index = sint->head;

    sint->head = state->buffers[index].next;
    sint->queued--;
    state->buffers[index].next = state->free_buffer;
    state->free_buffer = index;
}

/* True if the slot is empty and will stay so. False: the guest has been told to write EOM. */
static bool message_slot_free(void VMB_SHARED *slot)
{
    /* Acquire: pairs with the guest's release that empties the slot, so that it has read all. */
    if (vmbi_shm_load(slot, VMB_HV_SLOT_TYPE, VMB_ACQUIRE) == VMB_HV_MESSAGE_NONE) {
        return true;
    }
    (void)vmbi_shm_fetch_or(slot, VMB_HV_SLOT_SIZE, MESSAGE_PENDING, VMB_RELAXED);
    /*
     * The flag must be visible before the slot is looked at again. Pairs with the guest's fence
     * between emptying the slot and reading the flag: one of us sees the other.
     */
    vmb_atomic_fence(VMB_SEQ_CST);
    return vmbi_shm_load(slot, VMB_HV_SLOT_TYPE, VMB_ACQUIRE) == VMB_HV_MESSAGE_NONE;
}

static void message_fill(void VMB_SHARED *slot, const struct vmbi_hv_buffer *buffer, bool more)
{
    uint8_t origin[8];

    vmbi_put_le64(origin, buffer->origin);
    vmbi_shm_copy_out((uint8_t VMB_SHARED *)slot + VMB_HV_SLOT_ORIGIN, origin, sizeof(origin));
    vmbi_shm_copy_out((uint8_t VMB_SHARED *)slot + VMB_HV_SLOT_PAYLOAD, buffer->payload,
                      buffer->payload_bytes);
    /* Relaxed: published by the type. */
    vmbi_shm_store(slot, VMB_HV_SLOT_SIZE, buffer->payload_bytes | (more ? MESSAGE_PENDING : 0u),
                   VMB_RELAXED);
    /* Release: pairs with the guest's acquire load of the type; the slot is whole when it is full.
     */
    vmbi_shm_store(slot, VMB_HV_SLOT_TYPE, buffer->type, VMB_RELEASE);
}

/* Put the head of the queue into the slot if it can take it. */
static void message_deliver(struct vmb_hv_synic *synic, uint32_t vp, uint32_t index)
{
    struct vmbi_hv_vp *state = &synic->vps[vp];
    struct vmbi_hv_sint *sint = &state->sints[index];
    void VMB_SHARED *slot;

    if (sint->queued == 0 || !message_possible(state)) {
        return;
    }
    slot = vmb_hv_slot(state->message_page, index);
    if (!message_slot_free(slot)) {
        return;
    }
    message_fill(slot, &state->buffers[sint->head], sint->queued > 1);
    message_dequeue(state, sint);
    vmbi_hv_count(state, VMBI_HV_MESSAGES_DELIVERED);
    /* Relaxed: written by the VP's one caller, which is us. */
    vmbi_hv_interrupt(synic, vp, vmb_atomic_load(&sint->low, VMB_RELAXED));
}

void vmbi_hv_messages_rescan(struct vmb_hv_synic *synic, uint32_t vp)
{
    for (uint32_t i = 0; i < VMB_HV_SINT_COUNT; i++) {
        message_deliver(synic, vp, i);
    }
}

void vmbi_hv_messages_rescan_vector(struct vmb_hv_synic *synic, uint32_t vp, uint32_t vector)
{
    uint32_t mask = (uint32_t)(synic->arm64 ? VMB_HV_SINT_ARM64_ID_MASK : VMB_HV_SINT_VECTOR_MASK);

    for (uint32_t i = 0; i < VMB_HV_SINT_COUNT; i++) {
        /* Relaxed: as in message_deliver(). */
        if ((vmb_atomic_load(&synic->vps[vp].sints[i].low, VMB_RELAXED) & mask) == vector) {
            message_deliver(synic, vp, i);
        }
    }
}

void vmb_hv_synic_on_eoi(struct vmb_hv_synic *synic, uint32_t vp, uint32_t vector)
{
    if (vp < synic->vp_count) {
        vmbi_hv_messages_rescan_vector(synic, vp, vector);
    }
}

vmb_hv_result vmb_hv_synic_post(struct vmb_hv_synic *synic, uint32_t vp, uint32_t sint,
                                uint32_t type, uint64_t origin, const void *payload,
                                uint32_t payload_bytes)
{
    struct vmbi_hv_vp *state;
    struct vmbi_hv_buffer *buffer;
    uint16_t index;

    if (vp >= synic->vp_count) {
        return VMB_HV_INVALID_VP_INDEX;
    }
    if (sint >= VMB_HV_SINT_COUNT || type == VMB_HV_MESSAGE_NONE ||
        payload_bytes > VMB_HV_MESSAGE_MAX) {
        return VMB_HV_INVALID_PARAMETER;
    }
    state = &synic->vps[vp];
    if (!message_possible(state)) {
        vmbi_hv_count(state, VMBI_HV_MESSAGES_REFUSED);
        return VMB_HV_INVALID_SYNIC_STATE;
    }
    /* "Another message" is one of the moments at which the queue is looked at, buffer or not. */
    message_deliver(synic, vp, sint);
    index = state->free_buffer;
    if (index == VMBI_HV_NO_BUFFER) {
        vmbi_hv_count(state, VMBI_HV_MESSAGES_REFUSED);
        return VMB_HV_INSUFFICIENT_BUFFERS;
    }
    buffer = &state->buffers[index];
    state->free_buffer = buffer->next;
    buffer->type = type;
    buffer->origin = origin;
    buffer->payload_bytes = (uint16_t)payload_bytes;
    if (payload_bytes != 0) {
        vmb_memcpy(buffer->payload, payload, payload_bytes);
    }
    message_enqueue(state, &state->sints[sint], index);
    vmbi_hv_count(state, VMBI_HV_MESSAGES_ACCEPTED);
    message_deliver(synic, vp, sint);
    return VMB_HV_SUCCESS;
}

uint32_t vmb_hv_synic_queued(const struct vmb_hv_synic *synic, uint32_t vp, uint32_t sint)
{
    if (vp >= synic->vp_count || sint >= VMB_HV_SINT_COUNT) {
        return 0;
    }
    return synic->vps[vp].sints[sint].queued;
}
