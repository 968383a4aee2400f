/* SPDX-License-Identifier: MIT */
/*
 * What a guest and its channels are made of, and what the files of this room say to each other.
 *
 * Three kinds of state live here, and every member belongs to exactly one:
 *   control   the control plane's own: one caller at a time, plain memory
 *   dispatch  read by all VPs in their interrupts while the control plane changes it: atomics
 *   vp        written by one VP, read by others: atomics on that VP's own cache lines
 */
#ifndef VMB_GUEST_STATE_H
#define VMB_GUEST_STATE_H

#include <vmbus/guest.h>
#include <vmbus/paravisor.h>
#include <vmbus/platform/atomic.h>
#include <vmbus/platform/string.h>

#include "base/vmb_gate.h"
#include "base/vmb_shm.h"
#include "guest/vmb_grace.h"
#include "guest/vmb_guest_part.h"
#include "guest/vmb_loan.h"

/* Words of a bit for each relid. */
#define RELID_WORDS (VMB_RELID_COUNT / VMBI_WORD_BITS)
/* Channels of a host older than 2.4 have their bit in the interrupt page, in its first half. */
#define LEGACY_HALF_BYTES 2048u
/* How often a direct handler runs in one interrupt before it is made due instead (R10). */
#define DIRECT_RUNS 8u
/* Messages taken, and messages posted, in one call of vmb_guest_poll(). */
#define POLL_BATCH 64u

/* A counter with one writer at a time. */
VMB_INLINE void vmbi_count(vmb_atomic_word *counter)
{
    vmb_atomic_count(counter);
}

/* What a place in the outbox has to say; see vmb_guest_outbox.c. Below these: an index of parts. */
enum post_kind {
    POST_CONTACT = PART_COUNT,
    POST_REQUEST_OFFERS,
    POST_UNLOAD,
    POST_OPEN,
    POST_CLOSE,
    POST_RELEASE,
    POST_RINGS,
    POST_RINGS_TEARDOWN
};

enum bus_state {
    BUS_DISCONNECTED = 0,
    BUS_CONTACTING, /* InitiateContact is queued or unanswered. */
    BUS_CONNECTED,  /* A version is agreed upon. */
    BUS_LEAVING,    /* No channel runs any more; VPs are leaving the dispatch. */
    BUS_UNLOADING   /* Unload is queued or unanswered. */
};

/* Where a channel is; the public enum vmb_channel_state is coarser. */
enum channel_phase {
    PHASE_FREE = 0,
    PHASE_OFFERED,
    PHASE_OPEN_SHARING, /* The ring GPADL is being created. */
    PHASE_OPEN_ASKING,  /* OpenChannel is queued or unanswered. */
    PHASE_OPEN,
    PHASE_CLOSE_QUIESCING,   /* The gate is closed; somebody may still be inside. */
    PHASE_CLOSE_TELLING,     /* CloseChannel is queued. */
    PHASE_CLOSE_UNSHARING,   /* The ring GPADL is being torn down. */
    PHASE_RELEASE_QUIESCING, /* Unmapped; a VP may still hold the pointer. */
    PHASE_RELEASE_TELLING,   /* RelIdReleased is queued. */
    PHASE_SUSPENDED          /* The bus sleeps, or woke and has not offered it again. */
};

enum gpadl_state {
    GPADL_NONE = 0,
    GPADL_TELLING, /* Header or bodies are queued. */
    GPADL_ASKED,   /* All told, no answer yet. */
    GPADL_READY,
    GPADL_REVOKING, /* GpadlTeardown is queued. */
    GPADL_REVOKED   /* Posted, not confirmed. */
};

enum vp_service {
    VP_OUT = 0,  /* Not started, or stopped. */
    VP_IN,       /* Takes interrupts. */
    VP_STOPPING, /* Its channels are moving away. */
    VP_EMPTY     /* No channel targets it; the port is about to mask its SINT. */
};

enum pause_state {
    PAUSE_NONE = 0,
    PAUSE_ASKED, /* Pause is queued. */
    PAUSE_HELD   /* Posted: nothing but Resume and Unload goes out. */
};

