/* SPDX-License-Identifier: MIT */
/*
 * A guest and a host, both of the library, joined by a hypervisor made of arrays: one thread, a
 * clock that moves when told to, every message seen on its way. It also watches what neither end
 * may do: use pages that are not shared, or shared with somebody else; interrupt a VP that is off.
 */
#ifndef VMB_TEST_PAIR_H
#define VMB_TEST_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/guest.h>
#include <vmbus/host.h>
#include <vmbus/host_paravisor.h>
#include <vmbus/hv.h>
#include <vmbus/monitor.h>
#include <vmbus/paravisor.h>
#include <vmbus/power.h>
#include <vmbus/save.h>
#include <vmbus/tl_connect.h>

enum {
    PAIR_VPS = 4,
    PAIR_PAGES = 1024,
    PAIR_FIRST_GPN = 0x1000,
    PAIR_HOST_PAGE = 1023, /* The last page: the host's own, for monitors it supplies. */
    PAIR_DEVICES = 8,
    PAIR_RING_PAGES = 2,
    PAIR_WINDOW = 8, /* Packets under way in each device. */
    PAIR_PAYLOAD = 8192
};

enum pair_page {
    PAIR_FREE = 0,
    PAIR_SHARED,  /* Given by share_pages: the host may map it. */
    PAIR_PRIVATE, /* Only a paravisor may. */
    PAIR_LENT     /* The test's own, for device GPADLs. */
};

/* One SynIC of every VP. */
struct pair_synic {
    uint8_t *messages; /* PAIR_VPS pages. */
    uint8_t *events;
    uint32_t end_of_messages;
};

/* A device with one or more channels: the guest counts up, the host's end echoes. */
struct pair_device {
    struct pair *pair;
    uint8_t instance;
    uint16_t index; /* Sub-channel. */
    uint16_t flags;
    bool monitored;

    struct vmb_host_channel *host_channel;
    struct vmb_endpoint *host_endpoint;
    uint64_t echoed;
    uint32_t host_opened, host_closed, released;
    vmb_status open_answer; /* hooks.open's; VMB_ERR_BUSY: the test answers. */
    vmb_status close_answer;

    struct vmb_channel *channel;
    struct vmb_endpoint *endpoint;
    uint64_t sent, received, wanted;
    uint32_t payload_bytes; /* Of a packet, at least 8; 0: 8. */
    bool corrupt;
    uint32_t opened, closed;
    vmb_status closed_reason;
    uint32_t done_count;
    vmb_status done_status;
    uint32_t rescinded;
    uint32_t resumed;
};

enum pair_way {
    PAIR_TO_HOST,
    PAIR_TO_GUEST
};

struct pair {
    struct vmb_guest *guest;
    struct vmb_host *host;
    void *guest_memory;
    void *host_memory;
    struct vmb_host_options host_options;
    struct vmb_guest_options guest_options;

    uint8_t *pages;
    uint8_t kind[PAIR_PAGES]; /* enum pair_page */
    uint8_t mapped[PAIR_PAGES];
    uint32_t share_fails_at; /* The so manieth share from now on fails; 0: none. */
    uint32_t post_busy;      /* Of so many posts of the guest only one finds a buffer; 0: all. */
    uint32_t post_turn;

    bool paravisor;
    struct pair_synic synic[2]; /* The hypervisor's, the paravisor's. */
    bool off[PAIR_VPS];
    bool interrupt[PAIR_VPS];
    bool guest_work, host_work, host_runs, guest_runs[PAIR_VPS];
    bool guest_stopped; /* It does nothing any more: crashed, or the test speaks for it. */
    bool host_stopped;
    uint64_t now_ns;

    uint32_t ring_pages;         /* Data pages of each ring; 0: PAIR_RING_PAGES. */
    struct vmb_pages last_share; /* Where the rings of the channel that was opened last are. */
    bool keep_rescinded;         /* The guest's user holds on to what is rescinded. */
    /* Called between two steps of the pump: what a hook may not do while it is inside. */
    void (*between)(struct pair *pair);

