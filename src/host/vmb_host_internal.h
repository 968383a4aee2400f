/* SPDX-License-Identifier: MIT */
/*
 * What the files of the host share. State is plain: indices instead of pointers wherever both
 * would do, so that it can be written to a file and read back.
 *
 * Three kinds of data, by who may touch it:
 *   - atomics: any thread; the order is spelled at each access and its partner is named there;
 *   - a channel's endpoint and device: whoever holds the channel's gate, see vmb_host_dispatch.c;
 *   - all the rest: the control plane, one caller at a time.
 */
#ifndef VMB_HOST_INTERNAL_H
#define VMB_HOST_INTERNAL_H

#include <vmbus/host.h>
#include <vmbus/host_paravisor.h>
#include <vmbus/platform/atomic.h>
#include <vmbus/platform/string.h>
#include <vmbus/proto/pages.h>

#include "base/vmb_gate.h"
#include "base/vmb_shm.h"

#define VMBI_HOST_NONE          0xFFFFFFFFu /* No index. */
#define VMBI_HOST_POLL_MESSAGES 64u         /* In and out, in one poll. */
/* No message causes more than one answer; two are asked for, to be on the safe side. */
#define VMBI_HOST_MESSAGE_ROOM 2u
#define VMBI_HOST_WORD_BITS    ((uint32_t)sizeof(uintptr_t) * 8u)

/* vmb_host.wake: what a thread that may not touch the control plane wants poll to look at. */
#define VMBI_HOST_WAKE_SLOT    0x1u /* The slot has been emptied. */
#define VMBI_HOST_WAKE_SHARED  0x2u /* The shared event connection was signalled. */
#define VMBI_HOST_WAKE_CONTROL 0x4u /* A channel wants hooks.control. */
#define VMBI_HOST_WAKE_SETTLE  0x8u /* A runner, a holder or a signaller has left. */

/* How far a channel's device is, whatever the guest knows of it. */
enum vmbi_host_phase {
    VMBI_PHASE_IDLE = 0,
    VMBI_PHASE_CALLING,  /* Inside open, opened, close or closed: the caller settles after it. */
    VMBI_PHASE_ASKED,    /* hooks.open answers later. */
    VMBI_PHASE_RUNNING,  /* Between opened and closed, as what follows. */
    VMBI_PHASE_DRAINING, /* The gate is closed; perhaps on_event still runs. */
    VMBI_PHASE_STOPPING  /* hooks.close answers later. */
};

/* What a reserved channel owes to the VP and SINT that its request named. */
enum vmbi_host_reserved_reply {
    VMBI_RESERVED_NONE = 0,
    VMBI_RESERVED_OPENED,
    VMBI_RESERVED_CLOSED
};

/* A ring as it was when vmb_host_check_stuck() last looked. */
struct vmbi_host_look {
    bool seen; /* It had unread packets. */
    uint32_t read_offset;
    uint32_t write_offset;
};

struct VMB_CACHE_ALIGNED vmb_host_channel {
    /* Any thread. */
    vmb_atomic_u32 gate;          /* base/vmb_gate.h */
    vmb_atomic_u32 target;        /* Who is interrupted, and how many do so now: _modify.c. */
    vmb_atomic_u32 draining;      /* How many still interrupt the former target. */
    vmb_atomic_u32 connection_id; /* Of the doorbell; 0 unless open. */
    vmb_atomic_u32 control_wanted;
    vmb_atomic_word started;
    vmb_atomic_word coalesced;
    vmb_atomic_word stray;
    vmb_atomic_word handler_runs;
    vmb_atomic_word events_raised;

    /* Who holds the gate; set up by the control plane while it is closed. */
    VMB_CACHE_ALIGNED struct vmb_endpoint endpoint;
    const struct vmb_driver *driver;
    void *device;

    /* Control plane. */
    const struct vmb_host_hooks *hooks;
    struct vmb_host *host;
    uint32_t slot; /* Our index in the host's array. */
    uint32_t next; /* In the order of offers; of a free slot: the next free one. */
    struct vmb_msg_offer offer;
    uint16_t order;
    bool monitored;
    bool in_use;
    bool withdrawn; /* Revoked: the device has left or leaves. */
    bool detached;  /* hooks.released has been called. */
    bool offer_due;
    bool rescind_due;
    bool known; /* Offered in the connection that there is. */