enum modify_state {
    MODIFY_NONE = 0,
    MODIFY_QUEUED,
    MODIFY_ASKED,
    MODIFY_LATE /* Not answered in time, and told so: the host may interrupt either VP. */
};

/*
 * What an interrupt reads of a relid whose handler it may call: dense, in the order of the bits,
 * four to a line of cache. Written while the relid's gate is closed.
 */
struct relid_slot {
    void (*on_event)(void *device);
    void *device;
};

/*
 * Eight lines of cache on a 64-bit machine, with a host that offers 2047 in mind: what starting the
 * handler touches and what many places ask for, within a byte's reach as in struct vmb_guest; what
 * the writer and the reader touch; the rest. Nothing is kept that can be had from elsewhere, and
 * one request's place serves all (docs/DESIGN.md, "Memory of a channel").
 */
struct vmb_channel {
    /* dispatch: what starting the handler touches. */
    vmb_atomic_u32 *gate; /* Of its relid; that of relid 0 while it has none. */
    struct vmb_guest *guest;
    vmb_atomic_u32 home; /* VP to lend the gate to, or VMB_VP_NONE. See vmb_loan.h. */
    uint8_t notify;      /* enum vmb_notify; set while the gate is closed. */
    bool monitored;
    bool private_ring;         /* The paravisor's channel: rings private, signalled by its call. */
    uint8_t phase;             /* control: enum channel_phase */
    vmb_atomic_word runs;      /* Handler calls by those who claimed the gate. */
    vmb_atomic_word reruns;    /* Those of them that another one had just preceded. */
    vmb_atomic_word coalesced; /* Any VP. */

    /* control */
    uint32_t relid;
    uint32_t target_vp;
    const struct vmb_driver *driver;
    void *device;
    /* The request under way, of which there is one at a time: open, move, close, release. */
    struct vmb_post post; /* While VPs are waited for, and in a free channel, a place in a list. */
    uint64_t deadline_ns;
    vmb_channel_done done;
    void *done_context;
    uint32_t ring_handle; /* 0 unless the host knows the rings or is being told of them. */
    uint16_t tx_pages;
    uint16_t rx_pages;
    uint16_t wanted_vp; /* Of the retarget under way. */
    uint8_t modify;     /* enum modify_state */
    int8_t end_status;  /* What `done` will be told when the rings are ours again. */
    uint8_t user_data_bytes;
    bool rescinded : 1;
    bool rescind_told : 1;
    bool let_go : 1; /* By its user, while something of ours still kept it. */
    bool stuck_seen : 1;
    bool private_memory : 1; /* private_ring, and so is what its device is given besides. */

    /* The writer's line, the reader's line; counts on from one life to the next. */
    VMB_CACHE_ALIGNED struct vmb_endpoint endpoint;

    /* control */
    void *context;
    const void *user_data; /* The caller's, while it opens. */
    /* Of the rings, if the endpoint has a control page: see vmb_guest_rings.c. */
    vmb_gpn ring_gpn;
    void *ring_owner;
    uint32_t open_id;
    uint32_t host_status;
    uint32_t grace_ticket;
    uint32_t gpadl_count;       /* Of the device's, without the ring's. */
    uint32_t stuck_read_offset; /* Where the host's packets began at the last look. */
    uint32_t stuck_runs;        /* And how often the handler had run, modulo 2^32. */
    uint32_t balance_runs;      /* And at the last rebalancing. */
    uint32_t opens;
    uint32_t retargets;
    struct vmb_msg_offer offer;
};

/* What an interrupt of a VP has to look at besides its first word of flags and its slot. */
#define VP_BEYOND_WORDS 0xffu       /* So many words of flags that follow (R9), */
#define VP_BEYOND_SYNIC 0x80000000u /* and a second SynIC. */

