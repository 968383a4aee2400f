/* SPDX-License-Identifier: MIT */
/* What a play is made of. Private to vmb_sim_play*.c. */
#ifndef VMB_SIM_PLAY_STATE_H
#define VMB_SIM_PLAY_STATE_H

#include <vmbus/monitor.h>
#include <vmbus/stuck.h>
#include <vmbus/tl_connect.h>

#include "sim/vmb_sim_device.h"
#include "sim/vmb_sim_play.h"
#include "sim/vmb_sim_virtual.h"

#define PLAY_DEVICES  5u
#define PLAY_SUBS     3u /* Channels of a device, the primary one too. */
#define PLAY_CHANNELS (PLAY_DEVICES * PLAY_SUBS)
#define PLAY_VPS      4u

/* Where the guest's bus is. */
enum play_bus {
    PLAY_DOWN,
    PLAY_CONNECTING,
    PLAY_UP,
    PLAY_SUSPENDING,
    PLAY_ASLEEP,
    PLAY_LEAVING
};

enum play_gpadl {
    PLAY_GPADL_NONE,
    PLAY_GPADL_CREATING,
    PLAY_GPADL_READY,
    PLAY_GPADL_REVOKING,
    PLAY_GPADL_ORPHAN /* The bus went away under it: its page is ours when that has ended. */
};

struct play;

struct play_channel {
    struct play *play;
    struct vmb_sim_device device;

    /* The guest's. */
    struct vmb_channel *channel; /* NULL: not offered. */
    bool opening, closing, moving, revoked, monitored;
    struct vmb_gpadl gpadl;
    enum play_gpadl gpadl_state;
    struct vmb_gpadl_range gpadl_range;
    struct vmb_pages gpadl_pages;

    /* The host's. */
    struct vmb_host_channel *host_channel; /* NULL: not on the bus, or revoked. */
    bool releasing;                        /* Revoked, and not released yet. */

    uint64_t mark; /* Answers when progress began to be measured. */
};

struct play {
    struct vmb_sim_play_options options;
    struct vmb_sim_play_result *result;
    struct vmb_sim_checks checks;
    struct vmb_sim_random random; /* The script's. */
    struct vmb_sim_random fault_random;
    struct vmb_sim_random break_random;
    struct vmb_sim_virtual runner;
    struct vmb_sim_world world;
    struct vmb_sim_actor script;
    struct vmb_sim_actor poller;
    uint64_t next_op_ns;
    uint32_t ops_left;
    uint32_t faults;

    /* Failures that the seed wishes. */
    uint32_t share_per_mille;
    uint32_t share_from; /* That share and all later ones fail; 0: none. */
    uint32_t share_until;
    uint32_t shares;
    uint32_t map_per_mille;
    uint32_t fatal_per_mille;

    /* Of a scenario. */
    bool steps_counted; /* It has begun. */
    bool step_due;      /* A fault that the script has to do. */
    uint32_t steps_act;

    enum play_bus bus;
    bool doubtful; /* Something failed or timed out: guest and host may not mean the same. */
    bool settling; /* The script is over: end what only we can end. */
    bool calm;     /* Faults are over: open whatever is offered. */
    bool asleep;   /* Devices sleep: the way back is a resume. */
    uint64_t not_before_ns; /* When to try again to connect. */
    bool vp_down[PLAY_VPS];
    bool vp_leaving;
    bool pausing, paused, monitors_moving;
    uint64_t leaked_pages; /* By ourselves. */
    uint32_t host_connected;

    struct vmb_tl_connect socket;
    bool socket_asking;
    bool socket_wanted; /* The host owes an answer. */
    struct vmb_msg_tl_connect_request socket_request;
    struct vmb_host_channel *socket_host;
    struct vmb_channel *socket_channel;

    struct play_channel channels[PLAY_CHANNELS];
    uint32_t device_count;
    /* VMB_SIM_PLAY_BREAK_PERCPU_LISTS: on whose list a relid is. */
    uint8_t lists[VMB_RELID_COUNT];
    void (*next_interrupt)(void *guest, uint32_t vp);
};

struct vmb_guest *play_guest(struct play *play);
struct vmb_host *play_host(struct play *play);

/* vmb_sim_play_guest.c: the guest's side of the script. */
void play_guest_events(struct play *play, struct vmb_guest_events *events);
void play_guest_op(struct play *play);
void play_guest_keep(struct play *play); /* Whatever is down comes up again, one step. */
void play_guest_open(struct play_channel *channel);
void play_guest_close(struct play_channel *channel);
void play_guest_unload(struct play *play);
void play_guest_continue(struct play *play);
void play_guest_move(struct play_channel *channel);
void play_guest_vp(struct play *play, bool stop);
void play_guest_gpadl(struct play_channel *channel, bool create);
void play_guest_suspend(struct play *play);
void play_guest_ask_socket(struct play *play);
void play_guest_move_monitors(struct play *play);
void play_guest_let_go(struct play_channel *channel);
bool play_guest_idle(const struct play *play); /* No request is under way. */
void play_gpadl_revoke(struct play_channel *channel);

/* vmb_sim_play_host.c: the host's. */
void play_host_events(struct play *play, struct vmb_host_events *events);
void play_host_op(struct play *play);
void play_host_offer(struct play_channel *channel);
void play_host_revoke(struct play_channel *channel);
void play_host_die(struct play *play, uint64_t duration_ns);
void play_host_replace(struct play *play);
void play_host_restore(struct play *play); /* Every device is on the bus again. */

/* vmb_sim_play_faults.c */
void play_faults_choose(struct play *play, struct vmb_sim_world_options *world,
                        struct vmb_sim_virtual_options *runner);
vmb_status play_faults_before(void *context, enum vmb_sim_point point);

/* vmb_sim_play_steps.c */
void play_steps_choose(struct play *play, struct vmb_sim_world_options *world);
vmb_status play_steps_before(struct play *play, enum vmb_sim_point point);
void play_steps_fault(struct play *play);
void play_steps_op(struct play *play);

/* vmb_sim_play_breaks.c */
void play_break_install(struct play *play);
void play_break_step(struct play *play); /* Between two steps of the script. */
void play_break_message(struct play *play, bool to_guest, const void *bytes, uint32_t byte_count);
void play_list(struct play *play, uint32_t relid, uint32_t vp);

#endif /* VMB_SIM_PLAY_STATE_H */
