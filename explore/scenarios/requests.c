/* SPDX-License-Identifier: MIT */
/*
 * Requests under way, in a table with one slot: the writer begins them, takes one back, and uses
 * the slot again as soon as it is free; the reader ends whatever ids a peer sends, and this one
 * guesses them. Each request ends once, with its own context, which is whole.
 */
#include <string.h>

#include <vmbus/request.h>

#include "explore/engine/xpl.h"

#define ROUNDS 2u

/* What the driver keeps of a request. */
struct packet {
    uint32_t number;
};

static struct vmb_request_slot slots[1];
static struct vmb_request_table table;
static struct packet packets[ROUNDS]; /* By the use of the slot. */
static uint32_t begun, ended;         /* The writer's, the reader's. */

/* The id of the slot's use number @use, from 0 on, as a peer may guess it. */
static uint64_t id_of(uint32_t use)
{
    return (uint64_t)(2 * use + 1) << 32 | 1u;
}

static void writer(void *argument)
{
    const bool cancels = argument != NULL;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint64_t id;

        packets[begun].number = 100 + begun;
        if (vmb_request_begin(&table, &packets[begun], &id) != VMB_OK) {
            continue;
        }
        xpl_expect(id == id_of(begun), "request %u is not the slot's next", begun);
        begun++;
        if (cancels) {
            vmb_request_cancel(&table, id);
        }
    }
}

static void reader(void *argument)
{
    (void)argument;
    for (uint32_t use = 0; use < ROUNDS; use++) {
        void *context;

        if (vmb_request_end(&table, id_of(use), &context) == VMB_OK) {
            xpl_expect(context == &packets[use] && packets[use].number == 100 + use,
                       "request %u ends with what is another's", use);
            packets[use].number = 0; /* It is over; the driver may do with it what it likes. */
            ended++;
        }
    }
}

static void prepare(unsigned design)
{
    (void)design;
    memset(packets, 0, sizeof(packets));
    begun = ended = 0;
    if (vmb_request_table_init(&table, slots, 1) != VMB_OK) {
        xpl_fail("no table");
    }
    xpl_keep(slots, sizeof(slots));
    xpl_keep(&table, sizeof(table));
    xpl_keep(packets, sizeof(packets));
    xpl_keep(&begun, sizeof(begun));
    xpl_keep(&ended, sizeof(ended));
    xpl_name(&slots[0].use, "use of the slot");
    xpl_name(&table.ended, "requests ended");
}

static void check(void)
{
    uint32_t cursor = 0, under_way = 0;
    uint64_t id;
    void *context;

    while (vmb_request_next(&table, &cursor, &id, &context)) {
        under_way++;
    }
    xpl_expect(vmb_request_count(&table) == under_way, "%u requests are under way, not %u",
               under_way, vmb_request_count(&table));
}

static void check_all(void)
{
    check();
    xpl_expect(begun == ended + vmb_request_count(&table),
               "%u requests were begun, %u have ended, and %u are under way", begun, ended,
               vmb_request_count(&table));
}

const struct xpl_scenario scenario_requests = {
    .name = "requests",
    .shows = "a request ends once, with its own context, even if the peer guesses its id",
    .rules = "",
    .threads = {{.name = "writer", .run = writer}, {.name = "reader", .run = reader}},
    .prepare = prepare,
    .check = check_all,
};

const struct xpl_scenario scenario_requests_cancelled = {
    .name = "requests-cancelled",
    .shows = "the same of requests that the writer takes back meanwhile",
    .rules = "",
    .threads = {{.name = "writer", .run = writer, .argument = &table},
                {.name = "reader", .run = reader}},
    .prepare = prepare,
    .check = check,
};