/* One VP. The lines that its interrupt writes are its own. */
struct vmb_guest_vp {
    /*
     * What an interrupt needs: one line. Set by vp_start before the SINT is unmasked, but for
     * `beyond`, which follows the relids that are mapped.
     */
    VMB_CACHE_ALIGNED vmb_atomic_ptr flags; /* Our SINT's 2048; NULL: out of service. */
    vmb_atomic_ptr slot;                    /* Message slot of our SINT. */
    vmb_atomic_word beyond;                 /* VP_BEYOND_*; 0 in most guests. */
    struct vmb_guest *guest;                /* Constant after init, as the index. */
    /* vp: written in the interrupts of this VP. */
    vmb_atomic_word interrupts;
    vmb_atomic_word events;
    vmb_atomic_word started;
    vmbi_section dispatching;
    uint32_t index;

    /* Of the second SynIC, as above; NULL where there is none. */
    vmb_atomic_ptr paravisor_flags;
    vmb_atomic_ptr paravisor_slot;
    /* control: `slot` again. Whoever looks for messages leaves alone what interrupts write. */
    void *polled_slot;
    /* vp: the same, but seldom. */
    vmb_atomic_word coalesced;
    vmb_atomic_word stray_unmapped;
    vmb_atomic_word stray_closed;
    vmb_atomic_word legacy;
    vmb_atomic_word messages;

    /* vp: written in vmb_guest_run() of this VP. */
    VMB_CACHE_ALIGNED vmbi_section running;
    uint32_t run_word; /* Where the next run goes on, so that no channel starves. */

    /* control */
    uint8_t service; /* enum vp_service */
    bool unfenced;   /* Channels have moved away, and no answer of the host came after that. */
    bool gives;      /* While rebalancing: it may still have a channel to give away, */
    uint64_t load;   /* and the recent interrupts of its channels. */

    /*
     * Channels that are due on this VP. `ready`: whoever set it has left an event pending at the
     * gate. `arrived`: the interrupt has passed events of deferred channels on, gate unseen.
     */
    VMB_CACHE_ALIGNED vmb_atomic_word ready[RELID_WORDS];
    VMB_CACHE_ALIGNED vmb_atomic_word arrived[RELID_WORDS];

    /* Relids whose gates are lent to this VP, as far as its interrupts have noted it: vmb_loan.h.
     */
    VMB_CACHE_ALIGNED vmb_atomic_word borrowed[RELID_WORDS];

    /* vp: handler calls in the interrupts of this VP, by gates that are lent to it; modulo 2^32. */
    VMB_CACHE_ALIGNED vmb_atomic_u32 runs[VMB_RELID_COUNT];
};

struct vmb_guest {
    /* dispatch: read by every interrupt, changed by the control plane. */
    vmb_atomic_word scan_words;  /* Words of flags that can hold a mapped relid (R9): set by
                                    vmbi_relid_scan(). */
    vmb_atomic_ptr legacy_page;  /* Interrupt page, if the host is older than 2.4. */
    vmb_atomic_ptr monitor_page; /* Where monitored channels signal the host; NULL: nowhere. */
    uint32_t vp_count;           /* As in the options, near. */
    /*
     * The rest of the line, and the next: what is asked for in many places and seldom changes. An
     * offset below 128 takes a byte of an instruction, another one four.
     */
    uint8_t state;            /* enum bus_state */
    uint8_t pause;            /* enum pause_state */
    bool contact_waiting;     /* For VPs to leave what the last connection had. */
    bool contact_doubtful;    /* The host may hold the pages of an attempt it never answered. */
    struct vmb_guest_vp *vps; /* Constant after init, as the next. */
    struct vmb_channel *channel_memory;
    uint32_t version;
    uint32_t features;
    uint32_t asking_version;
    uint32_t suspended_version;    /* To come back with; 0 if no device sleeps. */
    uint64_t deadline_ns;          /* Of the bus's own request. */
    uint64_t earliest_deadline_ns; /* No wait ends before it. */
    struct vmb_gpadl *gpadls;
    uint32_t stopping_vp; /* VMB_VP_NONE if none is. */
    vmb_status stop_status;
    struct vmb_guest_options options; /* Constant after init. */
    /* Relids whose events are passed on unseen: their channels are deferred. */
    VMB_CACHE_ALIGNED vmb_atomic_word deferred[RELID_WORDS];
    VMB_CACHE_ALIGNED vmb_atomic_ptr channels[VMB_RELID_COUNT]; /* R1. */
    VMB_CACHE_ALIGNED struct relid_slot slots[VMB_RELID_COUNT];
    VMB_CACHE_ALIGNED vmb_atomic_u32 gates[VMB_RELID_COUNT]; /* Closed where nothing is mapped. */

