/* SPDX-License-Identifier: MIT */
/*
 * A guest signals a connection while the host cuts it, gives its memory away, and connects the id
 * to something else; another guest thread signals a neighbour whose chain leads over the same
 * place. Nobody is called after the cut with what has been given away, and the neighbour is always
 * found.
 */
#include <string.h>

#include <vmbus/hv_ports.h>

#include "explore/engine/xpl.h"

#define CUT       1u
#define NEIGHBOUR 5u /* Of the same chain, behind it. */

struct listener {
    uint32_t number;     /* Plain: nobody writes it while somebody may call. */
    vmb_atomic_u32 gone; /* Ghost. */
};

static _Alignas(64) uint8_t memory[4096];
static struct vmb_hv_ports *ports;
static struct listener listeners[3];

static void on_event(void *context, uint32_t connection_id, uint32_t flag)
{
    struct listener *listener = context;

    (void)flag;
    xpl_expect(vmb_atomic_load(&listener->gone, XPL_GHOST) == 0,
               "connection %u calls whom it was cut from", connection_id);
    xpl_expect(listener->number == (connection_id == NEIGHBOUR ? 2u : 1u), "connection %u calls %u",
               connection_id, listener->number);
}

static void control(void *argument)
{
    (void)argument;
    if (vmb_hv_ports_disconnect(ports, CUT) != VMB_OK) {
        xpl_fail("it cannot be cut");
    }
    vmb_atomic_store(&listeners[0].gone, 1u, XPL_GHOST);
    listeners[0].number = 0; /* The next owner of the memory. */
    listeners[1].number = 1;
    if (vmb_hv_ports_connect_event(ports, CUT, 1, on_event, &listeners[1]) != VMB_OK) {
        xpl_fail("the id cannot be connected again");
    }
}

static void signaller(void *argument)
{
    const uint32_t id = (uint32_t)(uintptr_t)argument;
    const vmb_hv_result result = vmb_hv_ports_signal(ports, id, 0);

    xpl_expect(result == VMB_HV_SUCCESS || (id == CUT && result == VMB_HV_INVALID_CONNECTION_ID),
               "connection %u is not found", id);
}

static void prepare(unsigned design)
{
    const struct vmb_hv_ports_options options = {.struct_bytes = sizeof(options),
                                                 .connection_limit = 2};
    const struct vmb_hv_ports_platform platform = {.struct_bytes = sizeof(platform)};

    (void)design;
    memset(listeners, 0, sizeof(listeners));
    listeners[0].number = 1;
    listeners[2].number = 2;
    if (vmb_hv_ports_init(memory, sizeof(memory), &options, &platform, &ports) != VMB_OK ||
        vmb_hv_ports_connect_event(ports, CUT, 1, on_event, &listeners[0]) != VMB_OK ||
        vmb_hv_ports_connect_event(ports, NEIGHBOUR, 1, on_event, &listeners[2]) != VMB_OK) {
        xpl_fail("no ports");
    }
    xpl_keep_watched(memory, sizeof(memory));
    xpl_keep(listeners, sizeof(listeners));
}

/* Who cuts waits for callers in a loop; an execution in which he has to ends there. */
const struct xpl_scenario scenario_port_cut = {
    .name = "port-cut",
    .shows = "a connection that is cut calls nobody any more, and its neighbours are found",
    .rules = "",
    .threads = {{.name = "host", .run = control, .service = true},
                {.name = "guest", .run = signaller, .argument = (void *)(uintptr_t)CUT},
                {.name = "guest, neighbour",
                 .run = signaller,
                 .argument = (void *)(uintptr_t)NEIGHBOUR}},
    .prepare = prepare,
};
