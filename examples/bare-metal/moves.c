/* SPDX-License-Identifier: MIT */
#include "moves.h"

#include "bus.h"
#include "x86_boot.h"
#include "x86_console.h"
#include "x86_vmbus.h"

#define MOVES_ROUNDS 300u

static struct {
    bool wanted;
    uint32_t rounds_left;
    uint32_t under_way;
    uint32_t moved;
    uint32_t refused;
} moves;

static void moves_done(void *context, struct vmb_channel *channel, vmb_status status)
{
    (void)context;
    (void)channel;
    moves.under_way--;
    if (status == VMB_OK) {
        moves.moved++;
    } else {
        moves.refused++;
        x86_printf("vmbus: move: %s\n", vmb_status_text(status));
    }
    x86_vmbus_wake();
}

/* The one after @vp; the first one after the last. */
static uint32_t moves_next_vp(uint32_t vp)
{
    uint32_t count = x86_vmbus_vp_count();
    uint32_t i;

    for (i = 0; i < count && x86_vmbus_vp(i) != vp; i++) {
    }
    return x86_vmbus_vp((i + 1) % count);
}

static void moves_round(void)
{
    struct vmb_channel *channel;
    uint32_t cursor = 0;

    while ((channel = vmb_guest_next_channel(bus.guest, &cursor)) != NULL) {
        if (vmb_channel_state(channel) == VMB_CHANNEL_OPEN) {
            vmb_status status = vmb_channel_set_target_vp(
                channel, moves_next_vp(vmb_channel_target_vp(channel)), moves_done, NULL);

            moves.under_way++;
            if (status != VMB_OK) {
                moves_done(NULL, channel, status); /* It has not been called, and will not be. */
            }
        }
    }
}

void moves_begin(void)
{
    moves.wanted = x86_boot_has("move");
    moves.rounds_left = moves.wanted ? MOVES_ROUNDS : 0;
}

bool moves_step(void)
{
    if (moves.under_way == 0 && moves.rounds_left != 0) {
        moves.rounds_left--;
        moves_round();
    }
    return moves.under_way == 0 && moves.rounds_left == 0;
}

void moves_say(void)
{
    if (moves.wanted) {
        x86_printf("vmbus: moves: %u done, %u not\n", moves.moved, moves.refused);
    }
}