    /*
     * A slot was seen full; the next poll looks at all. Each message writes it, and each poll:
     * apart from what interrupts read.
     */
    VMB_CACHE_ALIGNED vmb_atomic_u32 message_waiting;

    /* control, constant after init */
    struct vmb_guest_platform platform;
    struct vmb_guest_platform paravisor; /* Those of its calls that differ; else all NULL. */
    struct vmb_guest_events events;

    /* Those in use, see vmb_guest_part.h. */
    const struct guest_part *parts[PART_COUNT];
    const struct guest_sleep *sleep;
    void (*stop_poll)(struct vmb_guest *guest); /* Go on with the VP that is being stopped. */

    /* control */
    bool offers_told;
    bool suspending; /* The unload under way keeps the devices. */
    uint32_t message_connection;
    uint32_t next_gpadl;
    uint32_t next_open_id;
    uint32_t highest_relid;
    uint32_t channel_count;
    struct vmb_pages
        contact_pages; /* Interrupt page, monitor pages to the guest and to the host. */
    struct vmb_post *free_channels;
    struct vmb_post *quiescing;
    struct vmb_tl_connect *tl_connects;
    bool stop_fencing; /* A fence has been sent for this stop, */
    bool stop_fenced;  /* and answered. */
    bool shares_lost;  /* The host may hold rings or GPADLs that are not ours any more. */
    void (*stop_done)(void *context, uint32_t vp, vmb_status status);
    void *stop_context;
    struct vmb_gpadl fence_gpadl;
    struct vmb_gpadl_range fence_range;
    struct vmb_pages monitors;     /* Two pages that replaced those of the contact. */
    struct vmb_pages new_monitors; /* That the host is being told of. */
    bool moving_monitors;
    uint64_t move_deadline_ns;
    void (*move_done)(void *context, vmb_status status);
    void *move_context;
    struct vmb_post move_post;
    uint64_t pause_deadline_ns;
    uint32_t pauses_owed; /* Posted and not answered, in time or not. */
    void (*pause_done)(void *context, vmb_status status);
    void *pause_context;
    struct vmb_post pause_post;
    struct vmb_post resume_post;
    bool crash_said;
    uint64_t crash_deadline_ns;
    struct vmbi_grace grace;
    uint32_t leave_ticket;
    struct vmb_post contact_post;
    struct vmb_post offers_post;
    struct vmb_post unload_post;
    struct vmb_post *outbox_first;
    struct vmb_post *outbox_last;
    uint32_t post_tries;
    uint64_t post_retry_ns; /* Not before; 0: at once. */
    uint64_t log_window_ns;
    uint32_t log_lines;
    struct vmb_guest_counters counters;
};

/* vmb_guest.c */
struct vmb_channel *vmbi_channel_after(const struct vmb_guest *guest, struct vmb_channel *channel);

/* vmb_guest_relids.c */
void vmbi_relid_map(struct vmb_guest *guest, struct vmb_channel *channel);
void vmbi_relid_unmap(struct vmb_guest *guest, struct vmb_channel *channel);
void vmbi_relid_scan(struct vmb_guest *guest, uint32_t words);
void vmbi_relid_look_beyond(struct vmb_guest_vp *vp);
void vmbi_relid_forget_flags(struct vmb_guest *guest, uint32_t relid);
void vmbi_relid_defer(struct vmb_guest *guest, uint32_t relid, bool defer);
uintptr_t vmbi_relid_runs(const struct vmb_guest *guest, uint32_t relid);