    uint8_t state; /* enum vmb_host_channel_state */
    uint8_t phase; /* enum vmbi_host_phase */
    vmb_status reason;
    bool owes_open_result; /* Counted in host->debts. */
    bool doorbell_open;
    bool monitored_open; /* Counted in host->monitored_open. */
    bool legacy;         /* Interrupted by way of the interrupt page. */
    uint8_t event_sint;
    bool private_ring;                   /* While attached: rings and interrupts are private. */
    uint32_t ring_gpadl;                 /* Index of the GPADL that we hold for the rings. */
    struct vmb_msg_open_channel request; /* The open under way or, in CLOSING_REOPEN, to come. */

    bool reserved;
    uint8_t reserved_reply; /* enum vmbi_host_reserved_reply */
    uint8_t reserved_sint;
    bool reserved_trusted;
    uint32_t reserved_vp;
    uint32_t reserved_relid;
    uint32_t reserved_status;

    bool modifying;          /* A ModifyChannelResponse waits for signallers to leave. */
    uint32_t modify_next_vp; /* Below 5.3: the latest wish that came meanwhile. */
    bool modify_next;

    uint64_t opens;
    uint64_t retargets;
    struct vmbi_host_look look_in;
    struct vmbi_host_look look_out;
    uintptr_t look_runs;

    /* While the host is saved or restored; see _save.c and _restore.c. */
    uint32_t saved_index; /* Which record it is, plus 1; 0: none. */
    uint32_t saved_slot;  /* Of the channel of the record with our own slot's number. */
    size_t saved_at;      /* Where its record stands. */
    bool unclaimed;       /* Restored; no device has been offered for it yet. */
    bool resumed;         /* Restored as open: poll starts it. */
};

/* vmb_host_gpadl.hold: a count of holders, and whether there may be new ones. */
#define VMBI_HOLD_LIVE 0x80000000u

enum vmbi_host_gpadl_state {
    VMBI_GPADL_FREE = 0,
    VMBI_GPADL_IN_PROGRESS, /* Body messages are missing. */
    VMBI_GPADL_ACCEPTED,
    VMBI_GPADL_TEARING_DOWN /* Waits until nobody holds it. */
};

struct vmb_host_gpadl {
    /* Any thread. */
    vmb_atomic_u32 hold;
    vmb_atomic_u32 handle;
    vmb_atomic_u32 slot; /* Of its channel. */

    /* Holders read these; they change only while there is none. */
    struct vmb_host *host;
    struct vmb_host_mapping mapping;
    bool mapped;
    bool map_due;    /* Restored: it was mapped. */
    bool in_private; /* Mapped by the paravisor's function. */
    uint32_t page_count;
    uint32_t range_count;
    uint32_t first_offset; /* Range 0, */
    uint32_t first_bytes;  /* unpacked. */

    /* Control plane. */
    uint8_t state;        /* enum vmbi_host_gpadl_state */
    bool owes_answer;     /* A GpadlTorndown, counted in host->debts. */
    uint32_t word_offset; /* In the host's words: first page numbers, then ranges. */
    uint32_t pages_seen;
    uint32_t ranges_seen;
    uint32_t range_pages_left;
    uint32_t previous; /* In the order of their words. */
    uint32_t next;     /* Likewise; of a free one: the next free one. */
};

/* A message of the guest. A bounded queue of many producers and one consumer. */
struct vmbi_host_in {
    vmb_atomic_u32 sequence;
    uint32_t connection_id;
    bool trusted;
    uint32_t byte_count;
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
};

/* A message to the guest. Offers are encoded when they are posted, all others at once. */
#define VMBI_HOST_OUT_BYTES 48u
struct vmbi_host_out {
    uint16_t number;
    uint8_t sint;
    uint8_t byte_count;
    bool trusted;
    uint32_t vp;
    uint32_t slot;  /* Offers: of which channel, */
    uint32_t relid; /* which must still have this relid. */
    uint8_t bytes[VMBI_HOST_OUT_BYTES];
};

enum vmbi_host_connection_state {
    VMBI_HOST_DISCONNECTED = 0,
    VMBI_HOST_CONNECTED,
    VMBI_HOST_DISCONNECTING
};

