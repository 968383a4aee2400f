/* SPDX-License-Identifier: MIT */
/*
 * A guest's storage controller over pairs of rings: with our host at the other end and a disk in
 * memory, or with a host made by hand, which says whatever a test likes.
 */
#ifndef STOR_ENDS_H
#define STOR_ENDS_H

#include "stor_kit.h"

#include <vmbus/drivers/stor_guest.h>

struct ends {
    struct kit *kit;
    struct vmb_stor_guest *guest;
    void *memory;
    uint32_t readies, news, failures;
    vmb_status ready;
    uint32_t done_count;
    struct vmb_stor_request *order[4096]; /* In which they ended. */
};

/* Of the test that runs. */
extern struct ends *ends;

/* `done` of the requests: notes the order. */
void ends_done(struct vmb_stor_request *request);
/* Every callback, and the context that ends_new() puts in. */
struct vmb_stor_guest_options ends_options(void);
/* Both ends; nothing is open. @wishes NULL: ends_options(). */
void ends_new(const struct vmb_stor_guest_options *wishes, uint32_t ring_bytes);
void ends_free(void);
/* Deliver doorbells on both sides until all is quiet. */
void ends_run(void);
void ends_open(uint32_t channel);
/* Open all channels with our host, and take the unit attention of LUN 0. */
void ends_begin(void);
/* Both, with rings that hold everything. */
void ends_make(void);
/* Submit, run, and see that it ended once. */
vmb_status ends_do(uint32_t channel, struct vmb_stor_request *request);
/* A command whose data are at @address. */
struct vmb_stor_request ends_request(struct vmb_stor_command command, vmb_gpa address);
struct vmb_stor_guest_counters ends_counters(void);
/* The host's end of channel 0, by hand: no driver is there. */
struct vmb_endpoint *liar(void);
/* The next packet of the guest; 0: none. Returns its id. */
uint64_t liar_receive(uint8_t *packet);
/* A completion, and what follows from it. */
void liar_send(uint64_t id, const uint8_t *packet, uint32_t bytes);
/* Answer the next step of the initialisation. */
void liar_step(uint32_t operation, uint32_t nt_status,
               const struct vmb_stor_properties *properties);
/* Open the primary channel and answer so many steps well. */
void liar_go(uint32_t steps, uint32_t max_transfer_bytes);
/* Ends with a host by hand that has answered so many steps. */
void liar_begin(uint32_t steps);

#endif /* STOR_ENDS_H */