/* vmb_guest_run.c */
enum vmbi_claim vmbi_channel_claim(struct vmb_guest *guest, uint32_t relid);
void vmbi_channel_close_gate(struct vmb_channel *channel);
uintptr_t vmbi_channel_runs(const struct vmb_channel *channel);
void vmbi_channel_start(struct vmb_guest *guest, struct vmb_channel *channel, uint32_t vp);
void vmbi_channel_run_later(struct vmb_channel *channel);
void vmbi_channel_make_due(struct vmb_guest *guest, uint32_t relid, uint32_t vp);

/* The owner of a post that is a member of it. */
#define VMBI_POST_OWNER(type, member, post)                                                        \
    ((struct type *)(void *)((uint8_t *)(post)-offsetof(struct type, member)))

/* vmb_guest_outbox.c */
/* @kind is an enum post_kind, or the index of a part. */
void vmbi_post_queue(struct vmb_guest *guest, struct vmb_post *post, uint32_t kind);
void vmbi_post_first(struct vmb_guest *guest, struct vmb_post *post, uint32_t kind);
void vmbi_post_cancel(struct vmb_guest *guest, struct vmb_post *post);
bool vmbi_outbox_poll(struct vmb_guest *guest);
/* When the next message may be posted; VMB_NEVER: none waits, or not for the time. */
uint64_t vmbi_outbox_deadline_ns(const struct vmb_guest *guest);

/* vmb_guest_connect.c */
vmb_status vmbi_connect(struct vmb_guest *guest, uint32_t version);
uint32_t vmbi_contact_features(const struct vmb_guest *guest);
void vmbi_contact_build(struct vmb_guest *guest, struct vmb_post *post,
                        struct vmb_message *message);
void vmbi_contact_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status);
void vmbi_offers_end(struct vmb_guest *guest);
void vmbi_offers_requested(struct vmb_guest *guest, struct vmb_post *post, vmb_status status);
void vmbi_unload_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status);
void vmbi_on_version_response(struct vmb_guest *guest, const struct vmb_message *message);
void vmbi_on_unload_complete(struct vmb_guest *guest, const struct vmb_message *message);
void vmbi_contact_poll(struct vmb_guest *guest);
void vmbi_leave_poll(struct vmb_guest *guest);
void vmbi_bus_timeout(struct vmb_guest *guest);

/* vmb_guest_offer.c */
bool vmbi_offer_same_device(const struct vmb_msg_offer *left, const struct vmb_msg_offer *right);
void vmbi_on_offer(struct vmb_guest *guest, const struct vmb_message *message);
void vmbi_on_rescind(struct vmb_guest *guest, const struct vmb_message *message);
void vmbi_rescind_settled(struct vmb_channel *channel);
void vmbi_let_go_unasked(struct vmb_channel *channel);
void vmbi_channel_free(struct vmb_channel *channel);
void vmbi_release_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status);

/* vmb_guest_monitor.c */
bool vmbi_monitor_signal(struct vmb_channel *channel);

/* vmb_guest_paravisor.c */
VMB_INLINE bool vmbi_has_paravisor(const struct vmb_guest *guest)
{
    return guest->paravisor.post_message != NULL;
}
/* Whom to call about what is the paravisor's, or is not. */
VMB_INLINE const struct vmb_guest_platform *vmbi_calls(const struct vmb_guest *guest,
                                                       bool of_paravisor)
{
    return of_paravisor ? &guest->paravisor : &guest->platform;
}
/* To the SynIC whose slot has been emptied: the other one does not look at it. */
VMB_INLINE void vmbi_end_of_message(struct vmb_guest *guest, uint32_t vp, bool paravisor)
{
    const struct vmb_guest_platform *calls = vmbi_calls(guest, paravisor);

    calls->end_of_message(calls->context, vp);
}
bool vmbi_paravisor_offer(struct vmb_channel *channel);
vmb_status vmbi_post_message(struct vmb_guest *guest, uint32_t connection_id,
                             const struct vmb_message *message);
vmb_status vmbi_pages_share(struct vmb_guest *guest, bool of_paravisor, uint32_t page_count,
                            struct vmb_pages *out_pages);
void vmbi_pages_leave(struct vmb_guest *guest, bool of_paravisor, struct vmb_pages *pages,
                      bool host_let_go);