/* What comes after VMBI_HOST_DISCONNECTING. */
enum vmbi_host_next {
    VMBI_HOST_NEXT_RESET = 0,
    VMBI_HOST_NEXT_UNLOADED,
    VMBI_HOST_NEXT_CONTACT
};

struct vmbi_host_connection {
    uint8_t state;  /* enum vmbi_host_connection_state */
    uint8_t next;   /* enum vmbi_host_next */
    uint8_t reason; /* enum vmb_host_disconnect */
    bool announce;  /* events.disconnected is to be called. */
    bool offers_requested;
    bool all_offers_due;
    bool paused;
    bool trusted;         /* Begun by the guest itself, with a paravisor. */
    bool request_trusted; /* The request below was. */
    uint32_t version;
    uint32_t features;
    uint32_t vp;
    uint32_t hold_after; /* While paused: messages that may still go out. */
    struct vmb_msg_initiate_contact request;
    vmb_gpa interrupt_page_gpa;
    vmb_gpa monitor_page_gpa;
    struct vmb_host_mapping interrupt_page;
    struct vmb_host_mapping monitor_page;
    bool has_interrupt_page;
    bool has_monitor_page;
};

struct vmb_host {
    struct vmb_host_platform platform;
    struct vmb_host_paravisor paravisor; /* All NULL in a host that is none. */
    struct vmb_host_events events;
    struct vmb_host_options options;

    /* Any thread. */
    vmb_atomic_u32 wake; /* VMBI_HOST_WAKE_ bits. */
    vmb_atomic_u32 in_tail;
    vmb_atomic_u32 in_head; /* Written by the consumer. */
    vmb_atomic_u32 run_cursor;
    vmb_atomic_word messages_received;
    vmb_atomic_word messages_refused;
    vmb_atomic_word signals_unknown;
    vmb_atomic_u32 signal_map[VMB_RELID_COUNT]; /* Low bits of a connection id: slot + 1. */
    vmb_atomic_word *ready;                     /* A bit a slot. */
    struct vmbi_host_in *in;                    /* options.message_limit of them, a power of 2. */

    /* Control plane. */
    struct vmb_host_channel *channels;
    struct vmb_host_gpadl *gpadls;
    uint64_t *words; /* options.gpadl_page_limit of them. */
    struct vmbi_host_out *out;
    uint32_t out_first;
    uint32_t out_count;
    uint32_t debts; /* Answers that are promised a place in the outbox. */
    bool slot_busy;
    bool polling;
    bool acting_trusted; /* The message that is being acted on is. */
    uint64_t slot_tried_ns;
    uint64_t monitors_looked_ns;
    uint32_t channel_first; /* In the order of offers. */
    uint32_t channel_free;
    uint32_t channel_high; /* Slots from here on have never been used. */
    uint32_t gpadl_first;
    uint32_t gpadl_last;
    uint32_t gpadl_free;
    uint32_t gpadl_high;
    uint32_t words_end; /* Words from here on are free; so are holes before it. */
    uint32_t reserved_replies;
    uint32_t monitored_open;
    bool offers_due;  /* A channel has offer_due or rescind_due, or all_offers_due is set. */
    bool offers_full; /* Not all could be sent: no room in the outbox. */
    bool settle_due;  /* A channel or a GPADL waits for somebody to leave. */
    bool control_due; /* A channel has control_wanted. */
    bool restored;    /* Channels that were open are to be started. */
    struct vmbi_host_connection connection;
    uint32_t relid_lowest;                /* None below it is free. */
    uint16_t relid_slot[VMB_RELID_COUNT]; /* Slot + 1; 0 for a relid that is free. */
    uint16_t monitor_slot[VMB_MONITOR_COUNT];
    struct vmb_host_counters counters;
    uint64_t log_since_ns;
    uint32_t log_lines;
};

/* vmb_host_log.c: one line about the guest, rate-limited; "text number" or "text: channel n". */
void vmbi_host_log(struct vmb_host *host, enum vmb_log_level level, const char *text,
                   uint32_t number);
/* A message that does not fit the state: counted, said, dropped. */
void vmbi_host_unexpected(struct vmb_host *host, const char *text, uint32_t number);

/* vmb_host.c */
void vmbi_host_wake(struct vmb_host *host, uint32_t bits);

