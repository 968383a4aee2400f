/* SPDX-License-Identifier: MIT */
/*
 * A guest on a bench: its platform is arrays, the host is the test. Every message that the guest
 * posts lands in `posted`; the test answers by putting messages into the slot of a VP.
 */
#ifndef VMB_TEST_GUEST_RIG_H
#define VMB_TEST_GUEST_RIG_H

#include <vmbus/guest.h>
#include <vmbus/hv.h>

enum {
    RIG_VPS = 4,
    RIG_POSTED = 512,
    RIG_PAGES = 20000,
    RIG_SHARES = 64
};

struct rig_posted {
    uint32_t connection_id;
    struct vmb_message message;
};

struct rig {
    struct vmb_guest *guest;
    void *memory;
    uint8_t *message_pages; /* RIG_VPS pages. */
    uint8_t *event_pages;   /* RIG_VPS pages. */
    uint8_t *shared_pages;  /* What share_pages gives out. */
    uint32_t pages_given;
    uint32_t shares_live; /* share_pages that were not taken back. */
    uint32_t shares_made;
    uint32_t share_fails_at; /* The Nth share (from 1) is refused. */
    bool share_askew;        /* Pages that are not aligned. */
    struct vmb_pages last_pages;

    struct rig_posted posted[RIG_POSTED];
    uint32_t posted_count;
    uint32_t posted_read;
    vmb_status post_result; /* What post_message says; VMB_OK lets the message through. */
    uint32_t no_connection; /* Messages to this one get VMB_ERR_INVALID_TARGET. */
    uint32_t refused_posts; /* How many did. */
    uint32_t signals;
    uint32_t signal_connection;
    uint32_t end_of_messages;
    uint64_t now_ns;
    /* Of the port, if set; else every GPADL is well as it is. */
    vmb_status (*expose)(void *context, const struct vmb_gpadl *gpadl, enum vmb_exposure exposure,
                         bool pinned, const struct vmb_gpadl_range *ranges, uint32_t range_count);
    void (*conceal)(void *context, const struct vmb_gpadl *gpadl);

    /* What the guest told. */
    uint32_t connected_count;
    vmb_status connected_status;
    uint32_t offered_count;
    struct vmb_channel *offered[64];
    uint32_t delivered_count;
    uint32_t rescinded_count;
    struct vmb_channel *rescinded;
    bool let_go_at_once;
    void (*in_rescinded)(struct rig *rig);
    uint32_t suspended_count;
    vmb_status suspended_status;
    uint32_t resumed_count;
    struct vmb_channel *resumed[64];
    uint32_t unloaded_count;
    vmb_status unloaded_status;
    uint32_t run_ready_count;
    uint32_t work_ready_count;
    void (*in_connected)(struct rig *rig);
    void (*in_end_of_message)(struct rig *rig);
    void VMB_SHARED *host_page; /* What map_host_page gives. */

    /* One driver's device and one request's end, enough for most tests. */
    uint32_t opened_count;
    uint32_t event_count;
    uint32_t closed_count;
    vmb_status closed_reason;
    struct vmb_endpoint *endpoint;
    void (*in_event)(struct rig *rig);
    uint32_t done_count;
    vmb_status done_status;
    uint32_t stop_count; /* VPs that rig_stopped() was told of. */
    vmb_status stop_status;
    uint32_t log_count;
};

/* A guest with RIG_VPS started VPs; @options may be NULL. Not connected. */
void rig_start(struct rig *rig, const struct vmb_guest_options *options);
/* The same with a port that gives only what is required, and a user who wants to be told nothing.
 */
void rig_start_bare(struct rig *rig, const struct vmb_guest_options *options);
/* The same, connected at a version with four offers. */
void rig_start_at(struct rig *rig, uint32_t version);
void rig_stop(struct rig *rig);

/* Poll until there is nothing to do at this time. */
void rig_poll(struct rig *rig);
/* Let time pass, polling at each deadline. */
void rig_pass(struct rig *rig, uint64_t ns);

/* The next message that the guest posted; fails the test if there is none. */
const struct vmb_message *rig_next(struct rig *rig, uint32_t number);
/* Fails the test unless everything posted has been looked at. */
void rig_no_more(struct rig *rig);

/* Put a message into VP 0's slot, interrupt, poll. */
void rig_say(struct rig *rig, const struct vmb_message *message);
void rig_say_bytes(struct rig *rig, uint32_t type, const void *bytes, uint32_t byte_count);

/* Connect at a version: answers InitiateContact and offers `count` channels, relids from 1 on. */
void rig_connect(struct rig *rig, uint32_t version, uint32_t count);
void rig_offer(struct rig *rig, uint32_t relid);
void rig_rescind(struct rig *rig, uint32_t relid);

/* A driver whose callbacks count in the rig. */
const struct vmb_driver *rig_driver(enum vmb_notify notify);
/* Begin to open; then answer each step with success. */
vmb_status rig_open_begin(struct rig *rig, struct vmb_channel *channel, enum vmb_notify notify);
uint32_t rig_answer_gpadl(struct rig *rig, uint32_t status);
void rig_answer_open(struct rig *rig, uint32_t status);
struct vmb_channel *rig_open(struct rig *rig, uint32_t relid, enum vmb_notify notify);
/* Open on a VP, and let everything run that this has raised. */
struct vmb_channel *rig_open_on(struct rig *rig, uint32_t relid, uint32_t vp,
                                enum vmb_notify notify);
void rig_answer_modify(struct rig *rig, uint32_t status);
void rig_answer_teardown(struct rig *rig);

/* Set an event flag on a VP as the hypervisor does, and interrupt. Returns the work left. */
uint32_t rig_event(struct rig *rig, uint32_t vp, uint32_t relid);

void rig_done(void *context, struct vmb_channel *channel, vmb_status status);
void rig_stopped(void *context, uint32_t vp, vmb_status status);

#endif /* VMB_TEST_GUEST_RIG_H */