vmb_status vmbi_expose(struct vmb_gpadl *gpadl);
void vmbi_conceal(struct vmb_gpadl *gpadl);

/* vmb_guest_rings.c */
vmb_status vmbi_rings_make(struct vmb_channel *channel, void (*ring_doorbell)(void *context));
void vmbi_rings_leave(struct vmb_channel *channel, bool host_let_go);
struct vmb_channel *vmbi_rings_by_handle(struct vmb_guest *guest, uint32_t handle);
void vmbi_rings_share(struct vmb_channel *channel);
void vmbi_rings_build(struct vmb_guest *guest, struct vmb_post *post, struct vmb_message *message);
void vmbi_rings_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status);
void vmbi_on_gpadl_created(struct vmb_guest *guest, const struct vmb_message *message);
void vmbi_rings_unshare(struct vmb_channel *channel);
void vmbi_rings_teardown_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status);
void vmbi_on_gpadl_torndown(struct vmb_guest *guest, const struct vmb_message *message);
void vmbi_rings_timeout(struct vmb_channel *channel);

/* vmb_guest_open.c */
void vmbi_open_shared(struct vmb_channel *channel, vmb_status status);
void vmbi_open_build(struct vmb_guest *guest, struct vmb_post *post, struct vmb_message *message);
void vmbi_open_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status);
void vmbi_on_open_result(struct vmb_guest *guest, const struct vmb_message *message);
void vmbi_open_rescinded(struct vmb_channel *channel);
void vmbi_open_timeout(struct vmb_channel *channel);

/* vmb_guest_close.c */
void vmbi_channel_tell(struct vmb_channel *channel, vmb_status status);
void vmbi_channel_shut(struct vmb_channel *channel);
void vmbi_close_begin(struct vmb_channel *channel, vmb_status reason, vmb_channel_done done,
                      void *done_context);
void vmbi_close_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status);
void vmbi_modify_forget(struct vmb_channel *channel);
void vmbi_close_unshare(struct vmb_channel *channel, vmb_status end_status);
void vmbi_close_unshared(struct vmb_channel *channel, vmb_status status);
bool vmbi_quiesce_poll(struct vmb_guest *guest);
void vmbi_quiesce(struct vmb_channel *channel, enum channel_phase phase);
void vmbi_channel_drop(struct vmb_channel *channel);

/* vmb_guest_modify.c */
void vmbi_channel_settle_at(struct vmb_channel *channel);

/* vmb_guest_gpadl_words.c */

/* What the host is told of a GPADL, in words of 8 bytes, and how much of it has been said. */
struct gpadl_words {
    uint32_t relid;
    uint32_t handle;
    const struct vmb_gpadl_range *ranges;
    uint32_t range_count;
    uint32_t total;
    uint32_t sent;
};
struct vmb_gpadl *vmbi_gpadl_by_handle(struct vmb_guest *guest, uint32_t handle);
uint32_t vmbi_gpadl_new_handle(struct vmb_guest *guest, uint32_t relid);
/* What of @total words will have been said when the message behind @sent of them has. */
uint16_t vmbi_gpadl_words_next(uint32_t total, uint32_t sent);
void vmbi_gpadl_words_build(const struct gpadl_words *words, struct vmb_message *message);

/* vmb_guest_gpadl.c */
vmb_status vmbi_gpadl_create(struct vmb_channel *channel, struct vmb_gpadl *gpadl,
                             const struct vmb_gpadl_range *ranges, uint32_t range_count,
                             vmb_gpadl_done done, void *done_context);

/* vmb_guest_log.c */
void vmbi_guest_log(struct vmb_guest *guest, enum vmb_log_level level, const char *text,
                    uint32_t number, uint32_t second);

/* vmb_guest_poll.c */
uint64_t vmbi_deadline(struct vmb_guest *guest, uint64_t timeout_ns);
uint64_t vmbi_answer_deadline(struct vmb_guest *guest);
void vmbi_unexpected(struct vmb_guest *guest, uint32_t number, uint32_t relid);

#endif /* VMB_GUEST_STATE_H */
