/* SPDX-License-Identifier: MIT */
/*
 * A message port at the place where the circle of its sixteen buffers closes, full or empty: the
 * reader takes messages out while two senders put theirs in. Each message that was accepted arrives
 * once and whole; a buffer is not read before it is written, nor written before the reader has done
 * with it.
 */
#include <string.h>

#include <vmbus/hv_ports.h>

#include "explore/engine/xpl.h"

#define SENDERS 2u

static struct vmb_hv_message_port port;
static bool accepted[SENDERS]; /* Each its sender's. */
static uint32_t taken, found[SENDERS];

static vmb_hv_result send_number(uint32_t number)
{
    const uint32_t payload[2] = {number, ~number};

    return vmb_hv_message_port_post(&port, 1, 1, payload, sizeof(payload));
}

static void sender(void *argument)
{
    const uint32_t self = (uint32_t)(uintptr_t)argument;

    accepted[self] = send_number(VMB_HV_PORT_BUFFERS + self) == VMB_HV_SUCCESS;
}

static bool take_one(void)
{
    const struct vmb_hv_message *message = vmb_hv_message_port_peek(&port);
    uint32_t payload[2];

    if (message == NULL) {
        return false;
    }
    memcpy(payload, message->payload, sizeof(payload));
    xpl_expect(payload[1] == ~payload[0], "message %u is torn", payload[0]);
    if (taken < VMB_HV_PORT_BUFFERS) {
        xpl_expect(payload[0] == taken, "message %u arrives as %u", taken, payload[0]);
    } else {
        found[payload[0] - VMB_HV_PORT_BUFFERS]++;
    }
    taken++;
    vmb_hv_message_port_take(&port);
    return true;
}

static void reader(void *argument)
{
    (void)argument;
    (void)take_one();
    (void)take_one();
}

static void prepare_full(unsigned design)
{
    (void)design;
    vmb_hv_message_port_init(&port, NULL, NULL);
    taken = 0;
    memset(accepted, 0, sizeof(accepted));
    memset(found, 0, sizeof(found));
    for (uint32_t i = 0; i < VMB_HV_PORT_BUFFERS; i++) {
        xpl_expect(send_number(i) == VMB_HV_SUCCESS, "an empty port refuses a message");
    }
    xpl_keep(&port, sizeof(port));
    xpl_keep(accepted, sizeof(accepted));
    xpl_keep(&taken, sizeof(taken));
    xpl_keep(found, sizeof(found));
    xpl_name(&port.tail, "tail of the port");
    for (uint32_t i = 0; i < SENDERS; i++) {
        xpl_name(&port.buffers[i].turn, "turn of buffer %u", i);
    }
}

static void prepare_empty(unsigned design)
{
    prepare_full(design);
    while (take_one()) {
    }
}

static void check(void)
{
    while (take_one()) {
    }
    for (uint32_t i = 0; i < SENDERS; i++) {
        xpl_expect(found[i] == accepted[i], "the message of sender %u was %s, and arrived %u times",
                   i, accepted[i] ? "accepted" : "refused", found[i]);
    }
}

const struct xpl_scenario scenario_message_port_full = {
    .name = "message-port-full",
    .shows =
        "a message that a full port accepts finds its buffer done with, and arrives once and whole",
    .rules = "",
    .threads = {{.name = "sender 0", .run = sender, .argument = (void *)(uintptr_t)0},
                {.name = "sender 1", .run = sender, .argument = (void *)(uintptr_t)1},
                {.name = "reader", .run = reader}},
    .prepare = prepare_full,
    .check = check,
};

const struct xpl_scenario scenario_message_port_empty = {
    .name = "message-port-empty",
    .shows = "the same of a port that is empty",
    .rules = "",
    .threads = {{.name = "sender 0", .run = sender, .argument = (void *)(uintptr_t)0},
                {.name = "sender 1", .run = sender, .argument = (void *)(uintptr_t)1},
                {.name = "reader", .run = reader}},
    .prepare = prepare_empty,
    .check = check,
};