/* vmb_host_inbox.c */
vmb_status vmbi_host_inbox_put(struct vmb_host *host, uint32_t connection_id, bool trusted,
                               const void *bytes, uint32_t byte_count);
struct vmbi_host_in *vmbi_host_inbox_peek(struct vmb_host *host);
void vmbi_host_inbox_drop(struct vmb_host *host);
/* Drop what stands before the next message that starts over, if there is one. */
bool vmbi_host_inbox_skip(struct vmb_host *host);
void vmbi_host_inbox_init(struct vmb_host *host);

/* vmb_host_outbox.c */
bool vmbi_host_outbox_room(const struct vmb_host *host, uint32_t count);
void vmbi_host_outbox_clear(struct vmb_host *host);
/* Queue for the VP and SINT of the connection. There is room, or a debt has just been taken off. */
void vmbi_host_send(struct vmb_host *host, const struct vmb_message *message);
void vmbi_host_send_to(struct vmb_host *host, const struct vmb_message *message, uint32_t version,
                       bool trusted, uint32_t vp, uint8_t sint);
void vmbi_host_send_offer(struct vmb_host *host, const struct vmb_host_channel *channel);
void vmbi_host_owe_reserved(struct vmb_host_channel *channel, enum vmbi_host_reserved_reply reply,
                            uint32_t status);
void vmbi_host_forgive_reserved(struct vmb_host_channel *channel);
/* Post what is queued. True if the budget ended it. */
bool vmbi_host_outbox_post(struct vmb_host *host);

/* vmb_host_message.c: act on the messages of the inbox. True if the budget ended it. */
bool vmbi_host_take_messages(struct vmb_host *host);

/* vmb_host_connect.c */
void vmbi_host_contact(struct vmb_host *host, const struct vmb_msg_initiate_contact *request,
                       bool multiclient);
void vmbi_host_unload(struct vmb_host *host);
void vmbi_host_connection_settle(struct vmb_host *host);
void vmbi_host_modify_connection(struct vmb_host *host,
                                 const struct vmb_msg_modify_connection *request);
void vmbi_host_pause(struct vmb_host *host);
void vmbi_host_resume(struct vmb_host *host);
void vmbi_host_tl_connect(struct vmb_host *host, const struct vmb_msg_tl_connect_request *request);

/* vmb_host_monitor.c: what the guest may read beside the bits, and how often to look at these. */
void vmbi_host_monitor_describe(const struct vmb_host_channel *channel);
void vmbi_host_monitors_describe(struct vmb_host *host);
uint64_t vmbi_host_monitor_interval_ns(const struct vmb_host *host);

/* vmb_host_paravisor.c */
VMB_INLINE bool vmbi_host_has_paravisor(const struct vmb_host *host)
{
    return host->paravisor.post_message != NULL;
}
/* Whether a message is to be dropped: the connection is the guest's own, and it is not. */
bool vmbi_host_is_untrusted(const struct vmb_host *host, bool message_trusted);
/* What to grant of what is asked for. */
uint32_t vmbi_host_features(const struct vmb_host *host, uint32_t requested, bool trusted);
vmb_status vmbi_host_post(struct vmb_host *host, bool trusted, uint32_t vp, uint8_t sint,
                          const void *bytes, uint32_t byte_count);
void vmbi_host_raise(struct vmb_host_channel *channel, uint32_t vp, uint16_t flag);
bool vmbi_host_is_private(const struct vmb_host_channel *channel, uint16_t flag);
vmb_status vmbi_host_gpadl_map(struct vmb_host_gpadl *gpadl);
void vmbi_host_gpadl_unmap(struct vmb_host_gpadl *gpadl);

/* vmb_host_offer.c */
struct vmb_host_channel *vmbi_host_channel_find(struct vmb_host *host,
                                                const struct vmb_guid *class_id,
                                                const struct vmb_guid *instance_id, uint16_t index);
/* A channel without a device, in its place in the order; NULL if there is no room. */
struct vmb_host_channel *vmbi_host_channel_make(struct vmb_host *host,
                                                const struct vmb_guid *class_id,
                                                const struct vmb_guid *instance_id, uint16_t index,
                                                uint16_t order);