    /* What passed. */
    uint32_t passed[2][VMB_MSG_LAST + 1];
    uint32_t lost_events; /* Raised on a VP that is off. */
    uint32_t signals[2], raised[2];
    uint32_t raised_on[PAIR_VPS];
    uint32_t stray_signals; /* With an id that is no channel's. */
    uint32_t trouble;       /* Pages used that must not be. */
    /* Sees each message before it is delivered; false: it never arrives. */
    bool (*passes)(struct pair *pair, enum pair_way way, uint32_t number);

    /* What the guest told. */
    uint32_t connected, delivered, suspended, unloaded, resumed, offered;
    vmb_status connected_status, suspended_status, unloaded_status;
    uint32_t kept;                /* Rescinded and not let go of: a GPADL was there. */
    struct vmb_channel *stranger; /* Offered, and of none of the devices. */
    void *own;                    /* The test's, for the next three, which may be NULL. */
    void (*own_offered)(struct pair *pair, struct vmb_channel *channel); /* A stranger. */
    void (*own_rescinded)(struct pair *pair, struct vmb_channel *channel);
    void (*own_moved)(struct pair *pair); /* A new host: offer the test's own devices to it. */
    uint32_t host_connected, host_disconnected;
    vmb_status tl_answer;
    uint32_t tl_count;
    struct vmb_msg_tl_connect_request tl_request;

    struct pair_device devices[PAIR_DEVICES];
};

/* Zero means the default. @paravisor gives both ends the second set. */
struct pair *pair_new(const struct vmb_guest_options *guest, const struct vmb_host_options *host,
                      bool paravisor);
/* Leaves the bus if the guest has not, and checks that nothing is left and nothing went wrong. */
void pair_free(struct pair *pair);

/* Put device @number on the host's bus. */
void pair_offer(struct pair *pair, uint32_t number, uint16_t index, uint16_t flags);
/* Take it off the bus, in whatever state it is. */
void pair_revoke(struct pair *pair, uint32_t number);
/* Move both ends on until neither has anything to do at this time. */
void pair_pump(struct pair *pair);
/* Let time pass, moving on at each deadline. */
void pair_pass(struct pair *pair, uint64_t ns);
/* Connect; VMB_OK or what the guest was told. All offers have come. */
vmb_status pair_connect(struct pair *pair);
/* Open a device's channel, wait for the end. */
vmb_status pair_open(struct pair *pair, uint32_t number, uint32_t vp, bool monitored);
vmb_status pair_open_begin(struct pair *pair, uint32_t number, uint32_t vp, bool monitored);
vmb_status pair_close(struct pair *pair, uint32_t number);
vmb_status pair_retarget(struct pair *pair, uint32_t number, uint32_t vp);
vmb_status pair_vp_off(struct pair *pair, uint32_t vp);
void pair_vp_on(struct pair *pair, uint32_t vp);
vmb_status pair_unload(struct pair *pair);

/* Have @count more packets sent and echoed; begin only, or to the end. */
void pair_send(struct pair *pair, uint32_t number, uint64_t count);
/* VMB_OK if every packet has come back in order, else VMB_ERR_TIMEOUT. */
vmb_status pair_drained(struct pair *pair, uint32_t number);

/* Pages of the test's own. */
vmb_gpn pair_lend(struct pair *pair, uint32_t page_count, bool visible);
void pair_take_back(struct pair *pair, vmb_gpn first, uint32_t page_count);

/* A new kernel in the same machine: the guest's memory is made anew, the host keeps what it has. */
void pair_reboot(struct pair *pair, const struct vmb_guest_options *guest);

/* Another process serves the guest from now on: the host is saved, and a fresh one restored. */
void pair_move_host(struct pair *pair);

/* Write a message as its sender would and hand it over. */
vmb_status pair_say(struct pair *pair, enum pair_way way, const struct vmb_message *message);
vmb_status pair_say_bytes(struct pair *pair, enum pair_way way, uint32_t connection_id,
                          const void *bytes, uint32_t byte_count);

void pair_done(void *context, struct vmb_channel *channel, vmb_status status);
void pair_told(void *context, vmb_status status);

#endif /* VMB_TEST_PAIR_H */
