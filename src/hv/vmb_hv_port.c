/* SPDX-License-Identifier: MIT */
/*
 * A message port: sixteen buffers in a circle, many senders, one reader, no lock.
 *
 * Each buffer has a turn. A buffer with number i of round r (position p = 16 r + i) is free for the
 * sender of position p when its turn is p, holds that message when its turn is p + 1, and is free
 * for position p + 16 when its turn is p + 16.
 */
#include <vmbus/hv_ports.h>
#include <vmbus/platform/string.h>

#define PORT_BUFFER(port, position) (&(port)->buffers[(position) % VMB_HV_PORT_BUFFERS])

VMB_STATIC_ASSERT((VMB_HV_PORT_BUFFERS & (VMB_HV_PORT_BUFFERS - 1)) == 0, "positions wrap around");

void vmb_hv_message_port_init(struct vmb_hv_message_port *port, void (*ready)(void *context),
                              void *context)
{
    vmb_memset(port, 0, sizeof(*port));
    port->ready = ready;
    port->ready_context = context;
    for (uint32_t i = 0; i < VMB_HV_PORT_BUFFERS; i++) {
        port->buffers[i].turn.value = i;
    }
}

/* Reserve a position for a sender. False if the buffer of the next one is still in use. */
static bool port_reserve(struct vmb_hv_message_port *port, uint32_t *out_position)
{
    /* Relaxed: only a guess; the turn decides and the exchange confirms. */
    uint32_t position = vmb_atomic_load(&port->tail, VMB_RELAXED);

    for (;;) {
        /* Acquire: pairs with the reader's release in take; it has read what was in the buffer. */
        uint32_t turn = vmb_atomic_load(&PORT_BUFFER(port, position)->turn, VMB_ACQUIRE);

        if (turn == position) {
            /* Relaxed: it only tells senders apart; the message is published by the turn. */
            if (vmb_atomic_compare_exchange(&port->tail, &position, position + 1, VMB_RELAXED,
                                            VMB_RELAXED)) {
                *out_position = position;
                return true;
            }
        } else if ((int32_t)(turn - position) < 0) {
            return false;
        } else {
            /* Another sender was faster: relaxed, a new guess. */
            position = vmb_atomic_load(&port->tail, VMB_RELAXED);
        }
    }
}

vmb_hv_result vmb_hv_message_port_post(void *port, uint32_t connection_id, uint32_t type,
                                       const void *payload, uint32_t payload_bytes)
{
    struct vmb_hv_message_port *self = port;
    struct vmb_hv_message *message;
    uint32_t position;

    if (payload_bytes > VMB_HV_MESSAGE_MAX) {
        return VMB_HV_INVALID_PARAMETER;
    }
    if (!port_reserve(self, &position)) {
        return VMB_HV_INSUFFICIENT_BUFFERS;
    }
    message = &PORT_BUFFER(self, position)->message;
    message->type = type;
    message->origin = connection_id;
    message->claimed_size = payload_bytes;
    message->payload_bytes = (uint8_t)payload_bytes;
    if (payload_bytes != 0) {
        vmb_memcpy(message->payload, payload, payload_bytes);
    }
    /* Release: pairs with the reader's acquire load in peek; the message is whole. */
    vmb_atomic_store(&PORT_BUFFER(self, position)->turn, position + 1, VMB_RELEASE);
    if (self->ready != NULL) {
        self->ready(self->ready_context);
    }
    return VMB_HV_SUCCESS;
}

const struct vmb_hv_message *vmb_hv_message_port_peek(struct vmb_hv_message_port *port)
{
    /* Acquire: pairs with the sender's release store of the turn. */
    if (vmb_atomic_load(&PORT_BUFFER(port, port->head)->turn, VMB_ACQUIRE) != port->head + 1) {
        return NULL;
    }
    return &PORT_BUFFER(port, port->head)->message;
}

void vmb_hv_message_port_take(struct vmb_hv_message_port *port)
{
    uint32_t position = port->head++;

    /* Release: pairs with a sender's acquire load in port_reserve(); we have read the message. */
    vmb_atomic_store(&PORT_BUFFER(port, position)->turn, position + VMB_HV_PORT_BUFFERS,
                     VMB_RELEASE);
}