void vmbi_host_channel_free(struct vmb_host_channel *channel);
void vmbi_host_offer_make_due(struct vmb_host_channel *channel);
struct vmb_host_channel *vmbi_host_channel_of(struct vmb_host *host, uint32_t relid);
void vmbi_host_request_offers(struct vmb_host *host);
void vmbi_host_relid_released(struct vmb_host *host, uint32_t relid);
/* The guest does not know the channel any more; its relid and its GPADLs are let go of. */
void vmbi_host_client_release(struct vmb_host_channel *channel);
/* If the device has been revoked and has stopped: let go of it, tell the guest, free the slot. */
void vmbi_host_withdraw(struct vmb_host_channel *channel);
void vmbi_host_offers_pump(struct vmb_host *host);

/* vmb_host_open.c */
void vmbi_host_open(struct vmb_host *host, const struct vmb_msg_open_channel *request);
void vmbi_host_close(struct vmb_host *host, uint32_t relid);
void vmbi_host_open_reserved(struct vmb_host *host, const struct vmb_msg_open_reserved *request);
void vmbi_host_close_reserved(struct vmb_host *host, const struct vmb_msg_close_reserved *request);
/* Nobody waits for the answer to an open any more. */
void vmbi_host_open_cancel(struct vmb_host_channel *channel);
/* Bring the device to where the state wants it, as far as that goes now. */
void vmbi_host_settle(struct vmb_host_channel *channel);
/* The guest has left the bus. */
void vmbi_host_open_disconnect(struct vmb_host_channel *channel);

/* vmb_host_attach.c: rings, doorbell and target of an open. VMB_OK, or nothing has been done. */
vmb_status vmbi_host_attach(struct vmb_host_channel *channel);
void vmbi_host_detach(struct vmb_host_channel *channel);
/* The same for a channel that was open when the host was saved. */
struct vmbi_saved_channel;
vmb_status vmbi_host_attach_saved(struct vmb_host_channel *channel,
                                  const struct vmbi_saved_channel *saved);

/* vmb_host_gpadl.c */
/* In any state; NULL: there is none. */
struct vmb_host_gpadl *vmbi_host_gpadl_of(struct vmb_host_channel *channel, uint32_t handle);
void vmbi_host_gpadl_free(struct vmb_host_gpadl *gpadl);
void vmbi_host_gpadl_header(struct vmb_host *host, const struct vmb_msg_gpadl_header *header);
void vmbi_host_gpadl_body(struct vmb_host *host, const struct vmb_msg_gpadl_body *body);
void vmbi_host_gpadl_teardown(struct vmb_host *host, const struct vmb_msg_gpadl_teardown *request);
/* Tear down all GPADLs of a channel; nobody is told. */
void vmbi_host_gpadl_forget(struct vmb_host_channel *channel);
bool vmbi_host_gpadl_any(const struct vmb_host_channel *channel);
/* End teardowns that nobody holds up. */
void vmbi_host_gpadl_settle(struct vmb_host *host);

/* vmb_host_modify.c */
void vmbi_host_modify(struct vmb_host *host, const struct vmb_msg_modify_channel *request);
void vmbi_host_modify_settle(struct vmb_host_channel *channel);
/* The channel closes: the answer, if one is due, never comes. */
void vmbi_host_modify_cancel(struct vmb_host_channel *channel);
uint16_t vmbi_host_target_flag(const struct vmb_host_channel *channel);
/* Nobody interrupts the target, or a former one, right now. */
bool vmbi_host_target_idle(const struct vmb_host_channel *channel);
void vmbi_host_target_set(struct vmb_host_channel *channel, uint32_t vp, uint16_t flag);
void vmbi_host_doorbell(void *channel);

/* vmb_host_connect.c, for those who restore. */
vmb_status vmbi_host_connection_map(struct vmb_host *host);
void vmbi_host_connection_unmap(struct vmb_host *host);
void vmbi_host_connection_silence(struct vmb_host *host);

/* vmb_host_restore.c */
/* Start what was open: each device runs once and each guest is interrupted once. */
void vmbi_host_restored_start(struct vmb_host *host);

/* vmb_host_dispatch.c */
void vmbi_host_gate_open(struct vmb_host_channel *channel);
void vmbi_host_signal(struct vmb_host_channel *channel);
void vmbi_host_scan_shared(struct vmb_host *host);
void vmbi_host_scan_monitors(struct vmb_host *host);

#endif /* VMB_HOST_INTERNAL_H */
