/* SPDX-License-Identifier: MIT */
/*
 * A host on a bench: its platform is arrays, the guest is the test. The test says what the guest
 * posts, byte for byte if it likes, and asks what the host posted, in order.
 */
#ifndef VMB_TEST_HOST_RIG_H
#define VMB_TEST_HOST_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/host.h>

enum {
    HRIG_PAGES = 512, /* Guest memory; its first page number is HRIG_FIRST_GPN. */
    HRIG_FIRST_GPN = 0x100,
    HRIG_POSTED = 4096,
    HRIG_EVENTS = 256,
    HRIG_DEVICES = 8,
    HRIG_RING_PAGES = 8, /* Of the memory of both rings; the second begins in the middle. */
    HRIG_NOTHING = 0
};

struct hrig_posted {
    uint32_t vp;
    uint8_t sint;
    uint32_t byte_count;
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    struct vmb_message message;
};

struct hrig_event {
    uint32_t vp;
    uint8_t sint;
    uint16_t flag;
};

/* A device that notes what happens to it, and answers as it is told. */
struct hrig_device {
    struct hrig *rig;
    struct vmb_host_channel *channel;
    struct vmb_endpoint *endpoint; /* While it is open. */
    uint32_t opened, closed, runs, released, controls, modified_vp;
    uint32_t asked_open, asked_close;
    uint32_t gpadls_created, gpadls_torn_down, last_gpadl;
    vmb_status reason;
    vmb_status open_answer, close_answer, gpadl_answer;
    struct vmb_host_open last_open;
    uint8_t last_user_data[VMB_USER_DEFINED_BYTES];
    uint32_t memo; /* What it saves. */
    uint32_t saved, restored;
    vmb_status save_answer, restore_answer;
    void (*in_restore)(struct hrig_device *device);
    void (*in_event)(struct hrig_device *device);
    void (*in_closed)(struct hrig_device *device);
    void (*in_released)(struct hrig_device *device);
};

struct hrig {
    struct vmb_host *host;
    void *memory;
    size_t memory_bytes;
    bool bare;
    uint8_t *guest_memory;
    uint32_t version;
    uint32_t features;
    uint32_t guest_connection; /* On which the guest posts. */

    struct hrig_posted *posted;
    uint32_t posted_count;
    uint32_t posted_read;
    uint32_t slots_free;   /* Posts that succeed until the slot is taken. */
    bool lenient;          /* What is posted need not make sense. */
    vmb_status post_error; /* What a post says otherwise than RETRY, or VMB_OK. */

    struct hrig_event events[HRIG_EVENTS];
    uint32_t event_count;
    void (*in_raise)(struct hrig *rig);
    uint32_t mapped_pages;
    uint32_t maps_before_refusal;
    uint32_t maps_refused; /* The next so many are. */
    vmb_status map_error;
    uint32_t doorbells_open;
    uint32_t last_doorbell;
    vmb_status doorbell_answer;
    uint32_t work_ready_count;
    uint32_t run_ready_count;
    uint32_t log_count;
    uint64_t now_ns;

    uint32_t connected_count;
    uint32_t connected_version;
    uint32_t disconnected_count;
    enum vmb_host_disconnect disconnect_reason;
    uint32_t tl_count;
    vmb_status tl_answer;
    uint32_t other_vtl_count;

    struct hrig_device devices[HRIG_DEVICES];
};

extern const struct vmb_driver hrig_driver;
extern const struct vmb_host_hooks hrig_hooks;

/* A host with these options, NULL for small defaults. */
struct hrig *hrig_new(const struct vmb_host_options *options);
/* The same, of an embedder who gives only what is required and wants to be told nothing. */
struct hrig *hrig_new_bare(const struct vmb_host_options *options);
/* Resets the host and checks that it has let go of everything. */
void hrig_free(struct hrig *rig);

/* The host is gone without a word, and a fresh one is there, over the same guest memory. */
void hrig_restart(struct hrig *rig, const struct vmb_host_options *options);

void hrig_poll(struct hrig *rig);
/* Run until no channel is ready. */
void hrig_run(struct hrig *rig);

/* The guest posts bytes, or a message in the form of the version in force; then poll. */
void hrig_post_bytes(struct hrig *rig, uint32_t connection_id, const void *bytes, uint32_t count);
void hrig_post(struct hrig *rig, const struct vmb_message *message);
/* The host's next message is of this number. */
const struct vmb_message *hrig_expect(struct hrig *rig, uint32_t number);
const struct hrig_posted *hrig_last(const struct hrig *rig);
void hrig_expect_nothing(struct hrig *rig);

/* The usual messages. */
void hrig_contact(struct hrig *rig, uint32_t version, uint32_t features);
/* Contact, offers requested; the offers are left to be read. */
void hrig_connect(struct hrig *rig, uint32_t version, uint32_t features);
void hrig_header_only(struct hrig *rig, uint32_t number);
void hrig_gpadl(struct hrig *rig, uint32_t relid, uint32_t handle, vmb_gpn first, uint32_t pages);
void hrig_gpadl_teardown(struct hrig *rig, uint32_t relid, uint32_t handle);
void hrig_open(struct hrig *rig, uint32_t relid, uint32_t handle, uint32_t vp);
void hrig_close(struct hrig *rig, uint32_t relid);
void hrig_release(struct hrig *rig, uint32_t relid);
void hrig_modify(struct hrig *rig, uint32_t relid, uint32_t vp);

/* Put device @index on the bus; its instance GUID follows from @instance. */
struct vmb_host_channel *hrig_offer(struct hrig *rig, uint32_t index, uint8_t instance,
                                    uint16_t subchannel);
/* Connect, with device 0 offered as relid 1 and its rings shared as GPADL 100. */
struct vmb_host_channel *hrig_with_rings(struct hrig *rig, uint32_t version, uint32_t features);
/* And opened, with interrupts to VP 1. */
struct vmb_host_channel *hrig_with_open(struct hrig *rig, uint32_t version, uint32_t features);
/* Where the guest sees its rings. */
uint8_t *hrig_page(struct hrig *rig, uint32_t page);

#endif /* VMB_TEST_HOST_RIG_H */
